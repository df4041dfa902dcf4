"""`LengthBuckets`: each sample once, batches of like lengths, another order each epoch; and `fit` over texts."""

import numpy as np
import pytest
import torch

import leveret
from leveret.data import from_arrays
from leveret.errors import LeveretUsageError
from leveret.nets import NormBoundLinear, TextConvNet
from leveret.text import TextEncoder
from leveret.training import LengthBuckets
from leveret.training._loader import BatchSampler


@pytest.mark.parametrize(("samples", "size"), [(1000, 50), (103, 10), (7, 10), (100, 1)])
def test_each_sample_comes_once(samples, size):
    buckets = LengthBuckets(np.arange(samples) % 17, pool=4)
    chunks = list(buckets.chunks(size))
    assert sorted(np.concatenate(chunks).tolist()) == list(range(samples))
    assert [len(chunk) for chunk in chunks[:-1]] == [size] * (len(chunks) - 1)


def test_batches_hold_like_lengths_and_are_in_no_order():
    lengths = np.random.default_rng(0).integers(1, 60, 5000)
    chunks = list(LengthBuckets(lengths).chunks(50))
    spread = np.mean([np.ptp(lengths[chunk]) for chunk in chunks])
    assert spread < 3
    means = [lengths[chunk].mean() for chunk in chunks]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3


def test_epochs_differ_and_come_again():
    buckets = LengthBuckets(np.arange(100) % 5, seed=3)
    first = list(buckets)
    assert list(buckets) == first
    buckets.set_epoch(1)
    assert list(buckets) != first
    with pytest.raises(LeveretUsageError, match="pool must be"):
        LengthBuckets([1, 2], pool=0)


@pytest.fixture(scope="module")
def reviews():
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(30)]
    texts, labels = [], []
    for i in range(300):
        said = list(rng.choice(words, rng.integers(2, 20)))
        said.insert(int(rng.integers(len(said))), "fine" if i % 2 else "dull")
        texts.append(" ".join(said))
        labels.append(i % 2)
    return from_arrays(texts, labels, seed=0)


def net_for(data, **options):
    torch.manual_seed(0)
    encoder = TextEncoder.learn(data.train.fetch(range(len(data.train))))
    return TextConvNet(2, encoder, dim=16, filters=16, **options)


def test_fit_learns_texts_by_buckets_and_within_the_bound(reviews, monkeypatch):
    seen = []
    chunks = LengthBuckets.chunks
    monkeypatch.setattr(LengthBuckets, "chunks", lambda self, size: seen.append(size) or chunks(self, size))
    net = net_for(reviews, max_norm=0.3)
    result = leveret.fit(net, reviews, epochs=6, optimizer="adadelta", batch_size=20, weight_decay=0, progress=False)
    assert seen == [20] * 6
    assert result.best_accuracy > 0.95
    assert net.classifier.weight.norm(dim=1).max() <= 0.3 + 1e-6
    assert not net.words.trained.sparse


def test_a_resumed_run_gives_the_same(reviews, tmp_path):
    options = {"optimizer": "adadelta", "batch_size": 20, "progress": False, "schedule": "constant", "warmup": 0}
    whole, stopped = net_for(reviews), net_for(reviews)
    leveret.fit(whole, reviews, epochs=3, out=tmp_path / "a", **options)
    leveret.fit(stopped, reviews, epochs=2, out=tmp_path / "b", **options)
    leveret.fit(stopped, reviews, epochs=3, out=tmp_path / "b", **options)
    for a, b in zip(whole.state_dict().values(), stopped.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_any_module_that_constrains_itself_is_asked_after_each_step(few_digits):
    class Counting(NormBoundLinear):
        calls = 0

        def constrain(self):
            Counting.calls += 1
            super().constrain()

    net = torch.nn.Sequential(torch.nn.Flatten(), Counting(64, 10, max_norm=0.5))
    leveret.fit(net, few_digits, epochs=2, batch_size=50, lr=0.5, progress=False)
    assert Counting.calls == 8
    assert net[1].weight.norm(dim=1).max() <= 0.5 + 1e-6


def test_the_loader_takes_buckets_batch_by_batch():
    sampler = BatchSampler(10, 4, 0, LengthBuckets([5, 1, 5, 1, 5, 1, 5, 1, 5, 1]))
    assert [len(indices) for _, _, indices in sampler] == [4, 4, 2]
