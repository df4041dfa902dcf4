"""What tools outside Leveret measured, as figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from leveret.errors import LeveretDataError

__all__ = ["READERS"]

Measured = tuple[dict[str, Any], dict[str, Any]]


def _coverage(folder: Path) -> Measured:
    """Statements that the tests run, by package; files right under `leveret` count as one."""
    file = folder / "coverage.json"
    packages: dict[str, list[int]] = {}
    try:
        for name, each in _content(file)["files"].items():
            summary = each["summary"]
            counted = packages.setdefault(_package(name), [0, 0])
            counted[0] += int(summary["covered_lines"])
            counted[1] += int(summary["num_statements"])
    except LeveretDataError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LeveretDataError(f"{file} isn't what coverage json writes: {error!r}") from error
    rows: list[dict[str, Any]] = [
        {"package": name, "covered": covered, "statements": statements}
        for name, (covered, statements) in sorted(packages.items())
        if statements
    ]
    if not rows:
        raise LeveretDataError(f"{file} has no file of leveret's")
    whole = sum(row["covered"] for row in rows) / sum(row["statements"] for row in rows)
    return {"coverage": whole, "least_coverage": min(r["covered"] / r["statements"] for r in rows)}, {"packages": rows}


def _package(name: str) -> str:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if "leveret" not in parts:
        raise LeveretDataError(f"coverage.json must be of leveret's files alone, it holds {name}")
    below = parts[parts.index("leveret") :]
    return below[1] if len(below) > 2 else "leveret"


def _times(folder: Path) -> Measured:
    """Seconds of `make test` and `make demo` in fresh clones."""
    file = folder / "times.json"
    found = _numbers(file, ("make_demo_seconds", "make_test_seconds"))
    return found, {"commit": str(_content(file).get("commit", "unknown"))}


def _install(folder: Path) -> Measured:
    """Bytes of the plain install, and of what is downloaded."""
    file = folder / "install.json"
    found = _numbers(file, ("install_bytes", "wheel_bytes", "sdist_bytes"))
    packages = _content(file).get("packages")
    if not isinstance(packages, dict) or not all(isinstance(size, int) for size in packages.values()):
        raise LeveretDataError(f"{file} must say of each package how many bytes it takes, under packages")
    return found, {"package_bytes": packages}


READERS: Mapping[str, Callable[[Path], Measured]] = {"coverage": _coverage, "times": _times, "install": _install}


def _numbers(file: Path, names: tuple[str, ...]) -> dict[str, Any]:
    content = _content(file)
    for name in names:
        if not isinstance(content.get(name), int | float):
            raise LeveretDataError(f"{file} must hold the number {name}, got {content.get(name)!r}")
    return {name: content[name] for name in names}


def _content(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LeveretDataError(f"{file} isn't there: make house measures it") from None
    except ValueError as error:
        raise LeveretDataError(f"{file} isn't JSON: {error}") from error
    if not isinstance(content, dict):
        raise LeveretDataError(f"{file} must hold an object, got {type(content).__name__}")
    return content
