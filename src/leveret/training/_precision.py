"""Which number format training computes in."""

from __future__ import annotations

from typing import Literal

import torch

from leveret.errors import LeveretUsageError

__all__ = ["Precision", "cpu_gains_from_bfloat16", "lightning_precision"]

Precision = Literal["auto", "bfloat16", "float32"]


def cpu_gains_from_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 natively (AVX-512 BF16 or AMX). Elsewhere it is emulated and slower."""
    capabilities = torch.backends.cpu.get_cpu_capability()
    checks = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return capabilities.startswith("AVX512") and any(check() for check in checks if check is not None)


def lightning_precision(precision: Precision) -> str:
    """The name that Lightning's Trainer knows it by."""
    if precision == "auto":
        return "bf16-mixed" if cpu_gains_from_bfloat16() else "32-true"
    if precision == "bfloat16":
        return "bf16-mixed"
    if precision == "float32":
        return "32-true"
    raise LeveretUsageError(f"precision must be 'auto', 'float32' or 'bfloat16', got {precision!r}")
