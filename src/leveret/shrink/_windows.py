"""A convolution's window in numbers."""

from __future__ import annotations

from typing import Any

__all__ = ["padding_of", "pads_unevenly", "reaches"]


def reaches(conv: Any) -> list[int]:
    """How far a kernel's last tap stands from its first, along each axis."""
    return [d * (k - 1) for k, d in zip(conv.kernel_size, conv.dilation, strict=True)]


def padding_of(conv: Any) -> tuple[int, ...]:
    """The padding along each axis, where the layer may say 'same' or 'valid'."""
    if isinstance(conv.padding, str):
        return tuple(reach // 2 if conv.padding == "same" else 0 for reach in reaches(conv))
    return tuple(conv.padding)


def pads_unevenly(conv: Any) -> bool:
    """Whether it says 'same' of an even kernel, which pads one side more than the other."""
    return bool(conv.padding == "same" and any(reach % 2 for reach in reaches(conv)))
