"""Counting and timing."""

import subprocess
import time

import numpy as np
import pytest
import torch
from torch import nn

from leveret._threads import default_threads
from leveret.data import Normalization
from leveret.jobs._memory import peak_resident
from leveret.jobs._operations import count_operations, float_bytes
from leveret.jobs._speed import best_threads, measure, torch_model
from leveret.shrink.binary import XnorConv2d


def test_operations_of_known_layers():
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),  # 8*6*6 outputs of 27 each
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=4, bias=False),  # 8*3*3 outputs of 18 each
        XnorConv2d(8, 4, 1),  # 4*3*3 outputs of 8 each, on bits
        nn.Flatten(),
        nn.Linear(36, 10),
    )
    net.train()
    assert count_operations(net, torch.zeros(2, 3, 6, 6)) == (8 * 36 * 27 + 8 * 9 * 18 + 360, 4 * 9 * 8)
    assert net.training
    assert not any(m._forward_hooks for m in net.modules())


def test_float_bytes_leave_counters_out():
    assert float_bytes(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))) == 4 * (8 + 4 * 2)


def test_timing_tells_slow_from_quick_and_restores_threads():
    before = torch.get_num_threads()
    models = {"slow": lambda x: time.sleep(0.004), "quick": lambda x: time.sleep(0.001)}
    found = measure(models, np.zeros((3, 1, 2, 2), np.uint8), threads=1, batch=8, seconds=0.05)
    assert 3.9 < found["slow"].ms_per_image < 40
    assert found["quick"].ms_per_image < found["slow"].ms_per_image
    assert found["quick"].images_per_second > found["slow"].images_per_second
    assert found["slow"].noise >= 1
    assert torch.get_num_threads() == before


def test_on_a_busy_machine_the_fastest_turn_counts():
    turns = iter([0.001, 0.001, *[0.02, 0.02, 0.001] * 400])
    found = measure({"a": lambda x: time.sleep(next(turns))}, np.zeros((1, 1, 2, 2), np.uint8), threads=1, seconds=0)
    assert found["a"].noise > 5
    assert found["a"].ms_per_image < 15


def test_numpy_is_held_to_the_same_threads():
    from threadpoolctl import threadpool_info

    def most():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    seen = []
    before = most()
    measure({"a": lambda x: seen.append(most())}, np.zeros((1, 1, 2, 2), np.uint8), threads=1, batch=1, seconds=0)
    assert all(threads <= {1} for threads in seen)
    assert most() == before


def test_rests_come_with_a_call_that_is_not_timed():
    seen = []
    models = {name: lambda x, name=name: seen.append((name, len(x))) for name in "ab"}
    measure(models, np.zeros((1, 1, 2, 2), np.uint8), threads=1, batch=4, seconds=0, rest=1e-3)
    warm = [("a", 1)] * 2 + [("b", 1)] * 2
    assert seen[: 4 + 36] == warm + ([("a", 1)] * 2 + [("b", 1)] * 2) * 9
    assert seen[44:] == ([("a", 4)] * 2 + [("b", 4)] * 2) * 5


def test_a_long_call_needs_no_call_before_it():
    seen = []
    measure({"a": lambda x: (seen.append(len(x)), time.sleep(0.001))}, np.zeros((1, 1, 2, 2), np.uint8), threads=1,
            batch=4, seconds=0, rest=1e-5)  # fmt: skip
    assert seen == [1] * (2 + 1 + 9) + [4] * (2 + 1 + 5)


def test_a_process_reports_its_peak():
    small, large = (peak_resident("import sys; x = b'1' * int(sys.argv[1])", str(n)) for n in (1, 50_000_000))
    assert small > 1e6
    assert 45e6 < large - small < 80e6
    with pytest.raises(subprocess.CalledProcessError):
        peak_resident("1 / 0")


def test_a_timed_net_normalises_and_leaves_the_net_alone():
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten())
    before = {key: value.clone() for key, value in net.state_dict().items()}
    pixels = np.arange(4, dtype=np.uint8).reshape(1, 1, 2, 2)
    normalization = Normalization((0.25,), (0.5,))
    run = torch_model(net, normalization, pixels, threads=1)
    with torch.inference_mode():
        expected = net(torch.from_numpy(normalization.apply(pixels))).numpy()
    np.testing.assert_allclose(run(pixels), expected, atol=1e-5)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_threads_that_suit_a_model():
    def likes(wanted):
        return lambda x: time.sleep(0.001 if torch.get_num_threads() == wanted else 0.004)

    images = np.zeros((2, 1, 2, 2), np.uint8)
    assert best_threads(likes(1), images, 3) == 1
    assert best_threads(likes(3), images, 3) == 3


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.setenv("LEVERET_THREADS", "3")
    assert default_threads() == 3
    for nonsense in ("", "0", "many"):
        monkeypatch.setenv("LEVERET_THREADS", nonsense)
        assert default_threads() >= 1
