"""Steps timed one by one: which steps, how much work, and that a batch may be cut."""

import numpy as np
import pytest
from lvr_files import small_packed

from leveret.errors import LeveretUsageError
from leveret.runtime import _packed


@pytest.fixture(scope="module")
def packed():
    return small_packed()


def images(count):
    return np.random.default_rng(0).integers(0, 256, (count, 2, 6, 8), dtype=np.uint8)


def test_each_step_is_there_with_its_work(packed):
    found = packed.profile(images(3), threads=1, repeats=2)
    layers = packed.layers()
    assert [(step.name, step.op) for step in found] == [
        ("input", "normalize"),
        *((layer.name, layer.op) for layer in layers),
    ]
    assert [(step.macs, step.binary_macs) for step in found[1:]] == [
        (3 * layer.macs, 3 * layer.binary_macs) for layer in layers
    ]
    assert all(0 < step.fastest <= step.seconds for step in found)


def test_a_batch_that_is_cut_is_timed_whole(monkeypatch):
    monkeypatch.setattr(_packed, "build_engine", lambda *_: None)
    packed = small_packed()
    seen = []
    run = type(packed._ops[0]).run
    monkeypatch.setattr(packed._ops[0], "run", lambda x, threads: seen.append(len(x[0])) or run(packed._ops[0], x, 1))
    monkeypatch.setattr(_packed, "_MEMORY", 2 * packed._bytes_per_sample)
    found = packed.profile(images(5), repeats=1)
    assert seen == [2, 2, 1] * 2
    assert found[1].macs == 5 * packed.layers()[0].macs


def test_one_image_and_floats_will_do(packed):
    assert packed.profile(images(1)[0], repeats=1)[1].macs == packed.layers()[0].macs
    packed.profile(np.zeros((1, 2, 6, 8), np.float32), repeats=1)


@pytest.mark.parametrize(
    ("given", "options", "words"),
    [
        (np.zeros((2, 2, 6, 7), np.uint8), {}, "images must be"),
        (np.zeros((0, 2, 6, 8), np.uint8), {}, "at least one"),
        (np.zeros((1, 2, 6, 8), np.uint8), {"repeats": 0}, "repeats must be at least 1, got 0"),
        (np.zeros((1, 2, 6, 8), np.uint8), {"threads": 0}, "threads must be at least 1, got 0"),
    ],
)
def test_wrong_arguments(packed, given, options, words):
    with pytest.raises(LeveretUsageError, match=words):
        packed.profile(given, **options)
