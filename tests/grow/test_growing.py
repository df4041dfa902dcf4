"""Growing end to end on small data: what is trained on, what is kept, what goes on, what is refused."""

import copy
import json
import re
import threading
from dataclasses import replace
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
import torch
from grow_data import patterns, small

import leveret
from leveret.balance.catalogue import METHODS
from leveret.data import from_arrays, joined, of_classes
from leveret.errors import LeveretDataError, LeveretTrainingError, LeveretUsageError
from leveret.grow import BranchRule, ClassTree, GrowRecipe, KeepOld, accuracies, distill_back, grow, pruned
from leveret.grow._objectives import DrawnMore
from leveret.grow._task import NodeTask
from leveret.training import Batch

pytestmark = pytest.mark.filterwarnings("ignore::leveret.errors.LeveretWarning")

RECIPE = GrowRecipe(branch_epochs=4, leaf_epochs=2, batch_size=16, augment=None, settled=0.0, new_rate=1.0)
BRANCH = BranchRule(max_classes=5, max_error=1)


@pytest.fixture(scope="module")
def old():
    return patterns("abcd")


@pytest.fixture(scope="module")
def new():
    return patterns("efg")


@pytest.fixture(scope="module")
def tree(old):
    net = small(4).train()
    leveret.fit(net, old, epochs=15, batch_size=16, optimizer="sgd", lr=0.1, schedule="one-cycle", progress=False)
    assert leveret.evaluate(net, old).accuracy > 0.9
    return ClassTree.of(net, old)


@pytest.fixture(scope="module")
def growth(tree, old, new, tmp_path_factory):
    out = tmp_path_factory.mktemp("growth")
    return grow(tree, new, old=old, recipe=RECIPE, rule=BRANCH, groups=2, out=out, workers=1), out


def weights(tree):
    return torch.cat([p.detach().flatten() for p in tree.parameters()])


def test_a_tree_learns_new_classes_and_keeps_the_old(growth, tree, old, new):
    found, _ = growth
    assert found.tree.classes == tuple("abcdefg")
    assert len(found.tree.leaves) == 2
    assert found.figures["accuracy"] > 0.9
    assert found.figures["old_alone"] > 0.9
    seen = joined([old, new])
    assert leveret.evaluate(found.tree, seen).accuracy == pytest.approx(found.figures["accuracy"])
    assert found.tree.normalization == old.normalization
    assert tree.classes == tuple("abcd")
    (step,) = found.tree.history
    assert step["classes"] == list("efg")
    assert step["figures"]["accuracy"] == found.figures["accuracy"]
    assert tree.history == []


def test_compute_is_counted_in_samples_times_operations(growth, old, new):
    found, _ = growth
    trained = {name: node for name, node in found.nodes.items() if "settled" not in node}
    train = len(old.train) + len(new.train)
    assert trained["root"]["samples_seen"] == 4 * train
    macs = 16 * 12 + 12 * 7
    assert trained["root"]["compute"] == 3 * macs * 4 * train
    assert found.compute["training"] == sum(node["compute"] for node in found.nodes.values())
    assert found.compute["preview"] == (16 * 12 + 12 * 4) * len(new.train)
    assert found.operations == macs


def test_leaves_begin_as_clones_of_the_branch_and_know_their_confusions(growth):
    found, out = growth
    for path, node in found.tree.root.walk():
        assert np.asarray(node.confusion).shape == (len(node.classes),) * 2
        np.testing.assert_allclose(np.sum(node.confusion, 1), 1, atol=1e-4)
        if path:
            # two epochs away from the branch, not from the old net
            own, branch = (next(n.net.parameters()) for n in (node, found.tree.root))
            assert (own - branch).norm() < 0.7 * branch.norm()
    assert json.loads((out / "plan.json").read_text()) == found.plan.as_dict()


def test_a_clone_of_a_trained_branch_learns_gently(tree, old, new, monkeypatch):
    rates = {}
    work = NodeTask.work

    def seen(self, *args):
        rates[self.key] = self.lr
        return work(self, *args)

    monkeypatch.setattr(NodeTask, "work", seen)
    short = replace(RECIPE, branch_epochs=1, leaf_epochs=1, settled=0.0)
    for leaf_lr, expected in ((None, 0.01), (0.003, 0.003)):
        grow(tree, new, old=old, recipe=replace(short, leaf_lr=leaf_lr), rule=BRANCH, groups=2, workers=1)
        assert rates["root"] == 0.05
        leaves = {rate for name, rate in rates.items() if name != "root"}
        assert sorted(leaves) == pytest.approx([expected])
    grow(tree, new, old=old, recipe=replace(short, start="old"), rule=BRANCH, groups=2, workers=1)
    assert set(rates.values()) == {0.05}


def test_new_classes_are_drawn_more_often_and_said_no_more_for_it(tree, old, new, monkeypatch):
    drawn = {}
    make = METHODS["plain"].make

    def seen(training, **options):
        drawn[training.data.classes] = training.recipe.get("sampler"), training.recipe["objective"]
        return make(training, **options)

    monkeypatch.setitem(METHODS, "plain", SimpleNamespace(make=seen))
    short = replace(RECIPE, branch_epochs=1, leaf_epochs=1, balance="plain", new_rate=2.0)
    found = grow(tree, new, old=old, recipe=short, rule=BRANCH, groups=2, workers=1)
    sampler, objective = drawn.pop(tuple("abcdefg"))
    np.testing.assert_allclose(sampler.probabilities, np.array([1, 1, 1, 1, 2, 2, 2]) / 10)
    assert found.nodes["root"]["samples_seen"] == len(old.train) + len(new.train)
    assert objective.rates == (1, 1, 1, 1, 2, 2, 2)
    # leaves are clones of a branch that has learned all
    assert drawn
    for sampler, objective in drawn.values():
        assert sampler is None
        assert repr(objective).startswith("CrossEntropy")
    # where no old sample is, there is nothing to draw less often
    for recipe, policy in ((replace(short, distillation=0), "none"), (replace(short, new_rate=1), "all")):
        drawn.clear()
        grow(tree, new, old=old, policy=policy, recipe=recipe, shape="flat", workers=1)
        ((sampler, objective),) = drawn.values()
        assert sampler is None
        assert repr(objective).startswith("CrossEntropy")


def test_a_loss_of_other_rates_by_hand():
    net = torch.nn.Linear(1, 3)
    torch.nn.init.zeros_(net.weight)
    batch = Batch(torch.zeros(2, 1), torch.tensor([2, 0]), torch.arange(2))
    loss = DrawnMore((1, 1, 2))(net, batch)["cross_entropy"]
    odds = net.bias.detach().exp() * torch.tensor([1.0, 1.0, 2.0])
    assert loss.item() == pytest.approx(-(odds[[2, 0]] / odds.sum()).log().mean().item(), rel=1e-5)
    assert torch.equal(batch.logits, net(batch.inputs))
    with pytest.raises(LeveretUsageError, match="rates must be above 0"):
        DrawnMore((1, 0))


def test_a_settled_leaf_is_left_alone(tree, old, new):
    found = grow(tree, new, old=old, recipe=replace(RECIPE, settled=1.0), rule=BRANCH, groups=2, workers=1)
    assert "samples_seen" in found.nodes["root"]
    for path, leaf in found.tree.leaves.items():
        name = "root-" + "-".join(map(str, path))
        assert 0 <= found.nodes[name]["settled"] < 0.2
        rows = [found.tree.classes.index(c) for c in leaf.classes]
        assert torch.equal(leaf.net.head.weight, found.tree.root.net.head.weight[rows])
    x = torch.randn(9, 1, 4, 4)
    with torch.no_grad():
        own = torch.log_softmax(found.tree.root.net(x), 1)
        np.testing.assert_allclose(found.tree.set_inference(beams=None)(x), own, atol=1e-5)


def test_as_in_the_paper_all_nodes_begin_with_the_old_net(tree, old, new, monkeypatch):
    begun = {}
    work = NodeTask.work

    def seen(self, before, grown, data, progress=False):
        begun[self.key] = copy.deepcopy(grown.node(self.path).net.body.state_dict())
        return work(self, before, grown, data, progress)

    monkeypatch.setattr(NodeTask, "work", seen)
    found = grow(tree, new, old=old, recipe=replace(RECIPE, start="old"), rule=BRANCH, groups=2, workers=1)
    assert set(begun) == {"root", "root-0", "root-1"} == set(found.nodes)
    for state in begun.values():
        for name, value in tree.root.net.body.state_dict().items():
            assert torch.equal(value, state[name])
    assert found.figures["accuracy"] > 0.85


def test_a_second_growth_leaves_untouched_leaves_alone(growth, old, new):
    first, _ = growth
    more = patterns("hi")
    found = grow(first.tree, more, old=joined([old, new]), recipe=RECIPE, rule=BranchRule(9, 1.0), workers=1)
    assert found.plan.action == "route"
    touched = {step.path for step in found.plan.walk() if step.action == "flat"}
    for path, leaf in first.tree.leaves.items():
        same = torch.equal(leaf.net.head.weight, found.tree.node(path).net.head.weight)
        assert same == (path not in touched)
    assert found.figures["accuracy"] > 0.7
    assert [step["classes"] for step in found.tree.history] == [list("efg"), list("hi")]


def test_a_stopped_growth_goes_on_and_gives_the_same(growth, tree, old, new, tmp_path, monkeypatch):
    expected, _ = growth
    work = NodeTask.work

    def stops(self, *args):
        if self.key == "root-1":
            raise KeyboardInterrupt
        return work(self, *args)

    settings = {"old": old, "recipe": RECIPE, "rule": BRANCH, "groups": 2, "out": tmp_path, "workers": 1}
    monkeypatch.setattr(NodeTask, "work", stops)
    with pytest.raises(KeyboardInterrupt):
        grow(tree, new, **settings)
    calls = []
    monkeypatch.setattr(NodeTask, "work", lambda self, *args: (calls.append(self.key), work(self, *args))[1])
    found = grow(tree, new, **settings)
    assert "root-1" in calls
    assert "root" not in calls
    assert torch.equal(weights(found.tree), weights(expected.tree))
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(LeveretDataError, match=r"plan\.json is damaged .*made again"):
        grow(tree, new, **settings)
    # nothing of it is another growth's
    (tmp_path / "plan.json").unlink()
    for other, said in (
        ({"seed": settings.get("seed", 0) + 1}, "seed was 0, now 1"),
        ({"recipe": replace(RECIPE, branch_epochs=7)}, r"recipe.branch_epochs was \d+, now 7"),
        ({"groups": 3}, "groups was 2, now 3"),
    ):
        with pytest.raises(LeveretUsageError, match=f"holds another growth than this: .*{said}"):
            grow(tree, new, **{**settings, **other})
    moved = copy.deepcopy(tree)
    with torch.no_grad():
        next(moved.parameters()).add_(1)
    with pytest.raises(LeveretUsageError, match="holds another growth than this: weights was"):
        grow(moved, new, **settings)
    (tmp_path / "growth.json").write_text("[")
    with pytest.raises(LeveretDataError, match=r"growth\.json is damaged"):
        grow(tree, new, **settings)


def test_a_tree_that_took_up_classes_by_hand_grows_on(tree, old, new):
    measured = copy.deepcopy(tree)
    measured.root.confusion = np.eye(4).tolist()
    by_hand = measured.flat(["h", "i"])
    assert len(by_hand.root.confusion) == 4  # of the six that it has now
    seen = joined([old, patterns("hi")])
    found = grow(by_hand, new, old=seen, recipe=RECIPE, rule=BRANCH, groups=2, workers=1)
    assert set(found.tree.classes) == set("abcdefghi")
    fewer = grow(tree.without(["a", "b"]), new, policy="none", recipe=RECIPE, rule=BRANCH, groups=2, workers=1)
    assert set(fewer.tree.classes) == set("cdefg")


def test_a_recipe_without_a_distillation_has_the_policys():
    assert [GrowRecipe().for_policy(policy).distillation for policy in ("all", "memory", "none")] == [0, 1, 1]
    assert GrowRecipe(distillation=0).for_policy("none").distillation == 0


def test_what_is_refused_at_once(tree, old, new):
    for arguments, said in (
        ({"policy": "foo"}, "policy must be 'all', 'memory' or 'none', got 'foo'"),
        ({"shape": "foo"}, "shape must be 'error', 'random' or 'flat', got 'foo'"),
        ({"exemplars": "foo"}, "exemplars must be 'herding' or 'reservoir', got 'foo'"),
        ({"groups": 1}, "groups must be 'auto', or a number of at least 2, got 1"),
        ({"policy": "memory", "budget": 0}, "at least 1 sample, got 0"),
        ({"policy": "memory", "budget": 3}, "a memory of 3 samples can't hold one of each of 4 classes"),
    ):
        with pytest.raises(LeveretUsageError, match=re.escape(said)):
            grow(tree, new, old=old, **arguments)
    with pytest.raises(LeveretUsageError, match=r"got Linear; ClassTree.of\(net, data\)"):
        grow(torch.nn.Linear(2, 2), new, old=old)
    with pytest.raises(LeveretUsageError, match=r"must be a Data, as leveret\.load gives it; got list"):
        grow(tree, [], old=old)
    with pytest.raises(LeveretUsageError, match="distillation must be a number from 0 on, got inf"):
        GrowRecipe(distillation=float("inf"))


def test_a_training_that_fails_is_named(tree, old, new, monkeypatch):
    def fails(self, *args):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(NodeTask, "work", fails)
    with pytest.raises(LeveretTrainingError, match="training of root failed: RuntimeError: out of luck"):
        grow(tree, new, old=old, recipe=RECIPE, workers=1)


def test_leaves_train_in_processes_of_their_own(growth, tree, old, new):
    expected, _ = growth
    found = grow(tree, new, old=old, recipe=RECIPE, rule=BRANCH, groups=2, workers=2, threads=1)
    np.testing.assert_allclose(weights(found.tree), weights(expected.tree), atol=1e-5)


def test_leaves_train_on_a_dask_cluster(growth, tree, old, new, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="dask isn't installed: pip install distributed")
    expected, _ = growth
    by, work = {}, NodeTask.work

    def noted(self, *args):
        by[self.key] = threading.current_thread().name
        return work(self, *args)

    monkeypatch.setattr(NodeTask, "work", noted)
    with (
        # in this process, since the start of others takes long
        distributed.LocalCluster(n_workers=2, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        found = grow(tree, new, old=old, recipe=RECIPE, rule=BRANCH, groups=2, threads=1)
    assert by.keys() == {name for name, node in expected.nodes.items() if "settled" not in node}
    assert len(by) > 1
    assert all("Dask" in name for name in by.values())
    assert torch.equal(weights(found.tree), weights(expected.tree))


@pytest.mark.parametrize("kind", ["herding", "reservoir"])
def test_a_memory_is_all_that_is_left_of_old_samples(tree, old, new, kind):
    recipe = replace(RECIPE, distillation=1.0)
    shape = {"recipe": recipe, "shape": "flat", "workers": 1}
    found = grow(tree, new, old=old, policy="memory", budget=16, exemplars=kind, **shape)
    counts = found.nodes["root"]["counts"]
    assert sum(counts[:4]) == 16
    assert counts[4:] == [len(new.train) // 3] * 3
    assert found.nodes["root"]["balance"] == "frequency-sampling"
    assert found.nodes["root"]["distilled"]
    assert len(found.memory) <= 16
    assert set(found.memory.classes) == set("abcdefg")
    assert found.figures["old"] > 0.5
    # the next growth needs no old data
    again = grow(found.tree, patterns("hi"), policy="memory", memory=found.memory, **shape)
    assert sum(again.nodes["root"]["counts"][:7]) == len(found.memory)
    assert again.figures["before"] is None
    assert again.figures["accuracy"] is not None


def test_without_old_samples_distillation_keeps_what_can_be_kept(tree, old, new):
    shape = {"shape": "flat", "workers": 1, "policy": "none", "old": old}
    found = grow(tree, new, recipe=replace(RECIPE, distillation=1.0), **shape)
    forgets = grow(tree, new, recipe=replace(RECIPE, distillation=0.0), **shape)
    assert found.nodes["root"]["counts"][:4] == [0] * 4
    # the new outputs are learned among themselves, so that old names are said still
    assert found.figures["old"] > forgets.figures["old"] + 0.2
    assert found.nodes["root"]["compute"] > forgets.nodes["root"]["compute"]
    # what was measured before of classes that have no samples now
    assert np.asarray(found.tree.root.confusion).shape == (7, 7)


def test_the_objective_by_hand():
    class Logits(torch.nn.Module):
        def __init__(self, values):
            super().__init__()
            self.values = torch.nn.Parameter(torch.tensor(values))

        def forward(self, x):
            return self.values.expand(len(x), -1)

    net, teacher = Logits([1.0, 2.0, 0.5]), Logits([0.0, 3.0])
    batch = Batch(torch.zeros(2, 1), torch.tensor([2, 0]), torch.arange(2))
    losses = KeepOld(teacher, [2, 0], 3.0, temperature=2.0)(net, batch)
    assert losses["cross_entropy"].item() == pytest.approx(
        torch.nn.functional.cross_entropy(net.values.expand(2, -1), batch.labels).item()
    )
    p, q = (torch.softmax(torch.tensor(v) / 2, 0) for v in ([0.0, 3.0], [0.5, 1.0]))
    assert losses["distillation"].item() == pytest.approx(3 * 4 * (p * (p / q).log()).sum().item(), rel=1e-5)
    sum(losses.values()).backward()
    assert teacher.values.grad is None
    # of samples of classes 0 and 2 alone, told apart among those
    apart = KeepOld(teacher, [2, 1], 3.0, learned=[0, 2])(net, batch)["cross_entropy"]
    among = net.values[[0, 2]].expand(2, -1)
    expected = torch.nn.functional.cross_entropy(among, torch.tensor([1, 0]))
    assert apart.item() == pytest.approx(expected.item())
    assert torch.autograd.grad(apart, net.values)[0][1] == 0
    for wrong in ({"weight": -1}, {"temperature": 0}):
        with pytest.raises(LeveretUsageError):
            KeepOld(teacher, [0, 1], **wrong)


def test_pruning_takes_away_branches_of_no_use(growth, old, new):
    found, _ = growth
    seen = joined([old, new])
    settled = found.tree.set_inference(beams=None)
    for node in settled.root.nodes:
        # leaves that only guess
        settled_net = node.net.head
        torch.nn.init.zeros_(settled_net.weight)
        torch.nn.init.zeros_(settled_net.bias)
    smaller, tried = pruned(settled, seen)
    assert smaller.root.is_leaf
    assert tried[0]["pruned"]
    assert tried[0]["without"] > tried[0]["with_branch"]
    for node in settled.root.nodes:
        assert not node.net.head.weight.any()
    with pytest.raises(LeveretUsageError, match="no validation samples"):
        pruned(settled, from_arrays(np.zeros((8, 4, 4), np.uint8), list("abcdabcd"), val_fraction=0))


def test_a_tree_is_taught_to_one_net(tree, old, new):
    found = grow(tree, new, old=old, recipe=RECIPE, rule=BRANCH, groups=2, workers=1)
    settings = {"epochs": 4, "batch_size": 16, "optimizer": "sgd", "lr": 0.05, "progress": False}
    result = distill_back(found.tree, joined([old, new]), **settings)
    seen = of_classes(joined([old, new]), found.tree.classes)
    assert leveret.evaluate(result.net, seen).accuracy > found.figures["accuracy"] - 0.08
    assert result.net is not found.tree.root.net
    assert found.tree.beams == 1
    other = distill_back(found.tree, joined([old, new]), small(7, seed=3), **settings)
    assert leveret.evaluate(other.net, seen).accuracy > 0.5


def test_figures_by_hand():
    from leveret.metrics import Evaluation

    logits = np.array([[3, 1, 2], [1, 2, 3], [0, 1, 2], [5, 1, 2]], np.float32)
    after = Evaluation(logits, np.array([0, 1, 2, 1]), ("a", "b", "c"))
    before = Evaluation(logits[[0, 1, 3], :2], np.array([0, 1, 1]), ("a", "b"))
    found = accuracies(after, before, ("a", "b"))
    assert found["accuracy"] == 0.5
    assert found["before"] == pytest.approx(2 / 3)
    assert found["old"] == pytest.approx(1 / 3)
    assert found["old_alone"] == pytest.approx(2 / 3)
    assert found["new"] == 1
    assert found["forgotten"] == pytest.approx(1 / 3)
    assert set(accuracies(None, None, ()).values()) == {None}


def test_one_sample_of_a_new_class_and_one_new_class(tree, old):
    image = np.zeros((1, 4, 4), np.uint8)
    image[0, 2, 3] = 255
    one = of_classes(from_arrays(np.repeat(image, 6, 0), list("lmlmlm"), val_fraction=0, test_fraction=0), "m")
    single = one.train.subset([0])
    data = replace(one, train=single)
    found = grow(tree, data, old=old, recipe=replace(RECIPE, balance="frequency-sampling"), shape="flat", workers=1)
    assert found.tree.classes == tuple("abcdm")
    assert found.nodes["root"]["counts"][-1] == 1
    assert found.figures["new"] is None
    assert found.figures["old"] > 0.8


def test_known_classes_are_refused_or_merged(tree, old):
    both = patterns("de", seed=5)
    with pytest.raises(LeveretUsageError, match=r"samples of d, which the tree knows already; take known='merge'"):
        grow(tree, both, old=old, recipe=RECIPE)
    found = grow(tree, both, old=old, known="merge", recipe=RECIPE, shape="flat", workers=1)
    assert found.tree.classes == tuple("abcde")
    counts = found.nodes["root"]["counts"]
    assert counts[3] == old.train.class_counts()[3] + both.train.class_counts()[0]


def test_refusals(tree, old, new):
    with pytest.raises(LeveretUsageError, match="no class that the tree doesn't know"):
        grow(tree, patterns("ab", seed=3), old=old, known="merge")
    with pytest.raises(LeveretUsageError, match="policy 'all' trains on the old data"):
        grow(tree, new)
    with pytest.raises(LeveretUsageError, match="no memory yet"):
        grow(tree, new, policy="memory")
    with pytest.raises(LeveretUsageError, match="policy must be"):
        grow(tree, new, old=old, policy="some")
    with pytest.raises(LeveretUsageError, match="known must be"):
        grow(tree, new, old=old, known="perhaps")
    large = from_arrays(np.zeros((20, 5, 5), np.uint8), list("ef") * 10)
    with pytest.raises(
        LeveretDataError, match=r"takes samples of shape \(1, 4, 4\), arrays has them of shape \(1, 5, 5\)"
    ):
        grow(tree, large, old=old)
    colour = from_arrays(np.zeros((20, 4, 4, 3), np.uint8), list("ef") * 10)
    with pytest.raises(LeveretDataError, match=r"shape \(3, 4, 4\)"):
        grow(tree, colour, old=old)
    with pytest.raises(LeveretDataError, match=r"no training sample of d, which the tree knows.*without\(\)"):
        grow(tree, new, old=of_classes(old, "abc"))
    with pytest.raises(LeveretUsageError, match="'e' is new to the tree, and yet the old data"):
        grow(tree, new, old=joined([old, new]))
    for wrong, said in (
        ({"branch_epochs": 0}, "branch_epochs"),
        ({"balance": "luck"}, "balance must be auto or one of plain"),
        ({"distillation": -1}, "distillation must be"),
        ({"start": "middle"}, "start must be"),
        ({"settled": 2}, "settled"),
        ({"new_rate": 0}, "new_rate must be above 0"),
        ({"balance": "focal", "distillation": 1}, "brings its own objective"),
    ):
        with pytest.raises(LeveretUsageError, match=said):
            GrowRecipe(**wrong)


def test_renumbered_labels_are_known_by_their_names(tree, old, new):
    """The old data's classes may stand in any order, and so may the new one's."""
    turned = of_classes(old, "dbca")
    expected = grow(tree, new, old=old, recipe=RECIPE, shape="flat", workers=1)
    found = grow(tree, of_classes(new, "gef"), old=turned, recipe=RECIPE, shape="flat", workers=1)
    assert found.tree.classes == tuple("abcdgef")
    assert found.figures["old"] == pytest.approx(expected.figures["old"], abs=0.1)
