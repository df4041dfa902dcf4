"""Nets: plain `torch.nn.Module`s from images to logits, and the blocks that they are built from."""

from leveret.nets._blocks import BasicBlock, ConvBlock, ConvNetBlock, ExactConv2d, ResNetBlock
from leveret.nets._convnet import ConvNet
from leveret.nets._count import layer_operations, parameter_count
from leveret.nets._ensemble import Ensemble
from leveret.nets._initial import identity_start, whiten_stem
from leveret.nets._lateral import Lateral, Links
from leveret.nets._resnet import ResNet
from leveret.nets._shallow import ShallowNet

__all__ = [
    "BasicBlock",
    "ConvBlock",
    "ConvNet",
    "ConvNetBlock",
    "Ensemble",
    "ExactConv2d",
    "Lateral",
    "Links",
    "ResNet",
    "ResNetBlock",
    "ShallowNet",
    "identity_start",
    "layer_operations",
    "parameter_count",
    "whiten_stem",
]
