"""`leveret rules check`: what rules do on data, before anything is trained."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leveret.data import Data
    from leveret.rules import Checked

__all__ = ["run"]


def run(
    file: str | os.PathLike[str],
    source: str | os.PathLike[str] | Data,
    *,
    part: str = "train",
    functions: str | os.PathLike[str] | None = None,
    seed: int = 0,
    progress: bool = False,
    data_options: Mapping[str, Any] | None = None,
) -> Checked:
    """Read rules and ask them of a part of the data.

    Args:
        file: of the rules.
        source: as for `leveret.load` or `leveret.load_tagging`, or what they gave.
        part: "train", "val" or "test".
        functions: a Python file whose functions the rules may call.
        seed: of the splits.
        progress: show a bar while decoding images, on a terminal.
        data_options: passed on to `leveret.load`.

    Raises:
        RuleError: the rules can't be used; lists all that is wrong, with line and column.
        LeveretUsageError: a file can't be read, or there is no such part.
        LeveretDataError: the source is missing or can't be used; or a rule's column holds something else.
    """
    from leveret.data import Data, load
    from leveret.data.tagging import is_tagging
    from leveret.errors import LeveretUsageError
    from leveret.jobs._data import load_tags
    from leveret.rules import check, read_rules

    if part not in ("train", "val", "test"):
        raise LeveretUsageError(f"part must be train, val or test, got {part!r}")
    given = {key: value for key, value in (data_options or {}).items() if value is not None}
    data = source
    if not isinstance(source, Data) and is_tagging(str(source), given.get("text_column"), given.get("label_column")):
        if wrong := given.keys() & {"size", "channels", "image_column"}:
            raise LeveretUsageError(f"{min(wrong)} is of images, and {source} holds sentences with tags")
        data = load_tags(source, seed=seed, options={**given, "unlabelled": True})
    elif not isinstance(source, Data):
        data = load(str(source), seed=seed, progress=progress, unlabelled=True, **given)
    path = None if functions is None else Path(functions)
    return check(read_rules(Path(file), data, functions=path), data, part)
