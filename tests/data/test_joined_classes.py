"""Some classes of a source, and several sources as one."""

import numpy as np
import pytest

from leveret.data import from_arrays, joined, of_classes
from leveret.errors import LeveretDataError, LeveretUsageError


def source(names, start=0, each=10, side=4):
    """Images whose every pixel is a number of their own."""
    count = each * len(names)
    pixels = np.broadcast_to(np.arange(start, start + count, dtype=np.uint8)[:, None, None], (count, side, side))
    return from_arrays(pixels.copy(), np.repeat(names, each), val_fraction=0.2, test_fraction=0.2, name="-".join(names))


def marks(split, label):
    """The numbers of a class's images."""
    return {int(image[0, 0, 0]) for image in split.fetch(np.flatnonzero(split.labels == label))}


def test_classes_alone_keep_their_samples_and_their_parts():
    data = source(["a", "b", "c"])
    few = of_classes(data, ["c", "a"])
    assert few.classes == ("c", "a")
    for name, split in few.splits.items():
        whole = data.splits[name]
        assert split.num_classes == 2
        assert marks(split, 0) == marks(whole, 2)
        assert marks(split, 1) == marks(whole, 0)
        assert len(split) == (whole.labels != 1).sum()
    with pytest.raises(LeveretUsageError, match="no class 'd'; it has a, b, c"):
        of_classes(data, ["a", "d"])
    with pytest.raises(LeveretUsageError, match="named once"):
        of_classes(data, ["a", "a"])
    more = of_classes(data, ["d", "b"], absent=True)
    assert more.train.class_counts().tolist() == [0, 6]
    assert marks(more.test, 1) == marks(data.test, 1)


def test_sources_are_joined_by_the_names_of_their_classes():
    one, two = source(["a", "b"]), source(["c", "b"], start=100)
    both = joined([one, two], name="both")
    assert both.classes == ("a", "b", "c")
    assert both.normalization == one.normalization
    for name, split in both.splits.items():
        assert marks(split, 0) == marks(one.splits[name], 0)
        # of two, b is the first in the order of names
        assert marks(split, 1) == marks(one.splits[name], 1) | marks(two.splits[name], two.classes.index("b"))
        assert marks(split, 2) == marks(two.splits[name], two.classes.index("c"))
    split = both.train
    order = np.random.default_rng(0).permutation(len(split))
    np.testing.assert_array_equal(split.fetch(order), split.fetch(np.arange(len(split)))[order])
    assert split.fetch(np.empty(0, int)).shape == (0, 1, 4, 4)


def test_texts_are_joined_too():
    texts = [from_arrays([f"{n} {i}" for i in range(8)] * 2, ["x"] * 8 + [n] * 8, name=n) for n in ("p", "q")]
    both = joined(texts)
    found = both.train.fetch(np.arange(len(both.train))[::-1])
    assert len(found) == len(both.train)
    assert {text[0] for text in found} == {"p", "q"}
    for text, label in zip(found[::-1], both.train.labels, strict=True):
        assert both.classes[label] in ("x", text[0])


def test_sources_that_differ_are_refused():
    with pytest.raises(
        LeveretDataError, match=r"a-b holds images of shape \(1, 4, 4\), c-d images of shape \(1, 5, 5\)"
    ):
        joined([source(["a", "b"]), source(["c", "d"], side=5)])
    with pytest.raises(LeveretUsageError, match="at least one source"):
        joined([])


def test_a_source_may_have_one_class_where_that_is_asked_for(tmp_path):
    import leveret

    np.savez(tmp_path / "one.npz", x=np.zeros((10, 4, 4), np.uint8), y=np.full(10, "z"))
    with pytest.raises(LeveretDataError, match="at least two classes"):
        leveret.load(tmp_path / "one.npz")
    assert leveret.load(tmp_path / "one.npz", one_class=True).classes == ("z",)
