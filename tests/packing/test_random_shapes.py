"""Whatever moves values about, one after the other in any order that hypothesis thinks of: always PyTorch's numbers.

Torch's axes lose their meaning on the way, so this is where a wrong layout would show.
"""

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packing_nets import packs_right, trained
from torch import nn
from torch.nn import functional as F


class Steps(nn.Module):
    """Functions of a value and a layer each, then features for a classifier, or the maps themselves."""

    def __init__(self, steps):
        super().__init__()
        self.functions = [function for function, _ in steps]
        self.layers = nn.ModuleList(layer for _, layer in steps)

    def forward(self, x):
        for function, layer in zip(self.functions, self.layers, strict=True):
            x = function(x, layer)
        return x if x.dim() in (2, 4) else x.mean(-1)


def factors(n):
    return [d for d in range(1, n + 1) if n % d == 0]


def moved(draw, shape):
    """A function that moves values of a sample of `shape`; the batch comes first."""
    dims = len(shape) + 1
    axis = draw(st.integers(1, dims - 1))
    kind = draw(st.sampled_from(["permute", "view", "flatten", "slice", "pad", "cat", "stack", "squeeze", "split"]))
    if kind == "permute":
        order = [0, *draw(st.permutations(range(1, dims)))]
        return lambda x, _: x.permute(order)
    if kind == "view":
        whole = torch.Size(shape).numel()
        first = draw(st.sampled_from(factors(whole)))
        second = draw(st.sampled_from(factors(whole // first)))
        sides = draw(st.sampled_from([(whole,), (first, whole // first), (first, second, whole // first // second)]))
        return lambda x, _: x.reshape(x.size(0), *sides)
    if kind == "flatten":
        return lambda x, _: x.flatten(axis)
    if kind == "slice":
        start, step = draw(st.integers(0, shape[axis - 1] - 1)), draw(st.integers(1, 2))
        index = tuple(slice(start, None, step) if i == axis else slice(None) for i in range(dims))
        return lambda x, _: x[index]
    if kind == "pad":
        pads = draw(
            st.lists(st.integers(0, 2), min_size=2, max_size=2 * (dims - 1)).map(lambda p: p[: len(p) // 2 * 2])
        )
        return lambda x, _: F.pad(x, pads)
    if kind == "cat":
        return lambda x, _: torch.cat([x, x], axis)
    if kind == "stack":
        return (lambda x, _: torch.stack([x, -x], axis)) if dims < 4 else (lambda x, _: x)
    if kind == "squeeze":
        return (lambda x, _: x.unsqueeze(axis)) if dims < 4 else (lambda x, _: x.mean(axis))
    half = draw(st.integers(1, shape[axis - 1]))
    return lambda x, _: torch.cat(x.split(half, axis)[::-1], axis)


def computed(draw, shape):
    """A function that computes, with its layer, on a sample of `shape`."""
    dims = len(shape) + 1
    axis = draw(st.integers(1, dims - 1))
    keep = draw(st.booleans()) or dims == 2
    none = nn.Identity()
    kinds = {
        "relu": (lambda x, _: F.relu(x), none),
        "softmax": (lambda x, _: x.softmax(axis), none),
        "mean": (lambda x, _: x.mean(axis, keepdim=keep), none),
        "max": (lambda x, _: x.max(axis, keepdim=keep).values, none),
        "weigh": (lambda x, _: x * x.mean(axis, keepdim=True), none),
        "shift": (lambda x, _: x + x.amax(axis, keepdim=True), none),
        "layer_norm": (lambda x, layer: layer(x), nn.LayerNorm(shape[-1], eps=0.1)),
        "linear": (lambda x, layer: layer(x), nn.Linear(shape[-1], 3)),
    }
    if dims == 4:
        kinds["conv"] = (lambda x, layer: layer(x), nn.Conv2d(shape[0], 4, 3, padding=1))
        kinds["norm"] = (lambda x, layer: layer(x), nn.BatchNorm2d(shape[0]))
        kinds["resize"] = (lambda x, _: F.interpolate(x, size=(3, 5), mode="bilinear"), none)
    elif dims == 3:
        kinds["conv"] = (lambda x, layer: layer(x), nn.Conv1d(shape[0], 4, 3, padding=1))
        kinds["norm"] = (lambda x, layer: layer(x), nn.BatchNorm1d(shape[0]))
        kinds["prelu"] = (lambda x, layer: layer(x), nn.PReLU(shape[0]))
    return kinds[draw(st.sampled_from(sorted(kinds)))]


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_order_of_moves(data):
    x = torch.randn(3, *data.draw(st.tuples(*[st.integers(1, 4)] * 3)), generator=torch.Generator().manual_seed(0))
    shape, steps = tuple(x.shape[1:]), []
    for _ in range(data.draw(st.integers(1, 6))):
        if data.draw(st.booleans()):
            function, layer = moved(data.draw, shape), nn.Identity()
        else:
            function, layer = computed(data.draw, shape)
        steps.append((function, layer))
        with torch.no_grad():
            shape = tuple(function(torch.zeros(2, *shape), layer.eval()).shape[1:])
        if torch.Size(shape).numel() > 3000:
            break
    packs_right(trained(Steps(steps), data.draw(st.integers(0, 9))), x)
