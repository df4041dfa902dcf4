"""The quick run's settings, by part; the full ones are their classes' defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leveret.experiments.logic_rules import _exact, _images, _sst2, _wnut

__all__ = ["QUICK"]

QUICK: Mapping[str, Any] = {
    "exact": _exact.Setting(cases=10),
    "sst2": _sst2.Setting(seeds=1, few_seeds=1, epochs=1, few={0.3: (2, 1)}, cost_steps=4, cost_turns=1),
    "wnut": _wnut.Setting(seeds=1, epochs=2),
    "images": _images.Setting(seeds=1, images=600, per_class=10, plain=(2, 32), rules=(1, 64), cost_steps=3),
}
