"""Hugging Face's tokenizers, loaded when it is first needed."""

from __future__ import annotations

import functools
import os
from typing import Any

from leveret._extras import needs

__all__ = ["library"]


@functools.cache
def library() -> Any:
    """The module `tokenizers`.

    Raises:
        LeveretMissingError: it isn't installed.
    """
    # batches are small, and what trains or predicts has its own threads
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    needs("splitting texts", "tokenizers")
    import tokenizers

    return tokenizers
