"""How often and how long: the whole experiment, and its quick run."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FULL", "QUICK", "Setting"]


@dataclass(frozen=True)
class Setting:
    """Of all parts.

    Attributes:
        null_runs, power_runs: where the command doesn't say.
        net_runs: of power, with nets as observers.
        epochs: of the teacher and the student whose answers are judged.
        texts: by people, and as many by machines.
        peer_runs: of each test on each shift.
    """

    null_runs: int = 1000
    power_runs: int = 50
    net_runs: int = 10
    epochs: int = 12
    texts: int = 1500
    peer_runs: int = 20


FULL = Setting()
QUICK = Setting(null_runs=4, power_runs=2, net_runs=1, epochs=2, texts=150, peer_runs=2)
