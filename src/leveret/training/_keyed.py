"""Where training and its methods find keyed draws; they live a floor below, since data draws by keys too."""

from __future__ import annotations

from leveret._keyed import KeyedDraws, keys_under, view_keys

__all__ = ["KeyedDraws", "keys_under", "view_keys"]
