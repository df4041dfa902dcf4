"""Twins: a net that shares another's weights and statistics, with something else about it changed.

A twin is made for one call and forgotten. So the net itself is never switched back and forth, which another thread, or
an error on the way, could catch half done; and nothing of it enters checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from leveret.nets._convolutions import is_conv2d

__all__ = ["evaluating", "unpadded"]

_POOLS = (nn.MaxPool2d, nn.AvgPool2d)
_PADS = (nn.ZeroPad2d, nn.ConstantPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d)


def evaluating(net: nn.Module) -> nn.Module:
    """A twin in eval mode: no dropout, and BatchNorm by its running statistics, so that each image is on its own."""

    def change(module: nn.Module) -> None:
        module.training = False

    return _twin(net, change, {})


def unpadded(net: nn.Module) -> nn.Module:
    """A twin whose convolutions, pools and paddings add nothing around, in the mode that the net is in."""

    def change(module: nn.Module) -> None:
        if is_conv2d(module) or isinstance(module, _POOLS):
            pair = isinstance(module.padding, (tuple, str))
            module.padding = (0, 0) if pair else 0
            if is_conv2d(module):
                module.padding_mode = "zeros"
        elif isinstance(module, _PADS):
            module.padding = (0, 0, 0, 0)

    return _twin(net, change, {})


def _twin(module: nn.Module, change: Callable[[nn.Module], None], made: dict[int, nn.Module]) -> nn.Module:
    if id(module) in made:
        return made[id(module)]
    # not copy.copy, which parametrised modules refuse; the dicts of parameters, buffers and hooks are the same ones
    twin = object.__new__(type(module))
    twin.__dict__.update(module.__dict__)
    made[id(module)] = twin
    twin.__dict__["_modules"] = {
        name: None if child is None else _twin(child, change, made) for name, child in module._modules.items()
    }
    change(twin)
    return twin
