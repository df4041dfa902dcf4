"""Users' own nets pack, agree with PyTorch, and are the same after a file in between."""

import numpy as np
import pytest
import torch
from packing_nets import ops, packs_right, trained
from torch import nn
from user_nets import FCN, VGG, BinaryResNet, BinaryVGG, KimCNN, MobileNet, ResNet, TextConvNet, UNet

from leveret import runtime
from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.packing import pack
from leveret.runtime import _native
from leveret.runtime._graph import Graph, Step
from leveret.shrink.binary import XnorConv2d, XnorLinear


def images(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def tokens(*shape, vocabulary=50):
    return torch.randint(0, vocabulary, shape, generator=torch.Generator().manual_seed(1))


NETS = {
    "vgg": lambda: (VGG(), images(4, 3, 16, 16)),
    "vgg-without-norm": lambda: (VGG(norm=False), images(4, 3, 19, 24)),
    "vgg-of-one-place": lambda: (VGG(places=3), images(4, 3, 8, 8)),  # the classifier's places are copies of one
    "vgg-of-odd-places": lambda: (VGG(places=3), images(4, 3, 64, 40)),
    "binary-vgg": lambda: (BinaryVGG(), images(6, 3, 16, 17)),
    "resnet": lambda: (ResNet(), images(3, 3, 33, 40)),
    "resnet-option-a": lambda: (ResNet(option="A"), images(3, 3, 32, 32)),
    "binary-resnet": lambda: (BinaryResNet(), images(6, 3, 12, 12)),
    "mobilenet-v2": lambda: (MobileNet(), images(3, 3, 24, 24)),
    "mobilenet-v3": lambda: (MobileNet(activation=nn.Hardswish, se="conv"), images(3, 3, 24, 20)),
    "mobilenet-se": lambda: (MobileNet(activation=nn.SiLU, se="linear"), images(3, 3, 24, 20)),
    "text": lambda: (TextConvNet(), tokens(5, 20)),
    "kim": lambda: (KimCNN(), tokens(5, 17)),
    "fcn": lambda: (FCN(), images(2, 3, 36, 41)),
    "fcn-bilinear": lambda: (FCN(up="bilinear"), images(2, 3, 36, 41)),
    "unet": lambda: (UNet(), images(2, 3, 13, 16)),
}


@pytest.mark.parametrize("name", NETS)
def test_it_packs_agrees_and_comes_back_from_its_file(name, tmp_path):
    net, x = NETS[name]()
    packed = packs_right(trained(net), x)
    packed.save(tmp_path / "net.lvr")
    again = runtime.load(tmp_path / "net.lvr")
    assert again.input == packed.input
    assert again.layers() == packed.layers()
    np.testing.assert_array_equal(again(x.numpy()), packed(x.numpy()))


def test_a_binary_vgg_passes_bits_from_pool_to_pool():
    net, x = NETS["binary-vgg"]()
    packed = packs_right(trained(net), x)
    assert ops(packed) == [
        "conv2d", "bits",
        "bit_conv2d_to_bits", "bit_max_pool2d",
        "bit_conv2d_to_bits", "bit_max_pool2d",
        "bit_conv2d", "affine", "avg_pool2d", "flatten", "linear",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [5, 64])
@pytest.mark.parametrize("norm", [True, False])
def test_bits_stay_bits_in_a_flattened_binary_classifier(width, norm):
    """Exactly PyTorch's signs, with a norm of the image before the flattening or one of its features behind."""
    net = nn.Sequential(
        XnorConv2d(3, width, 3, padding=1, weight_scale=False),
        *([nn.BatchNorm2d(width)] if norm else []),
        nn.MaxPool2d(2),
        nn.Flatten(),
        *([] if norm else [nn.BatchNorm1d(width * 12)]),
        XnorLinear(width * 12, 70, weight_scale=False),
        nn.BatchNorm1d(70),
        XnorLinear(70, 7),
        nn.BatchNorm1d(7),
    )
    x = images(20, 3, 6, 8)
    packed = packs_right(trained(net), x)
    if norm:
        bits = ["bits", "bit_conv2d_to_bits", "bit_max_pool2d", "bit_flatten"]
        assert ops(packed) == [*bits, "bit_linear_to_bits", "bit_linear", "affine"]
    else:
        assert ops(packed)[-4:] == ["bits", "bit_linear_to_bits", "bit_linear", "affine"]
    with torch.no_grad():
        expected = net(x).numpy()
    # sums of signs are whole: a wrong sign would show as more than the last bit
    np.testing.assert_allclose(packed(x.numpy()), expected, rtol=1e-6, atol=1e-6)


def test_maps_have_the_inputs_size():
    net, x = NETS["fcn"]()
    packed = pack(trained(net), x, classes=("sky", "road", "car", "tree"))
    assert packed(x.numpy()).shape == (2, 4, 36, 41)
    assert packed(x.numpy()).flags.c_contiguous
    assert packed.predict(x.numpy()).shape == (2, 36, 41)
    assert packed(x.numpy()[:0]).shape == (0, 4, 36, 41)


def test_a_text_net_checks_its_ids():
    net, x = NETS["kim"]()
    packed = pack(trained(net), x, classes=("bad", "so", "good"))
    assert packed.input.vocabulary == 50  # the smaller of two tables
    ids = x.numpy().copy()
    assert packed(ids.astype(np.int32)).shape == packed(ids).shape == (5, 3)
    assert packed(ids[0]).shape == (1, 3)
    assert packed(ids[:0]).shape == (0, 3)
    ids[3, 2] = 50
    with pytest.raises(LeveretUsageError, match=r"in 0\.\.49, got 50 in row 3, place 2"):
        packed(ids)
    ids[3, 2] = -1
    with pytest.raises(LeveretUsageError, match="got -1"):
        packed(ids)
    with pytest.raises(LeveretUsageError, match=r"must be \(n, 17\), padded or cut; got \(5, 16\)"):
        packed(ids[:, :16])
    with pytest.raises(LeveretUsageError, match="int64 array, got float32"):
        packed(ids.astype(np.float32))


def test_a_text_net_has_no_normalisation():
    from leveret.data import Normalization

    net, x = NETS["text"]()
    with pytest.raises(LeveretUsageError, match="token ids"):
        pack(net, x, normalization=Normalization((0.5,), (0.5,)))
    with pytest.raises(LeveretFormatError, match="vocabulary"):
        _ = runtime.InputContract((7,), vocabulary=0).value


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["mobilenet-v3", "kim", "fcn", "binary-vgg"])
def test_threads_change_nothing(name, threads):
    net, x = NETS[name]()
    packed = pack(trained(net), x)
    np.testing.assert_array_equal(packed(x.numpy(), threads=threads), packed(x.numpy(), threads=1))


NATIVE = ["vgg", "binary-vgg", "resnet", "binary-resnet", "mobilenet-v2", "mobilenet-v3", "mobilenet-se"]


@pytest.mark.skipif(_native.module is None, reason="no kernels were compiled")
@pytest.mark.parametrize("name", NETS)
def test_the_native_engine_gives_what_the_steps_give(name, monkeypatch):
    net, x = NETS[name]()
    packed = pack(trained(net), x)
    assert packed._engine is not None or name not in NATIVE
    monkeypatch.setattr("leveret.runtime._packed.build_engine", lambda *_: None)
    plain = runtime.Packed(packed.graph, packed.tensors, packed.input)
    for part in (x, x[:1]):
        got, expected = packed(part.numpy()), plain(part.numpy())
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.skipif(_native.module is None, reason="no kernels were compiled")
@pytest.mark.parametrize("function", ["elu", "gelu", "hardsigmoid", "hardswish", "mish", "softplus"])
def test_native_functions(function, monkeypatch):
    steps = [Step("f", "function", ["input"], {"function": function})]
    x = np.linspace(-30, 30, 1001, dtype=np.float32).reshape(1, 1, 7, 143)
    x = np.concatenate([x, np.full_like(x, -1e4), np.full_like(x, 1e4), np.zeros_like(x)])
    native = runtime.Packed(Graph(steps), {}, runtime.InputContract((1, 7, 143)))
    assert native._engine is not None
    monkeypatch.setattr("leveret.runtime._packed.build_engine", lambda *_: None)
    plain = runtime.Packed(Graph(steps), {}, runtime.InputContract((1, 7, 143)))
    with np.errstate(over="ignore", under="ignore"):
        np.testing.assert_allclose(native(x), plain(x), rtol=1e-5, atol=1e-6)
