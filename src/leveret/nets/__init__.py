"""Nets: plain `torch.nn.Module`s from images, rows or texts to logits, and the blocks that they are built from."""

from leveret import _with_torch as _with_torch
from leveret.nets._bag import BagOfWords
from leveret.nets._blocks import BasicBlock, ConvBlock, ConvNetBlock, ExactConv2d, ResNetBlock
from leveret.nets._chain import LinearChainCRF
from leveret.nets._choose import encoder_for, net_for
from leveret.nets._convnet import ConvNet
from leveret.nets._cosine import CosineLinear
from leveret.nets._count import layer_operations, parameter_count
from leveret.nets._ensemble import Ensemble
from leveret.nets._entering import entering
from leveret.nets._final import final_linear, replaced_final
from leveret.nets._initial import identity_start, whiten_stem
from leveret.nets._lateral import Lateral, Links
from leveret.nets._letters import Letters
from leveret.nets._merged import MergedClasses
from leveret.nets._mlp import MLP
from leveret.nets._norm_bound import NormBoundLinear
from leveret.nets._resnet import ResNet
from leveret.nets._shallow import ShallowNet
from leveret.nets._tagger import SequenceTagger
from leveret.nets._text_conv import TextConvNet
from leveret.nets._word_table import WordTable

__all__ = [
    "MLP",
    "BagOfWords",
    "BasicBlock",
    "ConvBlock",
    "ConvNet",
    "ConvNetBlock",
    "CosineLinear",
    "Ensemble",
    "ExactConv2d",
    "Lateral",
    "Letters",
    "LinearChainCRF",
    "Links",
    "MergedClasses",
    "NormBoundLinear",
    "ResNet",
    "ResNetBlock",
    "SequenceTagger",
    "ShallowNet",
    "TextConvNet",
    "WordTable",
    "encoder_for",
    "entering",
    "final_linear",
    "identity_start",
    "layer_operations",
    "net_for",
    "parameter_count",
    "replaced_final",
    "whiten_stem",
]
