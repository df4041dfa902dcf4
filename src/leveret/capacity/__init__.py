"""Capacity: look coarsely everywhere, finely where it matters. Dynamic capacity nets and what they are trained with."""

from leveret import _with_torch as _with_torch
from leveret.capacity._amounts import Budget, UntilSure
from leveret.capacity._attention import LearnedAttention
from leveret.capacity._build import capacity_net, capacity_net_for, checked_amount
from leveret.capacity._geometry import Axis, Geometry
from leveret.capacity._glance import Glance, entropy
from leveret.capacity._levels import Level
from leveret.capacity._look import Look
from leveret.capacity._net import DynamicCapacityNet
from leveret.capacity._objectives import Hinted, Separate
from leveret.capacity._operations import Operations
from leveret.capacity._selectors import (
    CoarseConfidence,
    Edges,
    EntropyGradient,
    LocalVariance,
    RandomPlaces,
    Selector,
)
from leveret.capacity._walk import derive

__all__ = [
    "Axis",
    "Budget",
    "CoarseConfidence",
    "DynamicCapacityNet",
    "Edges",
    "EntropyGradient",
    "Geometry",
    "Glance",
    "Hinted",
    "LearnedAttention",
    "Level",
    "LocalVariance",
    "Look",
    "Operations",
    "RandomPlaces",
    "Selector",
    "Separate",
    "UntilSure",
    "capacity_net",
    "capacity_net_for",
    "checked_amount",
    "derive",
    "entropy",
]
