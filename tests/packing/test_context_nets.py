"""Nets with global context: packed and PyTorch agree, as floats, binary and int8, for any size of image."""

import numpy as np
import pytest
import torch
from packing_nets import Function, head, ops, packs_right, trained
from torch import nn

import leveret
from leveret import runtime
from leveret.context import (
    FCN,
    DenseCRF,
    GlobalContext,
    L2Norm,
    ParseNet,
    PyramidPooling,
    Refined,
    Taps,
    street_backbone,
)
from leveret.errors import LeveretPackError
from leveret.nets import ConvNet, ExactConv2d, ResNet
from leveret.runtime import kernels
from leveret.shrink.binary import BiRealBlock, XnorBlock


def images(height, width, channels=3, batch=3):
    return torch.randn(batch, channels, height, width, generator=torch.Generator().manual_seed(1))


def backbone(**options):
    return street_backbone(widths=(6, 8, 10), depths=(1, 1, 2), **options)


def tapped(*layers):
    net = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU(), *head(8, 10))
    return Taps(net, layers)


SEGMENTERS = {
    "fcn": (lambda: FCN(backbone(), 4), (16, 24)),
    "parsenet": (lambda: ParseNet(backbone(), 4), (16, 24)),
    "late": (lambda: ParseNet(backbone(), 4, fusion="late"), (17, 23)),
    "unnormalised": (lambda: ParseNet(backbone(batch_norm=False), 4, normalize=False, stride=4), (13, 24)),
    "pyramid": (lambda: ParseNet(backbone(), 4, pyramid=True, stride=8), (35, 30)),
    "resnet": (lambda: ParseNet(ResNet(3, 10, blocks=(1, 1, 1), widths=(4, 6, 8)), 4, stride=2), (5, 1)),
    "convnet": (lambda: FCN(ConvNet(3, 10, depth=3, width=6, stages=2), 4), (9, 9)),
    "named-layers": (lambda: ParseNet(tapped("0", "3"), 4), (15, 20)),
    "bireal": (lambda: ParseNet(backbone(block=BiRealBlock), 4), (16, 21)),
    "xnor": (lambda: ParseNet(backbone(block=XnorBlock), 4), (16, 21)),
}


@pytest.mark.parametrize("name", SEGMENTERS)
def test_a_segmenter_packs_and_gives_maps_of_the_images_size(name, tmp_path):
    make, size = SEGMENTERS[name]
    x = images(*size)
    packed = packs_right(trained(make()), x)
    assert packed(x.numpy()).shape == (3, 4, *size)
    if kernels.available_isas() != ["reference"]:
        assert packed._engine is not None, "it should run as one native graph"
    # what is cut off in the end isn't made before
    assert ("slice" in ops(packed)) == (name == "convnet")  # which has no last step that resizes
    packed.save(tmp_path / "net.lvr")
    np.testing.assert_array_equal(runtime.load(tmp_path / "net.lvr")(x.numpy()), packed(x.numpy()))


def test_a_binary_backbone_beneath_real_context():
    net = trained(ParseNet(backbone(), 4))
    net.backbone = leveret.binarize(net.backbone, keep_last=False)
    packed = packs_right(trained(net), images(16, 24))
    assert sum(op.startswith("bit_conv2d") for op in ops(packed)) == 3


def test_an_int8_backbone_beneath_real_context():
    x = images(16, 24, batch=8)
    net = leveret.quantize(trained(ParseNet(backbone(), 4)), [x], skip=["heads"])
    packed = packs_right(net, x)
    assert ops(packed).count("int8_conv2d") == 4
    # the sums are whole, so what differs is what the real layers round
    with torch.no_grad():
        np.testing.assert_allclose(packed(x.numpy()), net(x).numpy(), rtol=1e-5, atol=1e-4)


def test_what_a_tap_does_not_need_is_left_out():
    packed = packs_right(trained(FCN(tapped("0"), 4)), images(8, 8))
    assert ops(packed) == ["conv2d", "conv2d", "resize"]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize(
    "make", [lambda: ConvNet(3, 5, depth=3, width=6, stages=2), lambda: ResNet.cifar(8, 3, 5, width=6)]
)
def test_a_classifier_with_context_packs(make, normalize):
    net = make()
    channels = net.classifier.in_features
    (net.blocks if isinstance(net, ConvNet) else net.stages).append(
        GlobalContext(channels, channels, normalize=normalize)
    )
    packed = packs_right(trained(net), images(8, 10))
    assert ops(packed).count("channel_norm") == 2 * normalize
    assert packed.output_shape == (5,)


def test_a_classifier_with_a_pyramid_packs():
    pyramid = PyramidPooling(8)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), pyramid, nn.Conv2d(pyramid.out_channels, 6, 1), nn.Flatten())
    packs_right(trained(nn.Sequential(*net, nn.Linear(6 * 25, 3))), images(11, 11))


def scaled(layer, *, twice=False, shared=False):
    """An L2 norm before a layer; its scale may be heard twice, or the layer's weights may be few values."""

    def run(x, norm, layer):
        y = norm(x)
        return layer(y) + y if twice else layer(y)

    net = trained(Function(run, 4, norm=L2Norm(4), layer=layer))
    if shared:
        layer.weight.data.copy_((2 * layer.weight.data).round() / 2)
    return ops(packs_right(net, images(6, 7, 4)))


def test_the_scale_of_a_norm_becomes_part_of_the_weights_behind_it():
    norm = ["channel_norm", "clip", "divide"]
    for layer in (nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, 2, padding=1)):
        assert scaled(layer) == [*norm, "conv2d", "global_avg_pool", "linear"]
    kept = [*norm, "affine", "conv2d", "global_avg_pool", "linear"]
    assert scaled(nn.Conv2d(4, 4, 3, padding=1), twice=True) == kept
    assert scaled(nn.Conv2d(4, 4, 3, padding=1), shared=True) == kept
    assert scaled(nn.Conv2d(4, 4, 3, groups=2)) == kept
    assert scaled(ExactConv2d(4, 4, 3)) == kept


def test_a_row_is_scaled_by_the_weights_too():
    net = trained(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), L2Norm(4), nn.Linear(4, 3)))
    assert ops(packs_right(net, images(5, 5, 4)))[-3:] == ["clip", "divide", "linear"]


def test_as_onnx_logits_are_the_same(tmp_path):
    pytest.importorskip("onnx", reason="onnx isn't installed: pip install 'leveret[onnx]'")
    pytest.importorskip("onnxruntime", reason="onnxruntime isn't installed: pip install 'leveret[onnx]'")
    from test_onnx import run

    x = images(17, 22)
    packed = packs_right(trained(ParseNet(backbone(), 4)), x)
    leveret.export_onnx(packed, tmp_path / "net.onnx")
    found, expected = run(tmp_path / "net.onnx", x.numpy()), packed(x.numpy())
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_a_crf_is_refused():
    net = Refined(trained(ParseNet(backbone(), 4)), DenseCRF(iterations=1))
    with pytest.raises(LeveretPackError, match="DenseCRF runs behind a packed net"):
        leveret.pack(net, images(8, 8))
