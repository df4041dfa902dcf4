"""Prediction: order, bounded batches, and how figures are ranked."""

import numpy as np
import pytest
from job_fakes import FakePacked, layer
from PIL import Image

from leveret import LeveretUsageError
from leveret.jobs import predict


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(10):
        Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    return tmp_path


def test_keeps_the_order_with_broken_files_between(folder):
    (folder / "4.png").write_bytes(b"")
    found = list(predict.run(FakePacked(), [folder]))
    assert [p.source for p in found] == [str(folder / f"{i}.png") for i in range(10)]
    assert [p.error is not None for p in found] == [i == 4 for i in range(10)]


def test_large_activations_make_small_batches(folder):
    big = FakePacked(layers=[layer("a", "conv2d", (1, 8, 8), (250, 100, 50), 32, 0, 0, 0, 0)])
    assert len(list(predict.run(big, [folder]))) == 10
    assert big.batches == [3, 3, 3, 1]
    huge = FakePacked(layers=[layer("a", "conv2d", (1, 8, 8), (250, 1000, 1000), 32, 0, 0, 0, 0)])
    assert len(list(predict.run(huge, [folder]))) == 10
    assert huge.batches == [1] * 10


def test_an_endless_list_is_taken_bit_by_bit(folder):
    def endless():
        while True:
            yield folder / "0.png"

    found = predict.run(FakePacked(), endless())
    assert [next(found).source for _ in range(100)] == [str(folder / "0.png")] * 100


def test_same_class_whatever_the_batch(folder):
    alone = [next(predict.run(FakePacked(), [folder / f"{i}.png"])).top for i in range(10)]
    assert [p.top for p in predict.run(FakePacked(), [folder])] == alone


def test_top_is_sorted_and_sums_to_one(folder):
    for found in predict.run(FakePacked(), [folder], top=9):
        shares = [share for _, share in found.top]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1)
        assert {name for name, _ in found.top} == {"a", "b", "c"}


def test_classes_without_names_are_numbers(folder):
    model = FakePacked()
    model.classes = ()
    model.__class__ = type(
        "Nameless", (FakePacked,), {"__call__": lambda self, x, threads: np.tile([0.0, 1], (len(x), 1))}
    )
    assert {p.top[0][0] for p in predict.run(model, [folder])} == {"1"}


@pytest.mark.parametrize("options", [{"top": 0}, {"threads": 0}])
def test_wrong_numbers_are_refused_at_once(options):
    with pytest.raises(LeveretUsageError, match="at least 1, got 0"):
        predict.run(FakePacked(), [], **options)
