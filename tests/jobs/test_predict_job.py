"""Prediction: order, bounded batches, and how figures are ranked."""

from types import SimpleNamespace

import numpy as np
import pytest
from job_fakes import FakePacked, layer
from PIL import Image

from leveret import LeveretUsageError
from leveret.jobs import predict
from leveret.runtime import InputContract, Packed
from leveret.runtime._graph import Graph, Step


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


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"input": SimpleNamespace(shape=(20,), mean=None, vocabulary=9)}, "this model takes token ids"),
        ({"input": SimpleNamespace(shape=(1, 8, 8), mean=None)}, "packed without a normalisation"),
        ({"output_shape": (3, 8, 8)}, "gives maps of 8x8 places"),
    ],
)
def test_models_that_classify_no_pixels_are_refused_at_once(changes, says):
    model = FakePacked()
    vars(model).update(changes)
    with pytest.raises(LeveretUsageError, match=says) as caught:
        predict.run(model, [])
    assert "leveret.runtime.load" in str(caught.value)


def test_shares_are_taken_as_they_are(folder):
    model = FakePacked(layers=[layer("last", "softmax", (3,), (3,), 32, 0, 0, 0, 0)])
    model.__class__ = type(
        "Sure", (FakePacked,), {"__call__": lambda self, x, threads: np.tile([0.2, 0.7, 0.1], (len(x), 1))}
    )
    assert {p.top[0] for p in predict.run(model, [folder])} == {("b", 0.7)}


def test_a_real_text_model_and_a_real_model_of_maps(tmp_path):
    """Through their files, and what `inspect` says of them."""
    from leveret.cli import _show
    from leveret.jobs import inspect

    text = Packed(
        Graph([Step("rows", "embedding", ["input"], {}, {"weight": "t"}), Step("mean", "global_avg_pool", ["rows"])]),
        {"t": np.ones((9, 3), np.float32)},
        InputContract((5,), vocabulary=9),
    )
    maps = Packed(
        Graph([Step("abs", "function", ["input"], {"function": "abs"})]), {}, InputContract((1, 4, 6), (0.5,), (1.0,))
    )
    for name, packed, says in (("text", text, "token ids"), ("maps", maps, "maps of 4x6 places")):
        packed.save(tmp_path / f"{name}.lvr")
        with pytest.raises(LeveretUsageError, match=says):
            predict.run(tmp_path / f"{name}.lvr", [])
    found = inspect.run(tmp_path / "text.lvr")
    assert found.input == {"shape": [5], "mean": None, "std": None, "vocabulary": 9}
    assert _show._taken(found.input) == "texts of 5 token ids, each in 0..8"
    _show.show_inspection(found)
    _show.show_inspection(inspect.run(tmp_path / "maps.lvr"))
