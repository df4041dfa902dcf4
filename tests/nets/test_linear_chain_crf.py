"""`LinearChainCRF` against enumeration of all sequences."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.errors import LeveretUsageError
from leveret.nets import LinearChainCRF
from leveret.text import allowed_transitions


def chain(tags, seed, allowed=None):
    torch.manual_seed(seed)
    crf = LinearChainCRF(tags, allowed).double()
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.normal_()
    return crf


def all_scores(crf, emissions):
    """Each sequence of tags and its score, by the formula."""
    start, transitions, end = (part.detach() for part in crf.scores())
    n, k = emissions.shape
    for path in itertools.product(range(k), repeat=n):
        score = start[path[0]] + end[path[-1]] + sum(emissions[t, tag] for t, tag in enumerate(path))
        yield path, float(score + sum(transitions[a, b] for a, b in itertools.pairwise(path)))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3), st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_against_all_sequences(seed, tags, lengths):
    crf = chain(tags, seed)
    emissions = torch.randn(len(lengths), max(lengths), tags, dtype=torch.float64)
    counts = torch.tensor(lengths)
    total, paths = crf.log_partition(emissions, counts), crf.decode(emissions, counts)
    marginals = crf.marginals(emissions, counts)
    gold = torch.randint(0, tags, emissions.shape[:2])
    score = crf.score(emissions, gold, counts)
    for i, n in enumerate(lengths):
        assert (paths[i, n:] == -100).all()
        assert not marginals[i, n:].any()
        if not n:
            assert (total[i], score[i]) == (0, 0)
            continue
        scored = dict(all_scores(crf, emissions[i, :n]))
        values = np.array(list(scored.values()))
        log_z = np.log(np.exp(values - values.max()).sum()) + values.max()
        assert total[i].item() == pytest.approx(log_z)
        assert score[i].item() == pytest.approx(scored[tuple(gold[i, :n].tolist())])
        assert scored[tuple(paths[i, :n].tolist())] == pytest.approx(values.max())
        expected = np.zeros((n, tags))
        for path, value in scored.items():
            expected[range(n), path] += np.exp(value - log_z)
        np.testing.assert_allclose(marginals[i, :n].numpy(), expected, atol=1e-9)


def test_gradients_against_finite_differences():
    crf = chain(3, 0)
    emissions = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    tags, lengths = torch.tensor([[0, 2, 1, 1], [1, 0, -100, -100]]), torch.tensor([4, 2])

    def loss(emissions, start, transitions, end):
        given = {"start": start, "transitions": transitions, "end": end}
        holder = Holder(crf, tags, lengths)
        return torch.func.functional_call(holder, {f"crf.{k}": v for k, v in given.items()}, (emissions,))

    assert torch.autograd.gradcheck(loss, (emissions, crf.start, crf.transitions, crf.end))


class Holder(torch.nn.Module):
    def __init__(self, crf, tags, lengths):
        super().__init__()
        self.crf, self.tags, self.lengths = crf, tags, lengths

    def forward(self, emissions):
        return self.crf.negative_log_likelihood(emissions, self.tags, self.lengths)


def test_what_a_scheme_forbids_is_never_said():
    names = ["O", "B-a", "I-a", "E-a", "S-a"]
    allowed = allowed_transitions(names)
    crf = chain(5, 3, allowed)
    lengths = torch.randint(1, 9, (200,))
    emissions = 5 * torch.randn(200, 8, 5, dtype=torch.float64)
    for path, n in zip(crf.decode(emissions, lengths).tolist(), lengths.tolist(), strict=True):
        assert allowed.start[path[0]]
        assert allowed.end[path[n - 1]]
        assert allowed.between[path[: n - 1], path[1:n]].all()
    nothing = LinearChainCRF(5, allowed).negative_log_likelihood(
        torch.zeros(1, 2, 5), torch.zeros(1, 2, dtype=int), torch.tensor([2])
    )
    # O O among all that are allowed: OO OS SO SS BE, each as likely but for the learned transitions
    assert nothing.item() == pytest.approx(np.log(5), abs=0.2)


def test_numbers_as_large_as_they_come():
    crf = LinearChainCRF(3)
    emissions = torch.tensor([[[1e4, 0, -1e4], [0, 1e4, 0]]])
    assert crf.log_partition(emissions, torch.tensor([2])).isfinite().all()
    assert crf.decode(emissions, torch.tensor([2])).tolist() == [[0, 1]]


def test_wrong_shapes_are_named():
    crf = LinearChainCRF(3)
    lengths = torch.tensor([2])
    with pytest.raises(LeveretUsageError, match=r"emissions must be \(batch, longest, 3\), got \(1, 2, 4\)"):
        crf.decode(torch.zeros(1, 2, 4), lengths)
    with pytest.raises(LeveretUsageError, match=r"lengths must be \(1,\), got \(2,\)"):
        crf.log_partition(torch.zeros(1, 2, 3), torch.tensor([1, 2]))
    with pytest.raises(LeveretUsageError, match=r"tags must be \(1, 2\), got \(1, 3\)"):
        crf.score(torch.zeros(1, 2, 3), torch.zeros(1, 3, dtype=int), lengths)
    with pytest.raises(LeveretUsageError, match=r"allowed\.start must be"):
        LinearChainCRF(2, allowed_transitions(["O", "B-a", "I-a"]))
