"""Many independent trainings: results in order, errors and dying processes as results, nothing done twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass

import joblib
import pytest

from leveret._disk import is_of_the_disk
from leveret.errors import LeveretUsageError
from leveret.training import Task, parallel


@dataclass(frozen=True)
class Square(Task):
    """Squares a number; may die, or fail, some times first. Counts its tries in a file."""

    number: int
    dies: int = 0
    fails: int = 0
    retries = 1

    def work(self, offset):
        tries = self.folder / "tries"
        before = int(tries.read_text()) if tries.exists() else 0
        tries.write_text(str(before + 1))
        if before < self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if before < self.fails:
            raise RuntimeError("no luck")
        time.sleep(0.05)  # so that no worker does it all
        return {
            "square": self.number**2 + offset,
            "process": os.getpid(),
            "thread": threading.current_thread().name,
        }


@dataclass(frozen=True)
class Refusing(Task):
    retries = 5

    def work(self):
        (self.folder / "tries").write_text("once")
        raise LeveretUsageError("never")


def tasks(folder, **wrong):
    return [Square(str(i), folder / str(i), 1, i, **(wrong if i == 1 else {})) for i in range(4)]


def tries(folder):
    return [int((folder / str(i) / "tries").read_text()) for i in range(4)]


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_are_told_of(tmp_path, workers):
    told = []
    found = parallel(tasks(tmp_path), 10, workers=workers, done=lambda task, result: told.append((task.key, result)))
    assert [result["square"] for result in found] == [10, 11, 14, 19]
    processes = {result["process"] for result in found}
    assert len(processes) == workers
    assert (os.getpid() in processes) == (workers == 1)
    assert dict(told) == {result["key"]: result for result in found}
    assert all(task.finished() == result for task, result in zip(tasks(tmp_path), found, strict=True))
    assert not any(task.running.exists() for task in tasks(tmp_path))


def test_a_crash_is_answered_by_one_more_try(tmp_path):
    assert parallel(tasks(tmp_path, fails=1), 0)[1]["square"] == 1
    assert tries(tmp_path) == [1, 2, 1, 1]
    assert not (tmp_path / "1" / "error.txt").exists()


def test_what_goes_on_crashing_is_reported_and_the_rest_goes_on(tmp_path):
    found = parallel(tasks(tmp_path, fails=2), 0)
    assert [result["status"] for result in found] == ["ok", "failed", "ok", "ok"]
    assert found[1]["why"] == "RuntimeError: no luck"
    assert "no luck" in (tmp_path / "1" / "error.txt").read_text()
    assert tasks(tmp_path)[1].finished() is None


def test_what_leveret_refuses_is_not_tried_again(tmp_path):
    (found,) = parallel([Refusing("only", tmp_path, 1)])
    assert found["why"] == "never"
    assert (tmp_path / "tries").read_text() == "once"


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_task_whose_process_died_goes_on(tmp_path, deaths):
    found = parallel(tasks(tmp_path, dies=deaths), 0, workers=2)
    assert [result["square"] for result in found] == [0, 1, 4, 9]
    assert tries(tmp_path)[1] == deaths + 1


def test_a_task_that_always_kills_its_process_fails_alone(tmp_path):
    found = parallel(tasks(tmp_path, dies=9), 0, workers=2)
    assert [result["status"] for result in found] == ["ok", "failed", "ok", "ok"]
    assert "died, three times" in found[1]["why"]
    assert tries(tmp_path)[1] == 3


def test_an_outer_configuration_says_who_works(tmp_path):
    with joblib.parallel_config(backend="threading", n_jobs=2):
        found = parallel(tasks(tmp_path), 0)
    assert [result["square"] for result in found] == [0, 1, 4, 9]
    assert len({result["thread"] for result in found} - {threading.main_thread().name}) == 2
    assert {result["process"] for result in found} == {os.getpid()}


def test_what_cannot_be_sent_is_named(tmp_path):
    with pytest.raises(LeveretUsageError, match="can't be sent to other processes"):
        parallel(tasks(tmp_path), threading.Lock(), workers=2)


def test_no_more_processes_than_tasks(tmp_path, monkeypatch):
    asked = []
    real = joblib.Parallel

    def noted(n_jobs, **options):
        asked.append(n_jobs)
        return real(n_jobs=1, **options)

    monkeypatch.setattr(joblib, "Parallel", noted)
    parallel(tasks(tmp_path)[:3], 0, workers=64)
    parallel(tasks(tmp_path)[:1], 0, workers=64)
    # two for a single one: it must not be at work in this process, which it might kill
    assert asked == [3, 2]


@pytest.mark.parametrize(
    ("error", "disk"),
    [
        (OSError(28, "No space left on device"), True),
        (RuntimeError("[enforce fail at inline_container.cc:668] . PytorchStreamWriter failed writing file"), True),
        (type("SafetensorError", (Exception,), {})("Error while serializing: I/O error: No space left"), True),
        (RuntimeError("CUDA out of memory"), False),
        (ValueError("no"), False),
    ],
)
def test_errors_of_the_disk_are_known(error, disk):
    assert is_of_the_disk(error) == disk
    wrapped = LeveretUsageError("a file could not be written")
    wrapped.__cause__ = error
    assert is_of_the_disk(wrapped) == disk
