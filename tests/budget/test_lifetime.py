"""The post's arithmetic to the digit, its assumptions, and what trainings saw in human time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.budget import ASSUMPTIONS, lifetime, seen
from leveret.errors import LeveretUsageError


def test_the_post_to_the_digit():
    found = lifetime()
    assert found.seconds == 2_239_056_000
    assert found.awake_seconds == 1_492_704_000
    assert found.images == 67_171_680_000
    assert found.neurons == 86_000_000_000
    assert found.as_dict()["images_per_neuron"] == pytest.approx(0.78107, abs=1e-5)


def test_every_assumption_is_an_argument():
    assert lifetime(fps=225).images == 5 * 67_171_680_000
    assert lifetime(years=1, days=1, awake=1, fps=1).images == 86_400
    assert lifetime(awake="1/2").images == 71 * 365 * 86_400 * 45 // 2
    # written as they look, not as binary fractions
    assert lifetime(years=1, days=1, awake=0.1, fps=1).images == 8_640
    low, high = lifetime().images_range
    assert low == 50 * 365 * 86_400 * 5 * 24 // 8
    assert high == int(122 * 365.25 * 86_400 * 17 * 225 / 24)


@given(st.integers(1, 150), st.integers(1, 1000), st.integers(1, 24))
def test_whole_numbers_are_exact(years, fps, hours):
    assert lifetime(years=years, fps=fps, awake=f"{hours}/24").images == years * 365 * 3600 * hours * fps


@pytest.mark.parametrize(
    ("name", "value"),
    [("years", 0), ("years", 151), ("fps", -1), ("fps", "fast"), ("awake", 1.5), ("awake", "2/0"), ("days", 400),
     ("neurons", 0), ("fps", float("nan")), ("fps", float("inf"))],
)  # fmt: skip
def test_values_out_of_range(name, value):
    with pytest.raises(LeveretUsageError, match=f"{name} must be"):
        lifetime(**{name: value})


def test_assumptions_lie_in_their_ranges():
    for assumption in ASSUMPTIONS.values():
        assert assumption.low <= assumption.value <= assumption.high <= assumption.most


@pytest.mark.parametrize(
    ("samples", "words"),
    [(45, "1.0 s"), (45 * 60, "60 s"), (45 * 600, "10 min"), (45 * 3600 * 4, "4.0 h"),
     (45 * 3600 * 32, "2.0 waking days"), (67_171_680_000, "71.0 years")],
)  # fmt: skip
def test_human_time(samples, words):
    assert seen(samples).human_time == words


def test_samples_seen_in_words():
    assert (
        seen(600, 60).in_words
        == "600, 60 different ones, each 10 times on average; a human sees as many images in 13 s"
    )
    assert seen(600, 60).repeated == 540
    assert "at least 60 different ones; a human" in seen(600, 60, at_least=True).in_words
    assert seen(67_171_680_000).share == 1
    assert seen(90, fps=90).seconds == 1
    for samples, unique in ((-1, None), (5, 6)):
        with pytest.raises(LeveretUsageError, match="samples must be at least 0"):
            seen(samples, unique)
