"""Compact design: layers of fewer weights in place of large ones, begun from what those had learned."""

from leveret.shrink.compact._factorize import factorize
from leveret.shrink.compact._fire import Fire

__all__ = ["Fire", "factorize"]
