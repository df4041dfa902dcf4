"""Class trees: inference by hand, growth of rows, branching, pruning, files."""

import copy
import math

import numpy as np
import pytest
import torch
from grow_data import Fixed, numbered, small
from torch import nn

from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.grow import ClassTree, with_outputs
from leveret.nets import ConvNet, CosineLinear


def log(values):
    return [[math.log(v) for v in row] for row in values]


@pytest.fixture
def by_hand():
    """A branch sure of {a, b} by 0.6 and of {c, d} by 0.4, though c alone beats both a and b; and its leaves."""
    tree = ClassTree(Fixed(log([[0.3, 0.3, 0.35, 0.05], [0.1, 0.2, 0.3, 0.4]])), "abcd").branch(["ab", "dc"])
    tree.root.nodes[0].net = Fixed(log([[0.9, 0.1], [0.5, 0.5]]))
    tree.root.nodes[1].net = Fixed(log([[0.2, 0.8], [0.25, 0.75]]))  # d first
    return tree


def test_the_branch_picks_by_sums_and_the_leaf_says_the_class(by_hand):
    with torch.no_grad():
        said = by_hand(numbered(2)).exp()
    # image 0: the leaf {a, b} was picked, and says a; c keeps 0.35, which is below 0.6 · 0.9
    assert said.argmax(1).tolist() == [0, 2]
    expected = np.array([0.6 * 0.9, 0.6 * 0.1, 0.35, 0.05])
    np.testing.assert_allclose(said[0], expected / expected.sum(), rtol=1e-5)
    expected = np.array([0.1, 0.2, 0.7 * 0.75, 0.7 * 0.25])
    np.testing.assert_allclose(said[1], expected / expected.sum(), rtol=1e-5)


def test_a_class_that_was_not_looked_into_never_wins(by_hand):
    by_hand.root.nodes[0].net = Fixed(log([[0.5, 0.5], [0.5, 0.5]]))
    with torch.no_grad():
        said = by_hand(numbered(1))
    # c's own 0.35 is above 0.6 · 0.5
    assert said.argmax(1).item() in (0, 1)
    assert said[0, 2] < said[0, :2].max()
    assert said.exp().sum().item() == pytest.approx(1)


def test_all_beams_are_the_product_of_both(by_hand):
    by_hand.set_inference(beams=None)
    with torch.no_grad():
        said = by_hand(numbered(2)).exp()
    expected = [[0.6 * 0.9, 0.6 * 0.1, 0.4 * 0.8, 0.4 * 0.2], [0.3 * 0.5, 0.3 * 0.5, 0.7 * 0.75, 0.7 * 0.25]]
    np.testing.assert_allclose(said, expected, rtol=1e-5)
    by_hand.set_inference(beams=2)
    with torch.no_grad():
        np.testing.assert_allclose(by_hand(numbered(2)).exp(), expected, rtol=1e-5)


def test_a_blend_is_the_geometric_mean_within_a_group(by_hand):
    by_hand.set_inference(beams=None, blend=0.25)
    with torch.no_grad():
        said = by_hand(numbered(1)).exp()[0]
    a, b = 0.9**0.75 * 0.5**0.25, 0.1**0.75 * 0.5**0.25
    np.testing.assert_allclose(said[:2], [0.6 * a / (a + b), 0.6 * b / (a + b)], rtol=1e-5)


def test_trees_in_trees_and_leaves_of_one_class():
    tree = ClassTree(small(6), "abcdef").branch(["abc", "de", "f"]).branch(["a", "bc"], (0,)).set_inference(beams=None)
    assert tree.outline() == [
        "root: 3 groups of 6",
        "  root-0: 2 groups of 3",
        "    root-0-0: a",
        "    root-0-1: b, c",
        "  root-1: d, e",
        "  root-2: f",
    ]
    assert tree.node((0, 0)).net is None
    assert tree.leaf_of("c") == (0, 1)
    x = torch.randn(7, 1, 4, 4)
    with torch.no_grad():
        for beams in (None, 1, 2):
            said = tree.set_inference(beams=beams)(x)
            np.testing.assert_allclose(said.exp().sum(1), np.ones(7), rtol=1e-5)
        # clones say what the net said
        own = torch.log_softmax(small(6)(x), 1)
        np.testing.assert_allclose(tree.set_inference(beams=None)(x), own, rtol=1e-4, atol=1e-5)
        # each image alone as in the batch
        tree.set_inference(beams=1)
        np.testing.assert_allclose(torch.cat([tree(one[None]) for one in x]), tree(x), rtol=1e-4, atol=1e-5)


def test_gradients_flow_through_branch_and_leaves():
    tree = ClassTree(small(4), "abcd").branch(["ab", "cd"])
    tree.set_inference(beams=None)
    tree(torch.randn(3, 1, 4, 4))[:, 1].sum().backward()
    assert all(parameter.grad is not None for parameter in tree.parameters())


@pytest.mark.parametrize("last", [nn.Linear(5, 3), nn.Linear(5, 3, bias=False), CosineLinear(5, 3, 7.0)])
def test_rows_are_copied_by_name_and_others_drawn(last):
    net = nn.Sequential(nn.Linear(2, 5), last)
    made = with_outputs(net, "abc", "cxab", seed=3)
    rows = made[1].weight.detach()
    for new, old in ((0, 2), (2, 0), (3, 1)):
        assert torch.equal(rows[new], last.weight[old])
        if getattr(last, "bias", None) is not None:
            assert made[1].bias[new] == last.bias[old]
    assert rows[1].abs().sum() > 0
    assert torch.equal(rows, with_outputs(net, "abc", "cxab", seed=3)[1].weight)
    assert not torch.equal(rows[1], with_outputs(net, "abc", "cxab", seed=4)[1].weight[1])
    assert type(made[1]) is type(last)
    assert torch.equal(made[0].weight, net[0].weight)
    with torch.no_grad():
        made[0].weight.zero_()
    assert net[0].weight.abs().sum() > 0


def test_drawing_rows_leaves_torchs_own_generator_alone():
    net = nn.Linear(2, 2)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    with_outputs(net, "ab", "abc")
    assert torch.equal(torch.rand(1), expected)


def test_flat_growth_adds_outputs_to_the_leaf_and_all_above():
    tree = ClassTree(small(4), "abcd").branch(["ab", "cd"])
    before = copy.deepcopy(tree.state_dict())
    grown = tree.flat("ef", (1,))
    assert grown.classes == tuple("abcdef")
    assert grown.node((0,)).classes == tuple("ab")
    assert grown.node((1,)).classes == tuple("cdef")
    x = torch.randn(5, 1, 4, 4)
    with torch.no_grad():
        np.testing.assert_allclose(grown.root.net(x)[:, :4], tree.root.net(x), atol=1e-6)
        np.testing.assert_allclose(grown.node((1,)).net(x)[:, :2], tree.node((1,)).net(x), atol=1e-6)
    # the other one is as it was
    assert tree.classes == tuple("abcd")
    assert all(torch.equal(value, before[name]) for name, value in tree.state_dict().items())
    with torch.no_grad():
        for value in grown.parameters():
            value.zero_()
    assert all(torch.equal(value, before[name]) for name, value in tree.state_dict().items())


def test_a_leaf_of_one_class_that_grows_begins_with_its_branchs_rows():
    tree = ClassTree(small(3), "abc").branch(["ab", "c"]).flat("d", (1,))
    leaf = tree.node((1,))
    assert leaf.classes == ("c", "d")
    assert torch.equal(leaf.net.head.weight, tree.root.net.head.weight[2:])


def test_a_branch_collapses_to_its_own_net():
    tree = ClassTree(small(4), "abcd").branch(["ab", "cd"])
    flat = tree.collapsed(())
    assert flat.root.is_leaf
    x = torch.randn(5, 1, 4, 4)
    with torch.no_grad():
        np.testing.assert_allclose(flat(x), torch.log_softmax(small(4)(x), 1), rtol=1e-5, atol=1e-6)
    with pytest.raises(LeveretUsageError, match="root is a leaf"):
        flat.collapsed(())


def test_classes_are_taken_off():
    tree = ClassTree(small(5), "abcde").branch(["ab", "cde"])
    fewer = tree.without(["a", "d"])
    assert fewer.outline() == ["root: 2 groups of 3", "  root-0: b", "  root-1: c, e"]
    assert torch.equal(fewer.root.net.head.weight, tree.root.net.head.weight[[1, 2, 4]])
    assert fewer.node((0,)).net is None
    # what has one child left is that child
    assert tree.without(["a", "b"]).outline() == ["root: c, d, e"]
    with pytest.raises(LeveretUsageError, match="no class 'z'"):
        tree.without("z")
    with pytest.raises(LeveretUsageError, match="two classes must be left"):
        tree.without(list("abcd"))


def test_a_saved_tree_says_the_same(tmp_path):
    tree = ClassTree(small(5), "abcde", input_shape=(1, 4, 4)).branch(["ab", "cd", "e"])
    tree.history.append({"classes": ["e"], "figures": {"accuracy": 0.5}})
    tree.root.confusion = [[0.5] * 5] * 5
    tree.set_inference(beams=2, blend=0.5).save(tmp_path / "tree.safetensors")
    loaded = ClassTree.load(tmp_path / "tree.safetensors", small(3, seed=9))
    x = torch.randn(6, 1, 4, 4)
    with torch.no_grad():
        assert torch.equal(loaded(x), tree(x))
    assert (loaded.beams, loaded.blend, loaded.input_shape) == (2, 0.5, (1, 4, 4))
    assert loaded.history == tree.history
    assert loaded.root.confusion == tree.root.confusion


def test_damaged_and_foreign_files_are_told(tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(LeveretDataError, match="there is no"):
        ClassTree.load(tmp_path / "none", small(3))
    (tmp_path / "text").write_bytes(b"not a tree at all, by any means")
    with pytest.raises(LeveretDataError, match="damaged or no tree"):
        ClassTree.load(tmp_path / "text", small(3))
    save_file({"x": torch.zeros(2)}, tmp_path / "other")
    with pytest.raises(LeveretDataError, match="holds no tree of"):
        ClassTree.load(tmp_path / "other", small(3))
    ClassTree(small(3), "abc").save(tmp_path / "tree")
    with pytest.raises(LeveretDataError, match="ConvNet; give a net of the make"):
        ClassTree.load(tmp_path / "tree", ConvNet(1, 3, depth=2, widths=(4,)))


def test_refusals():
    with pytest.raises(LeveretUsageError, match="4 outputs for 3 classes"):
        ClassTree(small(4), "abc")
    with pytest.raises(LeveretUsageError, match="names of their own"):
        ClassTree(small(3), "aba")
    with pytest.raises(LeveretUsageError, match="linear layer"):
        ClassTree(nn.Sequential(nn.Linear(3, 3), nn.Sigmoid()), "abc")
    tree = ClassTree(small(4), "abcd")
    for beams in (0, 1.5, True):
        with pytest.raises(LeveretUsageError, match="beams must be"):
            tree.set_inference(beams=beams)
    with pytest.raises(LeveretUsageError, match=r"blend must be in \[0, 1\)"):
        tree.set_inference(blend=1)
    with pytest.raises(LeveretUsageError, match="'c' is known already"):
        tree.flat("xc")
    with pytest.raises(LeveretUsageError, match="each once"):
        tree.flat("xx")
    for groups in (["abcd"], ["ab", "c"], ["abc", "cd"]):
        with pytest.raises(LeveretUsageError, match="two or more groups must have each"):
            tree.branch(groups)
    branched = tree.branch(["ab", "cd"])
    with pytest.raises(LeveretUsageError, match="root is a branch already"):
        branched.branch(["ab", "cd"])
    with pytest.raises(LeveretUsageError, match="root is a branch; name the leaf"):
        branched.flat("e")
    with pytest.raises(LeveretUsageError, match="no node 'root-2'"):
        branched.node((2,))
    with pytest.raises(LeveretUsageError, match="no class 'z'"):
        branched.leaf_of("z")
