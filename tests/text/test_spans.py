"""Spans from tags, as the CoNLL script and seqeval read them; and which tags may follow each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.errors import LeveretDataError
from leveret.text import allowed_transitions, repaired, scheme_of, spans

# worked by hand after conlleval's start_of_chunk and end_of_chunk; all agree with seqeval 1.2.2's get_entities
CASES = [
    ("O O", []),
    ("B-a I-a O B-b", [("a", 0, 2), ("b", 3, 4)]),
    ("B-a B-a", [("a", 0, 1), ("a", 1, 2)]),
    ("I-a I-a O", [("a", 0, 2)]),
    ("O I-a", [("a", 1, 2)]),
    ("B-a I-b", [("a", 0, 1), ("b", 1, 2)]),
    ("I-a B-a I-a", [("a", 0, 1), ("a", 1, 3)]),
    ("B-a E-a S-b O", [("a", 0, 2), ("b", 2, 3)]),
    ("B-a I-a E-a I-a", [("a", 0, 3), ("a", 3, 4)]),
    ("E-a E-a", [("a", 0, 1), ("a", 1, 2)]),
    ("S-a I-a", [("a", 0, 1), ("a", 1, 2)]),
    ("B-a-b I-a-b", [("a-b", 0, 2)]),
    ("", []),
]


@pytest.mark.parametrize(("tags", "expected"), CASES)
def test_spans_by_hand(tags, expected):
    assert spans(tags.split()) == expected


def test_schemes_are_told_by_their_letters():
    assert scheme_of(["O", "B-a", "I-a"]) == "BIO"
    assert scheme_of(["O", "B-a", "S-a"]) == "BIOES"
    for tag in ("person", "B-", "X-a", "", "b-a"):
        with pytest.raises(LeveretDataError, match="is no tag"):
            scheme_of(["O", tag])


def test_what_bio_allows():
    tags = ["O", "B-a", "I-a", "B-b", "I-b"]
    start, between, end = allowed_transitions(tags)
    assert start.tolist() == [True, True, False, True, False]
    assert end.all()
    forbidden = {(tags[i], tags[j]) for i, j in np.argwhere(~between)}
    assert forbidden == {("O", "I-a"), ("O", "I-b"), ("B-a", "I-b"), ("I-a", "I-b"), ("B-b", "I-a"), ("I-b", "I-a")}


def test_what_bioes_allows():
    tags = ["O", "B-a", "I-a", "E-a", "S-a"]
    start, between, end = allowed_transitions(tags)
    assert start.tolist() == [True, True, False, False, True]
    assert end.tolist() == [True, False, False, True, True]
    allowed = {(tags[i], tags[j]) for i, j in np.argwhere(between)}
    inside = {("B-a", "I-a"), ("B-a", "E-a"), ("I-a", "I-a"), ("I-a", "E-a")}
    outside = {(a, b) for a in ("O", "E-a", "S-a") for b in ("O", "B-a", "S-a")}
    assert allowed == inside | outside


kinds = st.sampled_from(["O", *(f"{letter}-{kind}" for letter in "BIES" for kind in "ab")])


@given(st.lists(kinds, max_size=12), st.sampled_from(["BIO", "BIOES"]))
def test_repaired_tags_mean_the_same_and_follow_the_scheme(tags, scheme):
    fixed, changed = repaired(tags, scheme)
    assert spans(fixed) == spans(tags)
    assert changed == sum(a != b for a, b in zip(tags, fixed, strict=True))
    names = ["O", "B-a", "I-a", "B-b", "I-b"] + (["E-a", "S-a", "E-b", "S-b"] if scheme == "BIOES" else [])
    start, between, end = allowed_transitions(names)
    ids = [names.index(tag) for tag in fixed]
    if ids:
        assert start[ids[0]]
        assert end[ids[-1]]
        assert between[ids[:-1], ids[1:]].all()
    assert repaired(fixed, scheme)[1] == 0
