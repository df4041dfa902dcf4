"""The budget: how many samples a learner sees, against a human lifetime, and how many this machine can afford.

    from leveret.budget import lifetime, measure_costs, seen

    lifetime().images  # 67,171,680,000 images in 71 years
    seen(600_000, unique=60_000).human_time  # "3.7 h"
    measure_costs(make_net, data, batch_size=64).epochs_within(1800)

See docs/budget.md. Importing this room is cheap.
"""

from leveret.budget._costs import TrainingCosts, measure_costs
from leveret.budget._lifetime import ASSUMPTIONS, Assumption, Lifetime, lifetime
from leveret.budget._seen import Seen, seen

__all__ = ["ASSUMPTIONS", "Assumption", "Lifetime", "Seen", "TrainingCosts", "lifetime", "measure_costs", "seen"]
