"""Hard mining: which samples are taken, by hand; the record of its picks, and the rule by which it over-fits."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from leveret.balance import HardMining
from leveret.balance._diagnosis import MiningRecord, diagnosis_of
from leveret.errors import LeveretUsageError
from leveret.training import Batch, CrossEntropy

COUNTS = [90, 10]


def sure(levels):
    """Logits of two classes whose loss for class 0 grows with the level."""
    levels = torch.as_tensor(levels, dtype=torch.float64)
    return torch.stack([torch.zeros_like(levels), levels], 1)


def losses_of(batch):
    return torch.nn.functional.cross_entropy(batch.inputs, batch.labels, reduction="none")


def test_as_many_of_the_majority_as_there_are_of_the_minority(given, batch_of):
    mining = HardMining(COUNTS, mix=0.25, warmup=0)
    batch = batch_of(sure([0.0, 3.0, 1.0, 2.0, -1.0, 5.0, 4.0]), [0, 0, 0, 0, 0, 1, 1], [70, 71, 72, 73, 74, 75, 76])
    losses = losses_of(batch)
    found = mining(given, batch)
    # levels 3 and 2 are the hardest two of class 0, beside both of class 1
    torch.testing.assert_close(found["mined"], 0.75 * losses[[1, 3, 5, 6]].mean())
    torch.testing.assert_close(found["plain"], 0.25 * losses.mean())
    assert np.flatnonzero(mining.record.picks).tolist() == [71, 73]


def test_a_share_of_the_majority_and_at_least_one(given, batch_of):
    batch = batch_of(sure([0.0, 3.0, 1.0, 2.0, -1.0]), [0, 0, 0, 0, 1])
    for top, taken in ((0.5, [1, 3]), (0.01, [1]), (1.0, [0, 1, 2, 3])):
        mining = HardMining(COUNTS, top=top, mix=0, warmup=0)
        torch.testing.assert_close(mining(given, batch)["mined"], losses_of(batch)[[*taken, 4]].mean())
        assert mining(given, batch)["plain"] == 0
    # without one of the minority the hardest one is taken
    alone = batch_of(sure([0.0, 3.0, 1.0]), [0, 0, 0])
    found = HardMining(COUNTS, mix=0, warmup=0)(given, alone)["mined"]
    torch.testing.assert_close(found, losses_of(alone)[1])
    # and without one of the majority, the minority
    rare = batch_of(sure([0.0, 3.0]), [1, 1])
    torch.testing.assert_close(HardMining(COUNTS, mix=0, warmup=0)(given, rare)["mined"], losses_of(rare).mean())


def test_without_regard_to_classes(given, batch_of):
    batch = batch_of(sure([0.0, 3.0, 1.0, -9.0]), [0, 0, 0, 1])
    losses = losses_of(batch)
    found = HardMining(COUNTS, top=0.5, mix=0, warmup=0, per_class=False)(given, batch)["mined"]
    torch.testing.assert_close(found, torch.stack([losses[3], losses[1]]).mean())


def test_many_classes_have_several_majorities(given, batch_of):
    logits, labels = torch.randn(40, 4, dtype=torch.float64), [0] * 15 + [1] * 15 + [2] * 6 + [3] * 4
    batch = batch_of(logits, labels)
    losses = losses_of(batch)
    mining = HardMining([50, 50, 6, 4], mix=0, warmup=0)
    assert mining.frequent.tolist() == [True, True, False, False]
    expected = torch.cat([losses[30:], losses[:30].sort(descending=True).values[:10]]).mean()
    torch.testing.assert_close(mining(given, batch)["mined"], expected)
    named = HardMining([50, 50, 6, 4], mix=0, warmup=0, majority=[1])
    expected = torch.cat([losses[:15], losses[30:], losses[15:30].sort(descending=True).values]).mean()
    torch.testing.assert_close(named(given, batch)["mined"], expected)


def test_the_warm_up_is_plain_and_leaves_no_picks(given, batch_of):
    mining = HardMining(COUNTS, mix=0.0, warmup=2)
    batch = batch_of(sure([0.0, 3.0, -1.0]), [0, 0, 1])
    for epoch, mined in ((0, False), (1, False), (2, True), (3, True)):
        mining.set_epoch(epoch, 4)
        found = mining(given, batch)
        assert found.keys() == {"mined", "plain"}
        assert (float(found["mined"]) > 0) is mined
        if not mined:
            torch.testing.assert_close(found["plain"], CrossEntropy()(given, batch)["cross_entropy"])
    assert mining.record.picks.tolist() == [0, 2] + [0] * 98
    mining.set_epoch(0, 4)
    assert not mining.record.picks.any()


@settings(max_examples=40, deadline=None)
@drawn(st.integers(0, 10_000), st.floats(0.01, 1), st.floats(0, 1))
def test_what_is_mined_is_at_least_as_hard_as_the_rest(seed, top, mix):
    torch.manual_seed(seed)
    batch = Batch(torch.randn(30, 2), torch.randint(0, 2, (30,)), torch.randperm(100)[:30])
    mining = HardMining(COUNTS, top=top, mix=mix, warmup=0)
    mining(torch.nn.Identity(), batch)
    losses, majority = losses_of(batch), batch.labels == 0
    picked = torch.from_numpy(mining.record.picks.astype(np.int64))[batch.indices] > 0
    assert not picked[~majority].any()
    count = int(majority.sum())
    assert int(picked.sum()) == (min(max(1, round(top * count)), count))
    if 0 < picked.sum() < count:
        assert losses[picked].min() >= losses[majority & ~picked].max()


def test_the_state_survives_and_grows(given, batch_of):
    mining = HardMining(COUNTS, warmup=0)
    mining(given, batch_of(sure([1.0, 2.0, 0.0]), [0, 0, 1], [3, 250, 4]))
    assert len(mining.record.picks) == 251
    again = HardMining(COUNTS, warmup=0)
    again.load_state_dict(copy.deepcopy(mining.state_dict()))
    assert again.record.picks.tolist() == mining.record.picks.tolist()
    assert again.record.losses == mining.record.losses
    assert mining.record.picks.itemsize == 2
    mining.record.picks[250] = 65534
    for _ in range(3):
        mining(given, batch_of(sure([1.0, 2.0, 0.0]), [0, 0, 1], [3, 250, 4]))
    assert mining.record.picks[250] == 65535


def recorded(picks, mined, batch, candidates):
    """A record of so many epochs whose picks were as given."""
    record = MiningRecord(len(picks), candidates)
    record.picks[:] = picks
    record.losses = {epoch: [m, 1, b, 1] for epoch, (m, b) in enumerate(zip(mined, batch, strict=True))}
    return record


def test_figures_by_hand():
    # two epochs, 8 picks of 100 candidates: 3 samples twice, 2 once
    picks = np.zeros(110, np.uint16)
    picks[[5, 6, 7]], picks[[8, 9]] = 2, 1
    found = diagnosis_of(recorded(picks, [2.0, 1.5], [1.0, 0.5], 100), ())
    chance, again = 8 / 200, 3 * 2 / 8
    assert found.insistence == pytest.approx((again - chance) / (1 - chance))
    assert found.top_share == pytest.approx(2 / 8)
    assert found.entropy == pytest.approx((3 * 0.25 * np.log(4) + 2 * 0.125 * np.log(8)) / np.log(100))
    assert (found.mined_epochs, found.picked, found.loss_rise) == (2, (5, 6, 7, 8, 9), None)
    assert (found.mined_loss, found.batch_loss) == ((2.0, 1.5), (1.0, 0.5))
    assert found.as_dict()["picked"] == [5, 6, 7, 8, 9]


ALWAYS = np.repeat([3, 0], [10, 90])
BY_CHANCE = np.repeat([1, 0], [30, 70])


@pytest.mark.parametrize(
    ("picks", "mined", "batch", "history", "overfits", "says"),
    [
        (ALWAYS, [3.0, 3.0, 2.9], [1, 0.5, 0.4], (), True, "stay as hard"),
        (ALWAYS, [3.0, 2.0, 1.0], [1, 0.5, 0.6], (), True, "at the others' cost"),
        (ALWAYS, [3.0, 2.0, 1.0], [1, 0.5, 0.4], (), False, "become easier"),
        (ALWAYS, [3.0, 1.0, 2.0], [1, 0.5, 0.6], (), False, "become easier"),
        (BY_CHANCE, [3.0, 3.0, 3.0], [1, 0.5, 0.9], (), False, "picks change"),
        (BY_CHANCE, [3.0, 2.0, 1.0], [1, 0.5, 0.4], (0.5, 0.4, 0.5), True, "1.25 of its lowest"),
        (BY_CHANCE, [3.0, 2.0, 1.0], [1, 0.5, 0.4], (0.5, 0.4, 0.42), False, "picks change"),
        (ALWAYS, [3.0], [1.0], (0.5, 0.4, 0.5), False, "too few to say"),
    ],
)
def test_the_rule(picks, mined, batch, history, overfits, says):
    rows = [{"val_loss": v, "train_loss": 1 - 0.1 * i} for i, v in enumerate(history)]
    found = diagnosis_of(recorded(picks, mined, batch, 100), rows)
    assert found.overfits is overfits
    assert says in found.why
    assert (found.loss_rise is None) == (not history)


def test_a_rising_validation_loss_alone_is_not_over_fitting():
    rows = [{"val_loss": 0.4, "train_loss": 0.3}, {"val_loss": 0.6, "train_loss": 0.5}]
    found = diagnosis_of(recorded(BY_CHANCE, [3.0, 2.0], [1.0, 0.5], 100), rows)
    assert not found.overfits
    assert found.loss_rise == pytest.approx(1.5)


def test_nothing_to_say_before_it_began():
    found = HardMining(COUNTS).diagnosis()
    assert (found.overfits, found.why, found.picked) == (False, "no epochs with mining: too few to say", ())


def test_wrong_labels_are_what_it_insists_on(given, batch_of):
    """Ten samples that never become easier are named, and it is said that they don't."""
    generator = np.random.default_rng(0)
    mining = HardMining(COUNTS, warmup=1, mix=0)
    labels = np.repeat([0, 1], [90, 10])
    for epoch in range(6):
        mining.set_epoch(epoch, 6)
        levels = generator.normal(-3, 1, 100)
        levels[:10] = 4 + generator.normal(0, 0.1, 10)
        mining(given, batch_of(sure(levels), labels))
    found = mining.diagnosis()
    assert found.overfits
    assert sorted(found.picked[:10]) == list(range(10))
    assert found.insistence == 1


def test_picks_by_chance_are_not_insistent(given, batch_of):
    generator = np.random.default_rng(0)
    mining = HardMining([900, 100], warmup=0, mix=0)
    labels = np.repeat([0, 1], [900, 100])
    for epoch in range(8):
        mining.set_epoch(epoch, 8)
        mining(given, batch_of(sure(generator.normal(size=1000)), labels))
    found = mining.diagnosis()
    assert found.insistence < 0.1
    assert found.entropy > 0.85
    assert not found.overfits


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"top": 0}, "top must be a share"),
        ({"top": 5}, "top must be a share"),
        ({"top": float("nan")}, "top must be a share"),
        ({"mix": -0.1}, "mix"),
        ({"mix": 1.1}, "mix"),
        ({"warmup": -1}, "warmup"),
        ({"warmup": 0.5}, "warmup"),
        ({"majority": []}, "majority must name classes in 0..1"),
        ({"majority": [2]}, "majority must name"),
        ({"majority": ["a"]}, "majority must name"),
        ({"per_class": False}, "needs top|what share"),
        ({"per_class": False, "top": 0.5, "majority": [0]}, "mining by class"),
        ({"counts": [5, 5]}, "none is a majority"),
        ({"counts": [5, 0]}, "at least 1"),
    ],
)
def test_arguments_out_of_range(arguments, says):
    with pytest.raises(LeveretUsageError, match=says):
        HardMining(**({"counts": COUNTS} | arguments))
