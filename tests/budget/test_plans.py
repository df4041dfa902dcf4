"""Plans: a few steps are timed, the rest is arithmetic; and what a deadline affords."""

import time

import pytest
import torch

from leveret.budget import TrainingCosts, measure_costs
from leveret.errors import LeveretUsageError
from leveret.jobs import budget
from leveret.jobs.budget import Plan, seconds_of
from leveret.nets import layer_operations
from leveret.training import fit


def costs(**changed):
    kept = {
        "steps": 10, "samples": 320, "batch_size": 32, "macs": 1000, "step": 0.5, "step_cpu": 0.25, "validation": 2.0,
        "validation_cpu": 1.0, "once": 1.0, "once_cpu": 0.5, "start": 4.0, "start_cpu": 2.0, "measured": 1.0,
    }  # fmt: skip
    return TrainingCosts(**(kept | changed))


def test_the_arithmetic_by_hand():
    found = costs()
    assert (found.epoch, found.epoch_cpu) == (8.0, 4.0)
    assert (found.seconds(3), found.cpu_seconds(3)) == (28.0, 14.0)
    assert [found.epochs_within(seconds) for seconds in (3, 11.9, 12, 28)] == [0, 0, 1, 3]
    assert found.operations == 3 * 1000 * 320


def test_plans_of_a_deadline():
    plan = Plan("digits", "convnet", 30, 100, costs(), 2.0, 1, 100.0)
    assert plan.affordable == 11  # (100 - 2 - 4) / 8
    assert plan.planned == 11
    assert plan.seen.samples == 11 * 320
    assert plan.seen.unique == 320
    assert plan.busy  # the clock's step is twice the processor's
    assert not Plan("d", "n", 3, 1, costs(step=0.3), 0.0, 1, None).busy
    assert Plan("d", "n", 3, 1, costs(), 0.0, 1, None).affordable is None
    assert Plan("d", "n", 3, 1, costs(), 0.0, 1, None).planned == 3


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("1h30m", 5400), ("90s", 90), ("2.5 h", 9000), ("15min", 900), (7, 7), ("8", 8)],
)
def test_deadlines(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["soon", "-3m", "0", "3 weeks", "", "m", float("inf"), 0])
def test_deadlines_that_are_none(text):
    with pytest.raises(LeveretUsageError, match="a deadline must be a time above 0"):
        seconds_of(text)


def test_a_plan_comes_near_the_truth_of_the_processor(digits):
    from leveret.nets import ConvNet

    def make():
        return ConvNet(1, 10, depth=3, widths=(16, 32))

    found = measure_costs(make, digits, batch_size=32, seconds=1.5, lr=0.002)
    assert found.steps == 40  # 1,259 samples: 39 whole batches and one of 11
    example = torch.zeros(1, 1, 8, 8)
    assert found.macs == sum(number for _, number in layer_operations(make(), example))
    started = time.process_time()
    fit(make(), digits, epochs=3, batch_size=32, lr=0.002, progress=False)
    # loose: caches are shared with whatever else runs; the experiment measures it closely
    assert found.cpu_seconds(3) == pytest.approx(time.process_time() - started, rel=0.6)


def test_texts_and_few_samples():
    from leveret.data import from_arrays
    from leveret.nets import BagOfWords

    texts = ["a hare runs", "a fox sleeps"] * 8
    data = from_arrays(texts, [0, 1] * 8, val_fraction=0.0)
    found = measure_costs(lambda: BagOfWords(2, dim=4, buckets=64), data, batch_size=64, seconds=0.1)
    assert found.steps == 1
    assert found.batch_size == 16
    assert found.validation == 0
    with pytest.raises(LeveretUsageError, match="seconds must be above 0"):
        measure_costs(lambda: None, data, batch_size=8, seconds=0)


def test_a_job_plans_what_fit_would_do():
    plan = budget.run("digits", epochs=4, deadline="2h", seconds=0.3, progress=False, threads=1)
    assert (plan.net, plan.epochs, plan.costs.batch_size) == ("convnet", 4, 32)
    assert plan.affordable > 4
    assert plan.planned == 4
    kept = plan.as_dict()
    assert kept["seen"]["samples"] == 4 * 1259
    assert kept["costs"]["epoch"] == plan.costs.epoch
    with pytest.raises(LeveretUsageError, match="threads must be at least 1"):
        budget.run("digits", threads=0)
