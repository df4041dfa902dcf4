"""Other processes build just what this one builds; what stops them is told."""

import threading

import joblib
import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError
from test_transfer import assert_same
from transfer_fakes import Stops, noisy

from leveret.errors import LeveretError, LeveretUsageError


@pytest.fixture
def forked():
    """Processes that are there at once, where joblib's own import torch first."""
    with joblib.parallel_config("multiprocessing", n_jobs=2):
        yield


def test_two_workers_give_the_same_bits(build, tmp_path, forked):
    assert_same(build(workers=1), build(path=tmp_path / "by two"))
    more = {"augment": noisy, "size": 230}
    assert_same(build(path=tmp_path / "noisy", workers=1, **more), build(path=tmp_path / "noisy by two", **more))


def test_what_can_not_be_sent(build, forked):
    lock = threading.Lock()

    def local(pixels, generator):
        with lock:
            return pixels

    with pytest.raises(LeveretUsageError, match=r"can't be sent to other processes .*take workers=1"):
        build(augment=local)


def test_a_process_that_dies(build, teachers, tmp_path):
    # as joblib tells of it; its own processes take long to start
    dying = Stops(teachers[0], TerminatedWorkerError("killed"), after=1 + 2 * 4)
    with pytest.raises(LeveretError, match=r"died: it was killed, or memory was short.*the same call goes on"):
        build(teachers=dying)
    dying.left = 1000
    assert_same(build(teachers=dying), build(teachers=dying, path=tmp_path / "whole"))
