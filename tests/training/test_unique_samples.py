"""How many different samples a training has shown: counted once, over epochs and resumed runs."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import Sampler

from leveret.nets import MLP
from leveret.report.seen import seen_by_all, seen_fact, seen_in_words
from leveret.training import fit
from leveret.training._unique import UniqueSamples


@given(st.integers(0, 2**32 - 1))
def test_counts_are_those_of_a_set(seed):
    generator = np.random.default_rng(seed)
    batches = [generator.integers(0, 77, generator.integers(20)) for _ in range(5)]
    unique = UniqueSamples(77)
    for batch in batches:
        unique.add(torch.from_numpy(batch))
    assert unique.count() == len(np.unique(np.concatenate(batches)))
    other = UniqueSamples(77)
    assert other.restore(unique.state())
    assert other.count() == unique.count()
    assert not UniqueSamples(100).restore(unique.state())


class _Few(Sampler):
    """The first samples of a part, again and again."""

    def __init__(self, of, draws):
        self.of, self.draws = of, draws

    def __len__(self):
        return self.draws

    def __iter__(self):
        return iter(np.arange(self.draws) % self.of)


def rows():
    from leveret.data import from_arrays

    generator = np.random.default_rng(0)
    return from_arrays(generator.normal(size=(100, 3)), np.arange(100) % 2, val_fraction=0.1)


def test_fit_counts_what_it_showed(tmp_path):
    data = rows()
    whole = fit(MLP(3, 2), data, epochs=2, batch_size=10, progress=False)
    assert (whole.samples_seen, whole.unique_seen) == (180, 90)
    few = fit(MLP(3, 2), data, epochs=2, batch_size=10, sampler=_Few(30, 60), progress=False)
    assert (few.samples_seen, few.unique_seen) == (120, 30)
    # a resumed run remembers
    fit(MLP(3, 2), data, epochs=1, batch_size=10, sampler=_Few(30, 30), out=tmp_path, progress=False)
    on = fit(MLP(3, 2), data, epochs=2, batch_size=10, sampler=_Few(5, 10), out=tmp_path, progress=False)
    assert (on.samples_seen, on.unique_seen) == (40, 30)
    assert "unique_seen" in (tmp_path / "history.csv").read_text().splitlines()[0]


def test_reports_say_it():
    one = [
        {"stage": "a", "samples_seen": 50, "unique_seen": 50},
        {"stage": "a", "samples_seen": 100, "unique_seen": 50},
    ]
    assert seen_fact({"samples_seen": 100, "history": one}, 50) == (
        "samples seen",
        "100, 50 different ones, each 2 times on average; a human sees as many images in 2.2 s",
    )
    two = [*one, {"stage": "b", "samples_seen": 20, "unique_seen": 20}]
    assert seen_by_all([two], 50).startswith("120, 50 different ones, each 2.4 times")
    assert seen_by_all([two], 80).startswith("120, at least 50 different ones;")
    # of before it was counted
    assert seen_in_words(9, [[{"stage": "a", "samples_seen": 9}]], 9) == "9; a human sees as many images in 0.2 s"
