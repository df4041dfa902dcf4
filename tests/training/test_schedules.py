"""Learning rates by the step: where they begin, peak and end, and a run that goes on for longer than it was begun."""

import pytest
import torch
from torch import nn

from leveret.errors import LeveretUsageError
from leveret.nets import ConvNet
from leveret.training import fit
from leveret.training._schedules import make_schedule


def rates(schedule, steps, warmup, peak=0.5):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    made = make_schedule(optimizer, schedule, steps, warmup)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        made.step()
    return found


def test_by_hand():
    assert rates("constant", 3, 0) == pytest.approx([0.5, 0.5, 0.5])
    assert rates("constant", 4, 0.5) == pytest.approx([0.5 / 3, 1 / 3, 0.5, 0.5])
    assert rates("cosine", 4, 0) == pytest.approx([0.5, 0.25 * (1 + 2**-0.5), 0.25, 0.25 * (1 - 2**-0.5)])
    assert rates("cosine", 4, 0.5) == pytest.approx([0.5 / 3, 1 / 3, 0.5, 0.25])
    up_and_down = rates("one-cycle", 9, 0.5)
    assert up_and_down == pytest.approx([0.02, 0.14, 0.26, 0.38, 0.5, 0.4, 0.3, 0.2, 0.1], abs=1e-5)


@pytest.mark.parametrize("steps", [2, 7, 50])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.3])
def test_one_cycle_is_torchs(steps, warmup):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    share = min(max(warmup, 1 / steps), 1 - 1 / (steps + 1))
    torchs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.5, total_steps=steps + 1, pct_start=share, anneal_strategy="linear", cycle_momentum=False
    )
    wanted = []
    for _ in range(steps):
        wanted.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        torchs.step()
    assert rates("one-cycle", steps, warmup) == pytest.approx(wanted)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
def test_a_single_step(schedule):
    assert len(rates(schedule, 1, 0.2)) == 1


def test_a_run_that_goes_on_for_longer_takes_the_longer_runs_rates(few_digits, tmp_path):
    """The first is of two steps, too few for a warm-up; the second, of 40, has one."""
    seen = []

    class Optimizer(torch.optim.SGD):
        def step(self, closure=None):
            seen.append(self.param_groups[0]["lr"])
            return super().step(closure)

    def short_net():
        return ConvNet(1, 10, depth=1, width=4)

    options = {
        "optimizer": lambda groups: Optimizer(groups, lr=0.1),
        "batch_size": len(few_digits.train) // 2,
        "warmup": 0.2,
        "keep_best": False,
        "progress": False,
    }
    fit(short_net(), few_digits, epochs=1, out=tmp_path, **options)
    first = len(seen)
    result = fit(short_net(), few_digits, epochs=20, out=tmp_path, **options)
    assert len(result.history) == 20
    wanted = rates("cosine", 20 * first, 0.2, peak=0.1)
    assert seen[first:] == pytest.approx(wanted[first:])


def test_what_is_wrong_is_said():
    with pytest.raises(LeveretUsageError, match="'constant', 'cosine' or 'one-cycle', got 'step'"):
        rates("step", 3, 0)
    with pytest.raises(LeveretUsageError, match="a share of the run, got 1"):
        rates("cosine", 3, 1)
