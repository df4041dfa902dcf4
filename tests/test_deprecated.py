"""Old names: they work, say what to use instead, and go in time."""

from __future__ import annotations

import re
import sys
import types
import warnings
from pathlib import Path

import pytest

import leveret
from leveret._deprecated import moved, renamed_argument, renamed_option
from leveret.errors import LeveretFutureWarning, LeveretUsageError, LeveretWarning

TIMES = {"since": "0.1", "until": "0.3"}


@renamed_argument("speed", "lr", **TIMES)
def train(net, lr=0.1):
    """Train."""
    return net, lr


def test_an_old_argument_is_taken_and_told_of():
    with pytest.warns(LeveretFutureWarning) as told:
        assert train("net", speed=0.5) == ("net", 0.5)
    (warning,) = told
    assert str(warning.message) == (
        "the argument speed of train is called lr since version 0.1; the old name goes with version 0.3"
    )
    assert warning.filename == __file__
    assert issubclass(warning.category, FutureWarning)
    assert issubclass(warning.category, LeveretWarning)


def test_the_new_one_is_taken_silently():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert train("net", lr=0.5) == train("net", 0.5) == ("net", 0.5)
    assert (train.__name__, train.__doc__) == ("train", "Train.")


def test_both_are_too_many():
    with pytest.raises(LeveretUsageError, match="train got lr and speed, as it was called; give lr alone"):
        train("net", lr=1, speed=2)


def test_what_moved_is_found(monkeypatch):
    module = types.ModuleType("old_home")
    module.__getattr__ = moved("old_home", {"dumps": "json:dumps", "text": "json:loads"}, **TIMES)
    monkeypatch.setitem(sys.modules, "old_home", module)
    import json

    with pytest.warns(LeveretFutureWarning, match=r"old_home\.text is called json\.loads since version 0\.1") as told:
        assert module.text is json.loads
    assert told[0].filename == __file__
    with pytest.raises(AttributeError, match="module 'old_home' has no attribute 'nothing'"):
        module.nothing  # noqa: B018


def test_an_option(run):
    with pytest.warns(LeveretFutureWarning, match="--a is called --b since version 0.1"):
        renamed_option("--a", "--b", **TIMES)
    code, _, err = run("budget", "--data", "nowhere.npz")
    assert code == 1
    assert "warning: --data SOURCE is called SOURCE, an argument, since version 0.1" in err


def test_names_that_changed():
    from matplotlib.figure import Figure

    from leveret.report import draw_explanation
    from leveret.report.labels import place_labels

    with pytest.warns(LeveretFutureWarning, match=r"draw_explanation\.heat_colors"):
        assert draw_explanation.heat_colours is draw_explanation.heat_colors
    figure = Figure()
    axes = figure.subplots()
    with pytest.warns(LeveretFutureWarning, match="colours of place_labels is called colors"):
        places = place_labels(figure, axes, [], colours=[])
    assert places == []


def test_nothing_is_past_its_time():
    now = tuple(int(n) for n in re.findall(r"\d+", leveret.__version__)[:2])
    found = 0
    for path in Path(leveret.__file__).parent.rglob("*.py"):
        for text in re.findall(r'until="([\d.]+)"', path.read_text(encoding="utf-8")):
            found += 1
            assert now < tuple(int(n) for n in text.split(".")), f"{path} keeps an old name until {text}"
    assert found >= 4
