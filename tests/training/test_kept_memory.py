"""Freed memory is kept while nets are trained, and given back afterwards."""

import threading

import numpy as np
import pytest

import leveret
from leveret.data import from_arrays
from leveret.training import _memory


@pytest.fixture
def told(monkeypatch):
    calls = []
    monkeypatch.setattr(_memory, "_options", lambda: lambda option, value: calls.append((option, value)))
    return calls


def test_the_last_of_several_blocks_gives_memory_back(told):
    with _memory.memory_kept():
        first = list(told)
        with _memory.memory_kept():
            assert told == first
        assert told == first
    assert first == [(_memory._TRIM_THRESHOLD, _memory._NEVER), (_memory._MMAP_MAX, 0)]
    assert told[2:] == [
        (_memory._MMAP_MAX, _memory._BLOCKS),
        (_memory._MMAP_THRESHOLD, _memory._LARGE),
        (_memory._TRIM_THRESHOLD, 2 * _memory._LARGE),
    ]


def test_trainings_in_threads_count(told):
    inside, leave = threading.Event(), threading.Event()

    def other():
        with _memory.memory_kept():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(10)
    with _memory.memory_kept():
        pass
    assert len(told) == 2
    leave.set()
    thread.join()
    assert len(told) == 5


def test_an_error_gives_it_back_too(told):
    with pytest.raises(ZeroDivisionError), _memory.memory_kept():
        raise ZeroDivisionError
    assert _memory._running == 0
    assert len(told) == 5


def test_what_the_environment_says_is_left(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000")
    assert _memory._options() is None


def test_fit_keeps_it_meanwhile(told):
    seen = []
    images = np.zeros((8, 1, 8, 8), np.uint8)
    data = from_arrays(images, np.arange(8) % 2)

    def augment(batch, generator):
        seen.append(_memory._running)
        return batch

    leveret.fit(leveret.ConvNet(1, 2, depth=2, width=4, stages=1), data, epochs=1, augment=augment, progress=False)
    assert set(seen) == {1}
    assert _memory._running == 0
