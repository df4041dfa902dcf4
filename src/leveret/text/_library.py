"""Hugging Face's tokenizers, loaded when it is first needed."""

from __future__ import annotations

import functools
import os
from typing import Any

from leveret.errors import LeveretError

__all__ = ["library"]


@functools.cache
def library() -> Any:
    """The module `tokenizers`.

    Raises:
        LeveretError: it isn't installed.
    """
    # batches are small, and what trains or predicts has its own threads
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        import tokenizers
    except ImportError as error:
        raise LeveretError("texts are split by a library that isn't installed: pip install tokenizers") from error
    return tokenizers
