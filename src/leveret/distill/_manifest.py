"""`transfer.json`: what a transfer set was built of, so that another's is never taken for it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from leveret._files import write_json
from leveret.distill._sharded import ShardedArray
from leveret.errors import LeveretDataError, LeveretUsageError

__all__ = ["IDENTITY", "Manifest"]

_NAME = "transfer.json"
_FORMAT = "leveret transfer set"
_VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """The content of `transfer.json`.

    Attributes:
        size: number of views.
        shard_size: views in each shard but the last.
        seed: of the views' keys, or of the generators.
        store: "seeds" or "pixels".
        data, unlabelled, teachers, augment: what they are known by, see `_fingerprints`; None for none.
        mean, std: of the logits, per class; None until all shards are there.
    """

    size: int
    shard_size: int
    seed: int
    store: str
    data: dict[str, Any]
    unlabelled: dict[str, Any] | None
    teachers: dict[str, Any]
    augment: dict[str, Any] | None
    mean: list[float] | None = None
    std: list[float] | None = None

    @property
    def classes(self) -> int:
        return len(self.data["classes"])

    @property
    def samples(self) -> int:
        """Samples in a pass, the unlabelled ones included."""
        return int(self.data["samples"]) + (int(self.unlabelled["samples"]) if self.unlabelled else 0)

    def logits(self, folder: Path) -> ShardedArray:
        """The shards of logits, `(size, classes)` float32."""
        return ShardedArray(folder, "logits", self.size, (self.classes,), np.float32, self.shard_size)

    def pixels(self, folder: Path) -> ShardedArray | None:
        """The shards of views, `(size, channels, height, width)` uint8; None where they aren't stored."""
        if self.store == "seeds":
            return None
        shape = tuple(int(side) for side in self.data["image_shape"])
        return ShardedArray(folder, "pixels", self.size, shape, np.uint8, self.shard_size)

    def arrays(self, folder: Path) -> list[ShardedArray]:
        """All that is stored."""
        pixels = self.pixels(folder)
        return [self.logits(folder)] if pixels is None else [pixels, self.logits(folder)]

    def refuse(self, folder: Path, asked: Manifest, what: tuple[str, ...]) -> None:
        """Complain of what the set in `folder`, which this is, has otherwise than `asked`.

        Raises:
            LeveretUsageError: names all of `what` that differ, with both values where they are short.
        """
        differing = [name for name in what if getattr(self, name) != getattr(asked, name)]
        if not differing:
            return
        told = [f"{name} ({_told(getattr(self, name), getattr(asked, name))})" for name in differing]
        raise LeveretUsageError(
            f"the transfer set in {folder} was built with other {', '.join(told)}; name another folder, or delete this "
            "one to build it anew"
        )

    def identity(self) -> dict[str, Any]:
        """What makes it this set and no other, as plain values."""
        return {name: value for name, value in asdict(self).items() if name in IDENTITY}

    def write(self, folder: Path) -> None:
        write_json(folder / _NAME, {"format": _FORMAT, "version": _VERSION, **asdict(self)})

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of the set in `folder`.

        Raises:
            LeveretUsageError: there is no set.
            LeveretDataError: it is damaged, or of a newer Leveret.
        """
        path = folder / _NAME
        if not folder.is_dir():
            raise LeveretUsageError(f"there is no transfer set at {folder}: no such folder")
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise LeveretUsageError(
                f"there is no transfer set in {folder}: it "
                + (f"has no {_NAME}" if any(folder.iterdir()) else "is an empty folder")
            ) from None
        except ValueError as error:
            raise _damaged(path, error) from error
        if not isinstance(found, dict) or found.pop("format", None) != _FORMAT:
            raise _damaged(path, f"it doesn't begin with the format {_FORMAT!r}")
        if (version := found.pop("version", None)) != _VERSION:
            raise LeveretDataError(f"{path} is of version {version}; this Leveret reads version {_VERSION}")
        try:
            manifest = cls(**found)
            manifest._check()
        except (TypeError, KeyError, ValueError) as error:
            raise _damaged(path, error) from error
        return manifest

    @staticmethod
    def stands_in(folder: Path) -> bool:
        """Whether there is one.

        Raises:
            LeveretUsageError: there is none, but shards of which nobody knows what they hold.
        """
        if (folder / _NAME).exists():
            return True
        if found := next(iter([*folder.glob("logits-*.npy"), *folder.glob("pixels-*.npy")]), None):
            raise LeveretUsageError(
                f"{folder} holds shards ({found.name}) but no {_NAME} that says of what; name another folder, or "
                "delete this one"
            )
        return False

    def _check(self) -> None:
        whole = all(isinstance(getattr(self, name), int) for name in ("size", "shard_size", "seed"))
        if not whole or self.size < 1 or self.shard_size < 1 or self.store not in ("seeds", "pixels"):
            raise ValueError("size, shard_size, seed or store is not what it should be")
        for row in (self.mean, self.std):
            if row is not None and len(row) != self.classes:
                raise ValueError(f"it has {len(row)} means or deviations for {self.classes} classes")
        if self.samples < 1 or len(self.data["image_shape"]) != 3:
            raise ValueError("it has no samples or no image shape")


# what makes a set what it is; a larger size is allowed, and handled apart
IDENTITY = tuple(f.name for f in fields(Manifest) if f.name not in ("mean", "std"))


def _told(there: Any, here: Any) -> str:
    if not (isinstance(there, dict) and isinstance(here, dict)):
        return f"{_short(there)} there, {_short(here)} here"
    parts = [
        f"{key} {_short(there.get(key))} there, {_short(here.get(key))} here"
        for key in {**there, **here}
        if there.get(key) != here.get(key)
    ]
    return "; ".join(parts)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:12]}…"


def _damaged(path: Path, why: Any) -> LeveretDataError:
    return LeveretDataError(f"{path} is damaged ({why}); delete {path.parent} and build the transfer set anew")
