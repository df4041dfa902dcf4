"""Figures in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.report import words


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (98_300, "98.3 kB"), (999_700, "1 MB"), (1_240_000, "1.24 MB"),
     (2.5e9, "2.5 GB")],
)  # fmt: skip
def test_sizes(value, text):
    assert words.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "–"), (312, "312"), (1200, "1.2 k"), (38_500_000, "38.5 M"), (1.82e9, "1.82 G"), (1.45e12, "1.45 T")],
)
def test_operations(value, text):
    assert words.operations(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.013, "+1.30 points"), (-0.013, "−1.30 points"), (0, "0.00 points"), (-1e-9, "0.00 points")]
)
def test_points(value, text):
    assert words.points(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.84, "0.8 s"), (9.97, "10 s"), (59.7, "1 min 0 s"), (185, "3 min 5 s"), (3725, "1 h 2 min")]
)
def test_durations(value, text):
    assert words.duration(value) == text


@given(st.floats(1e-3, 1e3))
def test_a_factor_is_never_below_one(ratio):
    text = words.factor(ratio, "faster", "slower")
    assert float(text.split("x")[0]) >= 1
    assert text.endswith("faster" if ratio >= 1 else "slower")
