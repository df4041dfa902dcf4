"""What the runtime lacks is refused by name: the layer, the operation, and what there is instead."""

import pytest
import torch
from packing_nets import Function
from torch import nn
from torch.nn import functional as F

from leveret.errors import LeveretPackError, LeveretUsageError
from leveret.packing import pack
from leveret.packing._registry import RULES
from leveret.packing._suggestions import SUGGESTIONS


class Named(nn.Module):
    """`middle` as the layer `features.middle`, so that its path shows."""

    def __init__(self, middle):
        super().__init__()
        self.features = nn.Sequential()
        self.features.add_module("middle", middle)
        self.classifier = nn.LazyLinear(3)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


@pytest.mark.parametrize(
    ("layer", "operation", "instead"),
    [
        (nn.InstanceNorm2d(4), "instance_norm", "use BatchNorm2d, which folds away, or GroupNorm"),
        (nn.LocalResponseNorm(3), "LocalResponseNorm: the runtime has no view", "use BatchNorm2d"),
        (nn.ChannelShuffle(2), "channel_shuffle", "use Conv2d with a kernel of 1"),
        (nn.Conv2d(4, 4, 2, padding="same"), "unevenly", "ZeroPad2d"),
        (nn.Upsample(scale_factor=2, mode="bicubic"), "upsample_bicubic2d", "mode='bilinear'"),
        (nn.AvgPool2d(2, divisor_override=3), "divisor_override", "the plain mean"),
        (nn.BatchNorm2d(4, track_running_stats=False), "training mode", "running statistics"),
        (nn.LayerNorm([4, 8, 8]), "layer_norm", "differs from place to place"),
        (nn.LayerNorm([8, 8]), "layer_norm", "over the last alone, or all"),
        (nn.Softshrink(), "softshrink", "x - clamp(x, -l, l)"),
        (nn.Threshold(0.1, 20.0), "threshold", "use ReLU"),
        (nn.Unfold(3), "im2col", "use Conv2d"),
        (nn.Unflatten(1, (2, 2)), "unflatten", "one to three axes"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_layers(layer, operation, instead):
    net = Named(layer)
    x = torch.randn(2, 4, 8, 8)
    net(x)
    with pytest.raises(LeveretPackError) as caught:
        pack(net, x)
    for word in ("features.middle", operation, instead):
        assert word in str(caught.value)


def test_an_unknown_operation_says_which_there_are():
    net = Named(nn.InstanceNorm2d(4))
    net(torch.randn(2, 4, 8, 8))
    with pytest.raises(LeveretPackError, match=r"batch_norm.*binary_conv2d.*conv2d.*max_pool2d"):
        pack(net, torch.randn(2, 4, 8, 8))


def test_what_is_suggested_is_not_what_is_there():
    for name, text in SUGGESTIONS.items():
        assert name not in RULES or name == "maximum"
        assert text[0].islower()
        assert not text.endswith(".")


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda x: x + torch.linspace(0, 1, 8), "differs from place to place"),
        (lambda x: torch.ones(4, 8, 8) / x, "div of a constant by a value"),
        (lambda x: torch.div(x, x, rounding_mode="floor"), "div that rounds"),
        (lambda x: x.norm(p=1, dim=1, keepdim=True) * x, "of order 1: of 2 alone"),
        (lambda x: x.norm(dim=(2, 3), keepdim=True) * x, "over several axes: flatten them"),
        (lambda x: x.norm(dim=0, keepdim=True) * x, "over the samples of a batch"),
        (lambda x: x.norm() * x, "over the samples of a batch"),
        (lambda x: F.conv2d(x, torch.abs(x)[:1, :, :3, :3]), "slice that moves, cuts or mixes the samples of a batch"),
        (lambda x: F.linear(x.flatten(1), x.flatten(1)), "weight is computed from the input"),
        (lambda x: torch.cat([x, x], 0), "cat that moves, cuts or mixes the samples of a batch"),
        (lambda x: torch.cat([x, torch.ones(2, 4, 8, 8)], 1), "trace|of constants"),
        (lambda x: x.to(torch.float16).float(), "float16"),
        (lambda x: x.flip(3), "flip: turn the images before the net"),
        (lambda x: x + x.sum(), "sum over the samples of a batch"),
        (lambda x: x.softmax(0), "over the samples of a batch"),
        (lambda x: x.reshape(-1, 64), "moves, cuts or mixes the samples of a batch"),
        (lambda x: x.transpose(0, 1), "of the batch's axis"),
        (lambda x: x[1:], "slice"),
        (lambda x: x[0], "select of the batch"),
        (lambda x: torch.where(x > 0, x, 0.5), "gt: use ReLU"),
        (lambda x: torch.maximum(x, -x), "maximum: use relu(a - b) + b"),
        (lambda x: torch.max(x, -x), "relu(a - b) + b"),
        (lambda x: x @ x, "matmul: attention and products of two values"),
        (lambda x: x**3, "pow but of 2, got 3; of 3 and more, write a product"),
        (lambda x: 1 / x, "reciprocal: a quotient of two values, a / b, packs"),
        (lambda x: x.sign(), "sign: use tanh or hardtanh"),
        (lambda x: x.view(x.size(0), 2, 2, 8, 8), "one to three axes; take channels apart with chunk"),
        (lambda x: x.argmax(1).float(), "Packed.predict gives the likeliest class"),
        (lambda x: x.clamp(max=x.mean((2, 3), keepdim=True)), "clamp but with numbers"),
    ],
)
def test_expressions(function, says):
    class Expression(nn.Module):
        def forward(self, x):
            return function(x).flatten(1)

    with pytest.raises(LeveretPackError) as caught:
        pack(Expression(), torch.randn(2, 4, 8, 8))
    assert any(word in str(caught.value) for word in says.split("|"))


@pytest.mark.parametrize(
    ("net", "says"),
    [
        (nn.Sequential(nn.Embedding(9, 4, max_norm=1.0), nn.Flatten(), nn.Linear(20, 2)), "embedding_renorm"),
        (nn.Sequential(nn.Embedding(9, 4), nn.LSTM(4, 2)), "lstm: use Conv1d layers over the length"),
        (nn.Sequential(nn.EmbeddingBag(9, 4), nn.Linear(4, 2)), "reshape of token ids|reshape"),
        (nn.Embedding(9, 4), "gives (n, 5, 4)"),
        (nn.Flatten(), "flatten of token ids"),
    ],
)
def test_texts(net, says):
    with pytest.raises(LeveretPackError) as caught:
        pack(net, torch.zeros(2, 5, dtype=torch.int64))
    assert any(word in str(caught.value) for word in says.split("|"))


def test_arithmetic_on_token_ids():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(9, 4)

        def forward(self, ids):
            return self.embedding(ids.clamp(max=3)).mean(1)

    with pytest.raises(LeveretPackError, match="clamp of token ids: an Embedding must come first"):
        pack(Masked(), torch.zeros(2, 5, dtype=torch.int64))


def branching(x):
    return x if x.sum() > 0 else -x


def test_branches_on_values_cannot_be_traced(capfd):
    """One line says so, with the place; torch's graphs and remarks are held back."""
    net = Named(Function(branching, 4))
    net(torch.randn(2, 4, 8, 8))
    with pytest.raises(LeveretPackError, match=r"Named, in layer 'features.middle': what it does depends on values"):
        pack(net, torch.randn(2, 4, 8, 8))
    assert capfd.readouterr().err == ""


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        y = x.flatten(2).transpose(1, 2)
        return self.attention(y, y, y)[0]


def test_attention_is_called_so():
    net = Named(Attending())
    net(torch.randn(2, 4, 8, 8))
    with pytest.raises(LeveretPackError, match=r"'features.middle.attention', MultiheadAttention:.*use Linear or Conv"):
        pack(net, torch.randn(2, 4, 8, 8))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda net: torch.jit.script(net), "the net, a RecursiveScriptModule, is TorchScript.*pack the nn.Module"),
        (lambda net: nn.Sequential(torch.jit.script(net)), "layer '0', a RecursiveScriptModule, is TorchScript"),
        (lambda net: nn.Sequential(net, nn.LazyLinear(2)), "layer '1', a LazyLinear, has no weights yet: run the net"),
        (
            lambda net: torch.ao.quantization.quantize_dynamic(net, {nn.Linear}),
            "layer '1', a Linear, was quantized by torch.*leveret.quantize",
        ),
    ],
)
def test_modules_that_no_trace_can_show(made, says):
    net = made(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).eval())
    with pytest.raises(LeveretPackError, match=says):
        pack(net, torch.randn(2, 1, 4, 4))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("1.weight", float("nan"), "parameter '1.weight' holds NaN or infinite"),
        ("1.bias", float("inf"), "parameter '1.bias' holds NaN or infinite"),
        ("2.running_var", float("nan"), "buffer '2.running_var' holds NaN"),
    ],
)
def test_weights_that_are_no_numbers(name, value, says):
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3), nn.BatchNorm1d(3)).eval()
    net.state_dict()[name].view(-1)[1] = value
    with pytest.raises(LeveretPackError, match=says):
        pack(net, torch.randn(2, 1, 4, 4))


class Outputs(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.linear, self.outputs = nn.Linear(16, 3), outputs

    def forward(self, x):
        return self.outputs(self.linear(x.flatten(1)))


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        (lambda y: (y, y), "2 values"),
        (lambda y: torch.ones(2, 3), "doesn't depend on its input"),
    ],
)
def test_outputs_that_are_not_logits(outputs, says):
    with pytest.raises(LeveretPackError, match=says):
        pack(Outputs(outputs), torch.randn(2, 1, 4, 4))


def test_one_output_in_a_tuple_is_taken():
    class Single(Outputs):
        def forward(self, x):
            return self.linear(x.flatten(1))

    assert pack(Single(None), torch.randn(2, 1, 4, 4)).layers()[-1].out_shape == (3,)


@pytest.mark.parametrize(
    "example",
    [
        torch.randn(1, 4, 4),
        torch.randn(0, 1, 4, 4),
        torch.zeros(2, 1, 4, 4, dtype=torch.uint8),
        torch.zeros(2, 1, 4, 4, dtype=torch.float64),
        torch.randn(2, 16),
        torch.zeros(2, 16, dtype=torch.int32),
        torch.zeros(0, 16, dtype=torch.int64),
        torch.zeros(2, 1, 4, 4, dtype=torch.int64),
        [[1.0]],
        None,
    ],
    ids=lambda value: str(getattr(value, "shape", value)),
)
def test_examples_that_are_no_batch_of_images(example):
    with pytest.raises(LeveretUsageError, match=r"example must be float32 images .* or int64 token ids"):
        pack(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), example)


def test_an_example_of_another_size_than_the_net_takes():
    with pytest.raises(LeveretUsageError, match=r"\(2, 1, 5, 5\) doesn't fit the net"):
        pack(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), torch.randn(2, 1, 5, 5))


def into_a_slice(y):
    y[:, :2] *= 2
    return y


def into_a_view(y):
    y.flatten(2).mul_(2)
    return y


def into_a_transpose(y):
    z = y.transpose(2, 3)
    z += 1
    return y


def by_relu(y):
    F.relu(y[:, :2], inplace=True)
    return y


def into_a_part(y):
    parts = y.chunk(2, 1)
    parts[0].add_(1)
    return torch.cat(parts, 1) + y


def behind_a_view(y):
    z = y.transpose(2, 3)
    y.mul_(3)
    return z


def behind_dropout(y):
    F.dropout(y, training=False).mul_(2)
    return y


@pytest.mark.parametrize(
    "function",
    [into_a_slice, into_a_view, into_a_transpose, by_relu, into_a_part, behind_a_view, behind_dropout],
    ids=lambda f: f.__name__,
)
def test_writes_that_the_trace_does_not_show(function):
    """Lowered as traced they would give other numbers than PyTorch's."""
    with pytest.raises(LeveretPackError, match=r"in place|no copy"):
        pack(Function(lambda x, a: function(a(x)), 4, a=nn.Conv2d(4, 4, 3)), torch.randn(2, 4, 8, 8))
