"""Previews, partitions and the rule that says when a leaf branches, by cases worked by hand."""

import numpy as np
import pytest
import torch
from grow_data import Fixed, patterns, small
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.data import from_arrays
from leveret.errors import LeveretUsageError
from leveret.grow import BranchRule, ClassTree, Preview, applied, partition, plan, preview, random_partition
from leveret.grow._partition import affinity_of
from leveret.grow._rule import error_within


def seen(rows, known="abcd", new="xyz"):
    return Preview(tuple(new[: len(rows)]), tuple(known), np.array(rows), (1,) * len(rows))


PAIRS = np.array([[80, 15, 3, 2], [25, 70, 0, 5], [2, 1, 90, 7], [0, 0, 12, 88]])


def test_the_affinity_is_the_symmetrised_confusion():
    found = affinity_of([[8, 2], [3, 1]])
    np.testing.assert_allclose(found, [[0, (0.2 + 0.75) / 2], [(0.2 + 0.75) / 2, 0]])
    for wrong in ([[1, 2]], [[1, -1], [0, 1]], [[np.nan, 0], [0, 1]]):
        with pytest.raises(LeveretUsageError, match="must be square"):
            affinity_of(wrong)


def test_confusable_classes_stay_together():
    found = partition("abcd", PAIRS, groups=2)
    assert found.groups == (("a", "b"), ("c", "d"))
    inside = affinity_of(PAIRS)[0, 1] + affinity_of(PAIRS)[2, 3]
    assert found.within == pytest.approx(inside / (affinity_of(PAIRS).sum() / 2))
    assert f"{100 * found.within:.0f} % of the confusion" in found.why
    order = [2, 0, 3, 1]
    assert partition("cadb", PAIRS[np.ix_(order, order)], groups=2).groups == (("c", "d"), ("a", "b"))


def test_a_new_class_joins_the_group_that_it_activates_most():
    # the sum over the group counts, not the one class that it activates most
    found = partition("abcd", PAIRS, seen([[0.3, 0.25, 0.45, 0.0], [0.1, 0.0, 0.2, 0.7]]), 2)
    assert found.groups == (("a", "b", "x"), ("c", "d", "y"))
    assert "x joins a's group with 55 %" in found.why


def test_the_number_of_groups_follows_the_gap():
    three = np.kron(np.eye(3), [[0.8, 0.15], [0.15, 0.8]]) + 0.005
    assert partition("abcdef", three).groups == (("a", "b"), ("c", "d"), ("e", "f"))
    assert len(partition("abcdef", three, groups=2).groups) == 2
    assert len(partition("abcd", PAIRS).groups) == 2


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 9), st.data())
def test_every_class_is_in_one_group_and_no_group_is_empty(size, data):
    matrix = np.array(data.draw(st.lists(st.lists(st.integers(0, 50), min_size=size, max_size=size), min_size=size,
                                         max_size=size)))  # fmt: skip
    groups = data.draw(st.sampled_from(["auto", *range(2, size + 1)]))
    names = tuple("abcdefghi"[:size])
    found = partition(names, matrix, seen([[1 / size] * size], names), groups)
    assert sorted(name for group in found.groups for name in group) == sorted((*names, "x"))
    assert all(found.groups)
    assert 0 <= found.within <= 1 + 1e-9


def test_random_groups_are_about_even_and_by_the_seed():
    found = random_partition("abcdefg", 3, seed=1)
    assert sorted(len(group) for group in found.groups) == [2, 2, 3]
    assert sorted("".join("".join(group) for group in found.groups)) == list("abcdefg")
    assert found == random_partition("abcdefg", 3, seed=1)
    assert any(found != random_partition("abcdefg", 3, seed=seed) for seed in range(2, 6))
    with pytest.raises(LeveretUsageError, match="from 2 to the 3 classes"):
        random_partition("abc", 4)
    with pytest.raises(LeveretUsageError, match="from 2 to the 4 known"):
        partition("abcd", PAIRS, groups=5)


def test_a_preview_is_the_mean_softmax_of_each_class():
    rows = [[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    # pixel 0, 1 or 2 tells the row
    pixels = np.zeros((8, 2, 2), np.uint8)
    pixels[:, 0, 0] = [0, 0, 1, 2, 2, 2, 1, 1]
    data = from_arrays(pixels, list("xxxyyyzz"), val_fraction=0)

    class Rows(Fixed):
        def forward(self, x):
            return super().forward((x * data.normalization.std[0] + data.normalization.mean[0]) * 255 + 0.01)

    found = preview(Rows(rows), "ab", data, ["y", "x"])
    soft = torch.softmax(torch.tensor(rows), 1).numpy()
    np.testing.assert_allclose(found.activations, [soft[2], (2 * soft[0] + soft[1]) / 3], rtol=1e-4)
    assert (found.new, found.known, found.samples) == (("y", "x"), ("a", "b"), (3, 3))
    again = Preview.from_dict(found.as_dict())
    np.testing.assert_array_equal(again.activations, found.activations)
    assert (again.new, again.known) == (found.new, found.known)
    few = seen([[0.1, 0.2, 0.3, 0.4]]).only("x", "bc")
    np.testing.assert_allclose(few.activations, [[0.4, 0.6]])


def test_the_rule():
    rule = BranchRule(max_classes=5, max_error=0.2)
    assert rule.why(6, 0.0) == "6 classes are more than 5"
    assert rule.why(5, 0.0) == ""
    assert rule.why(5, 0.21) == "its error of 21.0 % is above 20 %"
    assert rule.why(3, 0.9) == ""
    assert "too few" in rule.why_not(3, 0.9)
    assert "within 20 %" in rule.why_not(5, 0.1)
    assert error_within([[3, 1], [1, 1]]) == pytest.approx((0.25 + 0.5) / 2)
    assert error_within([[1.0]]) is None
    for wrong, said in (
        ({"max_classes": 1}, "max_classes"),
        ({"max_error": 2}, "max_error"),
        ({"min_classes": 2}, "min"),
    ):
        with pytest.raises(LeveretUsageError, match=said):
            BranchRule(**wrong)


def planned(tree, new="ef", confusion=PAIRS, **options):
    data = patterns("abcdefghij", each=6)
    return plan(tree, data, tuple(new), lambda node: np.asarray(confusion), **options)


def test_a_small_leaf_grows_flat_and_a_large_one_branches():
    tree = ClassTree(small(4), "abcd")
    found = planned(tree, rule=BranchRule(max_classes=6, max_error=0.25))
    assert (found.action, found.new, found.groups) == ("flat", ("e", "f"), ())
    grown, changed = applied(tree, found)
    assert grown.outline() == ["root: a, b, c, d, e, f"]
    assert changed == [()]
    found = planned(tree, rule=BranchRule(max_classes=5), groups=2)
    assert found.action == "branch"
    assert found.groups == partition("abcd", PAIRS, found.preview, 2).groups
    grown, changed = applied(tree, found)
    assert [node.classes for node in grown.leaves.values()] == list(found.groups)
    assert changed == [(), (0,), (1,)]
    # so it does for its errors
    assert planned(tree, rule=BranchRule(max_classes=9, max_error=0.1)).action == "branch"
    assert planned(tree, rule=BranchRule(max_classes=2, max_error=0), shape="flat").action == "flat"


def test_groups_that_are_too_large_branch_further():
    eight = np.kron(np.eye(2), np.kron(np.eye(2), [[60, 25], [25, 60]]) + 4) + 0.1
    tree = ClassTree(small(8), "abcdefgh")
    found = planned(tree, "ij", eight, rule=BranchRule(max_classes=4, max_error=1, min_classes=4), groups=2)
    grown, changed = applied(tree, found)
    assert [step.action for step in found.walk()] == ["branch"] * (1 + len(found.children))
    assert found.children
    assert max(len(leaf.classes) for leaf in grown.leaves.values()) <= 4
    assert sorted(grown.classes) == sorted("abcdefghij")
    assert set(changed) == {path for path, node in grown.root.walk() if node.net is not None}
    # the same comes back from JSON
    again = type(found).from_dict(found.as_dict())
    assert [step.as_dict() for step in again.walk()] == [step.as_dict() for step in found.walk()]


def test_a_branch_hands_new_classes_to_the_child_that_they_activate():
    tree = ClassTree(small(4), "abcd").branch(["ac", "bd"])
    found = planned(tree, "efg", rule=BranchRule(max_classes=9, max_error=1))
    assert found.action == "route"
    sums = found.preview.over(["ac", "bd"])
    for i, child in enumerate("01"):
        own = [name for name, row in zip("efg", sums, strict=True) if row.argmax() == i]
        assert [list(step.new) for step in found.children if step.path == (int(child),)] == ([own] if own else [])
    grown, changed = applied(tree, found)
    assert () in changed
    for path, node in grown.leaves.items():
        assert (path in changed) == (len(node.classes) > 2)


def test_nothing_to_plan():
    with pytest.raises(LeveretUsageError, match="no new class"):
        planned(ClassTree(small(4), "abcd"), "")
    with pytest.raises(LeveretUsageError, match="shape must be"):
        planned(ClassTree(small(4), "abcd"), shape="round")
