"""The catalogue: every method makes a net that packs, within its budget, and says what it doesn't fit."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import leveret
from leveret import LeveretUsageError
from leveret.errors import LeveretTrainingError, LeveretWarning
from leveret.shrink.binary import BinaryLayer, XnorConv2d
from leveret.shrink.catalogue import METHODS, FineTuning, choose_methods
from leveret.shrink.catalogue._norms import with_norms
from leveret.shrink.lowbit import LowBitLayer
from leveret.shrink.pruned import sparsity_of
from leveret.shrink.shared import TiedLayer

# small, so that a test takes a moment
QUICK = {"ebp": {"hidden": (20,)}, "binary-ensemble": {"members": 2}}


@pytest.fixture(scope="module")
def net(few_digits):
    """A net that has seen a few digits, left unchanged by all."""
    torch.manual_seed(0)
    made = leveret.ConvNet(1, 10, depth=4, width=8, stages=2)
    leveret.fit(made, few_digits, epochs=4, batch_size=32, lr=0.01, progress=False)
    return made.eval()


def tuning(data, epochs=1, **options):
    return FineTuning(data, epochs, batch_size=50, **options)


def layers_of(net):
    return [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


@pytest.mark.parametrize("key", METHODS)
def test_each_method_makes_a_net_that_packs(few_digits, net, key):
    method, own = METHODS[key], QUICK.get(key, {})
    before = copy.deepcopy(net.state_dict())
    budget = tuning(few_digits)
    method.check(net, budget.batches()[0], **own)
    small = method.make(net, budget, **own)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert not small.training
    # one epoch, or one for each stage
    assert len(budget.history) <= 3
    assert not budget.diverged
    images = torch.from_numpy(few_digits.normalization.apply(few_digits.test.fetch(np.arange(100))))
    packed = leveret.pack(small, images[:2], normalization=few_digits.normalization, classes=few_digits.classes)
    with torch.no_grad():
        same = packed(images.numpy()).argmax(1) == small(images).argmax(1).numpy()
    assert same.mean() >= 0.99
    assert method.title
    assert method.paper
    assert method.what.endswith(".")


def test_pruning_reaches_its_sparsity_and_deep_compression_its_tables(few_digits, net):
    pruned = METHODS["gradual"].make(net, tuning(few_digits, 2), sparsity=0.8)
    assert sparsity_of(pruned) == pytest.approx(0.8, abs=0.01)
    small = METHODS["deep-compression"].make(net, tuning(few_digits, 2), sparsity=0.8, bits=3)
    tied = [m for m in small.modules() if isinstance(m, TiedLayer)]
    assert len(tied) == 5
    weights = torch.cat([m.weight.flatten() for m in tied])
    assert float((weights == 0).float().mean()) == pytest.approx(0.8, abs=0.01)
    assert all(len(m.weight.unique()) <= 9 for m in tied)


def test_ends_are_real_where_the_paper_says_so(few_digits, net):
    for key in ("xnor", "bwn"):
        first, *inner, last = layers_of(METHODS[key].make(net, tuning(few_digits)))
        assert not isinstance(first, BinaryLayer)
        assert not isinstance(last, BinaryLayer)
        assert all(isinstance(layer, BinaryLayer) for layer in inner)
    first, *others = layers_of(METHODS["binarynet"].make(net, tuning(few_digits)))
    assert isinstance(first, BinaryLayer)
    assert not isinstance(first, XnorConv2d)
    assert all(isinstance(layer, BinaryLayer) for layer in others)
    ternary = layers_of(METHODS["ternary"].make(net, tuning(few_digits)))
    assert all(isinstance(layer, LowBitLayer) and layer.weight_bits == 2 for layer in ternary)
    assert ternary[0].levels == (-128, 127)
    assert all(layer.levels[1] - layer.levels[0] == 7 for layer in ternary[1:])


def test_norms_that_are_put_in_change_nothing(few_digits):
    torch.manual_seed(0)
    plain = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 3), nn.Flatten(), nn.Linear(48, 5)
    ).eval()
    images = torch.randn(64, 1, 8, 8)
    with torch.no_grad():
        before = plain(images)
        after = with_norms(copy.deepcopy(plain), images)
        assert torch.allclose(after(images), before, atol=1e-5)
    # one more behind the two layers that had none
    assert sum(isinstance(m, nn.BatchNorm2d) for m in after.modules()) == 2
    assert sum(isinstance(m, nn.BatchNorm1d) for m in after.modules()) == 1


def test_a_budget_is_split_in_whole_epochs(few_digits):
    assert tuning(few_digits, 12).split(2, 1) == [8, 4]
    assert tuning(few_digits, 10).split(1, 1, 1) == [3, 4, 3]
    assert tuning(few_digits, 1).split(1, 1) == [1, 1]
    with pytest.raises(LeveretUsageError, match="at least 1 epoch"):
        tuning(few_digits, 0)


def test_a_stage_that_was_cut_short_goes_on_and_a_damaged_checkpoint_begins_again(few_digits, net, tmp_path):
    done = tuning(few_digits, 3, out=tmp_path)
    expected = METHODS["trained-on"].make(net, done)
    again = tuning(few_digits, 3, out=tmp_path)
    METHODS["trained-on"].make(net, again)
    assert [row["seconds"] for row in again.history] == [row["seconds"] for row in done.history]
    (tmp_path / "tuning" / "last.ckpt").write_bytes(b"cut short")
    result = METHODS["trained-on"].make(net, tuning(few_digits, 3, out=tmp_path))
    for a, b in zip(result.parameters(), expected.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_diverging_stage_goes_on_with_its_best_epoch(few_digits):
    class Breaks(leveret.ConvNet):
        calls = 0

        def forward(self, x):
            self.calls += self.training
            return super().forward(x) * (float("nan") if self.calls > 8 and self.training else 1)

    budget = tuning(few_digits, 4)
    made = budget.fit(Breaks(1, 10, depth=2, width=4))
    assert budget.diverged
    assert len(budget.history) == 2
    assert all(value.isfinite().all() for value in made.state_dict().values())
    with pytest.raises(LeveretTrainingError, match="no epoch was finished"):
        tuning(few_digits).fit(Breaks(1, 10, depth=2, width=4), lr=1e30, gradient_clip=None, optimizer="sgd")


def test_what_does_not_fit_is_named(few_digits):
    dense = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    images = tuning(few_digits).batches()[0]
    for key in ("pointwise", "fire", "separable", "xnor"):
        with pytest.raises(LeveretUsageError, match=r"kernels larger than 1x1|nothing to make"):
            METHODS[key].check(dense, images)
    METHODS["magnitude"].check(dense, images)
    with pytest.raises(LeveretUsageError, match="sparsity must be in"):
        METHODS["magnitude"].check(dense, images, sparsity=1.5)
    with pytest.raises(LeveretUsageError, match="bits must be a whole number"):
        METHODS["share"].check(dense, images, bits=40)
    with pytest.raises(LeveretUsageError, match="rounds and samples must be at least 1, got 0 and 256"):
        METHODS["obs"].check(dense, images, rounds=0)
    with pytest.raises(LeveretUsageError, match="has no option 'sparsty'; it has sparsity, scope"):
        METHODS["magnitude"].check(dense, images, sparsty=0.5)


def test_methods_are_chosen_by_key():
    assert choose_methods("all") == tuple(METHODS.values())
    assert [m.key for m in choose_methods("xnor, int8")] == ["int8", "xnor"]
    assert [m.key for m in choose_methods(["obs"])] == ["obs"]
    with pytest.raises(LeveretUsageError, match="no method 'xor'; there are: all, real, trained-on, magnitude"):
        choose_methods("int8,xor")
    with pytest.raises(LeveretUsageError, match="names none"):
        choose_methods(" , ")


@pytest.mark.parametrize("key", ["binaryconnect", "binarynet"])
def test_a_layer_that_does_not_fit_is_named_as_in_the_net_and_left(few_digits, key):
    odd = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, padding_mode="reflect"),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3),
        nn.Flatten(),
        nn.Linear(144, 10),
    )
    images = tuning(few_digits).batches()[0]
    with pytest.raises(LeveretUsageError, match="layer '0' pads with 'reflect'"):
        METHODS[key].check(odd, images)
    some = tuning(few_digits)
    some.skip_unfit = True
    with pytest.warns(LeveretWarning, match="left as it is: layer '0' pads with 'reflect'") as caught:
        first, *others = layers_of(METHODS[key].make(odd, some))
    assert len([w for w in caught if w.category is LeveretWarning]) == 1
    assert type(first) is nn.Conv2d
    assert all(isinstance(layer, BinaryLayer) for layer in others)
