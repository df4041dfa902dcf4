"""The options of the data, which every command that loads a source has: written once, added by a decorator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from leveret.cli._guard import guarded
from leveret.errors import LeveretUsageError

__all__ = ["options_for", "sides_of", "takes_data", "task_of"]

_Size = Annotated[
    str | None, typer.Option(help="Scale images to this: 32, or 32x48 (height x width).", show_default=False)
]
_Channels = Annotated[int | None, typer.Option(help="1 for grey, 3 for colour.", show_default=False)]
_ImageColumn = Annotated[str | None, typer.Option(help="Column with images, in a table.", show_default=False)]
_LabelColumn = Annotated[str | None, typer.Option(help="Column with labels, in a table.", show_default=False)]
_TextColumn = Annotated[str | None, typer.Option(help="Column with texts, in a table.", show_default=False)]
_MaskColumn = Annotated[
    str | None, typer.Option(help="Of masks: the column with them, in a table.", show_default=False)
]
_Classes = Annotated[
    Path | None, typer.Option(help="Of masks: a file with a class a line: name, R G B, ignore.", show_default=False)
]
_IgnoreIndex = Annotated[
    str, typer.Option(help="Of masks: the value whose pixels have no label, or none.", metavar="VALUE")
]
_ValFraction = Annotated[float, typer.Option(help="Share of the training samples held out for validation.")]
_TestFraction = Annotated[float, typer.Option(help="Share of all samples held out for the test.")]

_OF_MASKS: dict[str, tuple[Any, Any]] = {
    "mask_column": (_MaskColumn, None),
    "classes": (_Classes, None),
    "ignore_index": (_IgnoreIndex, "255"),
}
_OF_IMAGES = ("size", "channels", "image_column")
_Command = Callable[..., None]


def takes_data(
    *, texts: bool = False, masks: bool = False, labels: bool = True, parts: bool = True
) -> Callable[[_Command], _Command]:
    """Add the options of the data to a command: it gets them as `data_options`, in whose place they are listed.

    Args:
        texts: the command takes texts too.
        masks: and images with masks.
        labels: it needs labels.
        parts: it holds parts out.
    """
    given: dict[str, tuple[Any, Any]] = {
        "size": (_Size, None),
        "channels": (_Channels, None),
        "image_column": (_ImageColumn, None),
        **({"label_column": (_LabelColumn, None)} if labels else {}),
        **({"text_column": (_TextColumn, None)} if texts else {}),
        **(_OF_MASKS if masks else {}),
        **({"val_fraction": (_ValFraction, 0.1), "test_fraction": (_TestFraction, 0.2)} if parts else {}),
    }

    def add(command: _Command) -> _Command:
        @functools.wraps(command)
        def called(**options: Any) -> None:
            data = {name: options.pop(name) for name in given}
            with guarded():
                data["size"] = sides_of(data["size"])
                if masks:
                    data["ignore_index"] = _value_of(data["ignore_index"])
                    data["classes"] = None if data["classes"] is None else str(data["classes"])
            command(**options, data_options=data)

        signature = inspect.signature(command, eval_str=True)
        kind = inspect.Parameter.KEYWORD_ONLY
        listed: list[inspect.Parameter] = []
        for parameter in signature.parameters.values():
            if parameter.name == "data_options":
                listed += [inspect.Parameter(n, kind, annotation=a, default=d) for n, (a, d) in given.items()]
            else:
                listed.append(parameter.replace(kind=kind))
        # what typer reads: annotations as types, since those of this file aren't the command's file's
        called.__signature__ = signature.replace(parameters=listed)  # type: ignore[attr-defined]
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in listed}
        return called

    return add


def task_of(task: str, source: str, data_options: Mapping[str, Any]) -> str:
    """The task that is meant, "classify", "text", "segment" or "tag"; "auto" looks at the source."""
    if task not in ("auto", "classify", "text", "segment", "tag"):
        raise LeveretUsageError(f"task must be auto, classify, text, segment or tag; got {task!r}")
    if task != "auto":
        return task
    from leveret.data.segmentation import is_segmentation
    from leveret.data.tagging import is_tagging

    if is_segmentation(source, data_options["mask_column"]):
        return "segment"
    return "tag" if is_tagging(source, data_options.get("text_column"), data_options["label_column"]) else "classify"


def options_for(task: str, data_options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the data that a task has.

    Raises:
        LeveretUsageError: one of the other's was given.
    """
    others: tuple[str, ...] = ("label_column", "text_column") if task == "segment" else tuple(_OF_MASKS)
    if task in ("text", "tag"):
        others += _OF_IMAGES
    given = [name for name in others if data_options.get(name) not in (None, 255)]
    if given:
        of = "images with masks; this source has labels"
        if task == "segment":
            of = "labels, and this is about masks"
        elif task in ("text", "tag"):
            of = "images, and this is about texts"
        raise LeveretUsageError(f"--{given[0].replace('_', '-')} is of {of}")
    return {name: value for name, value in data_options.items() if name not in others}


def _value_of(text: str) -> int | str:
    if text != "none" and not text.isdecimal():
        raise LeveretUsageError(f"ignore-index must be a value of masks such as 255, or none; got {text!r}")
    return text if text == "none" else int(text)


def sides_of(text: str | None, name: str = "size") -> int | tuple[int, int] | None:
    """A side, or height and width, from "32" or "32x48"."""
    if text is None:
        return None
    numbers = text.lower().replace("×", "x").split("x")
    if not 1 <= len(numbers) <= 2 or not all(n.strip().isdecimal() for n in numbers):
        raise LeveretUsageError(f"{name} must be a number of pixels such as 32, or 32x48, got {text!r}")
    sides = [int(n) for n in numbers]
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])
