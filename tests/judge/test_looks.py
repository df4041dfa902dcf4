"""Repeated looks: alpha is spent over a period, and a file counts them."""

import json
import threading

import numpy as np
import pytest

from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.judge import Looks, judge


def test_levels_and_numbers(tmp_path):
    looks = Looks(tmp_path / "looks.json", alpha=0.1, period=4)
    assert looks.level == pytest.approx(0.025)
    assert not looks.path.exists()
    numbers = [looks.record(0.5, False, "a", "b").number for _ in range(5)]
    assert numbers == [1, 2, 3, 4, 1]
    kept = Looks(tmp_path / "looks.json")
    assert (kept.alpha, kept.period) == (0.1, 4)
    assert [look["number"] for look in kept.taken] == numbers


def test_a_difference_must_be_clearer_in_one_of_many_looks(tmp_path):
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(120, 3)), generator.normal(0.25, 1, (120, 3))
    single = judge(a, b, observer="logistic", mmd=False)
    assert single.different
    looks = Looks(tmp_path / "looks.json", period=200)
    one_of_many = judge(a, b, observer="logistic", looks=looks, mmd=False)
    assert not one_of_many.different
    assert one_of_many.level == pytest.approx(0.05 / 200)
    assert one_of_many.look.number == 1
    assert looks.taken[0]["p"] == one_of_many.p
    clear = judge(a, b + 3, observer="logistic", looks=tmp_path / "looks.json", mmd=False)
    assert clear.different
    assert clear.look.number == 2


def test_false_alarms_of_a_whole_period_are_rarer_than_alpha(tmp_path):
    generator = np.random.default_rng(1)
    alarms = 0
    for period in range(25):
        looks = Looks(tmp_path / f"{period}.json", alpha=0.2, period=4)
        reference = generator.normal(size=(30, 2))  # the same for all looks of a period
        found = [
            judge(reference, generator.normal(size=(30, 2)), observer="logistic", looks=looks, mmd=False, seed=i)
            for i in range(4)
        ]
        alarms += any(verdict.different for verdict in found)
    # 5 are expected at most; 11 have a chance below 1 %
    assert alarms < 11


def test_looks_at_the_same_moment_all_count(tmp_path):
    looks = Looks(tmp_path / "looks.json")
    threads = [threading.Thread(target=looks.record, args=(0.5, False)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(look["number"] for look in looks.taken) == list(range(1, 9))


@pytest.mark.parametrize(
    "content", ["", "[]", '{"version": 2}', '{"version": 1, "alpha": 0.05, "period": 0, "looks": []}']
)
def test_another_file_is_left_alone(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(LeveretDataError, match="not a file of looks"):
        Looks(path)
    assert path.read_text() == content


def test_other_settings_than_the_files_are_refused(tmp_path):
    Looks(tmp_path / "looks.json", alpha=0.05, period=10).record(0.5, False)
    with pytest.raises(LeveretUsageError, match="counts looks with period 10, got 20"):
        Looks(tmp_path / "looks.json", period=20)
    for options, said in (({"alpha": 1.0}, "alpha must be between"), ({"period": 0}, "period must be at least 1")):
        with pytest.raises(LeveretUsageError, match=said):
            Looks(tmp_path / "new.json", **options)
    assert json.loads((tmp_path / "looks.json").read_text())["version"] == 1
