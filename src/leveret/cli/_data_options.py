"""The options of the data, which every command that loads a source has: written once, added by a decorator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

__all__ = ["takes_data"]

_Size = Annotated[
    str | None, typer.Option(help="Scale images to this: 32, or 32x48 (height x width).", show_default=False)
]
_Channels = Annotated[int | None, typer.Option(help="1 for grey, 3 for colour.", show_default=False)]
_ImageColumn = Annotated[str | None, typer.Option(help="Column with images, in a table.", show_default=False)]
_LabelColumn = Annotated[str | None, typer.Option(help="Column with labels, in a table.", show_default=False)]
_TextColumn = Annotated[str | None, typer.Option(help="Column with texts, in a table.", show_default=False)]
_ValFraction = Annotated[float, typer.Option(help="Share of the training samples held out for validation.")]
_TestFraction = Annotated[float, typer.Option(help="Share of all samples held out for the test.")]

_Command = Callable[..., None]


def takes_data(*, texts: bool = False) -> Callable[[_Command], _Command]:
    """Add the options of the data to a command: it gets them as `data_options`, in whose place they are listed.

    Args:
        texts: the command takes texts too.
    """
    given: dict[str, tuple[Any, Any]] = {
        "size": (_Size, None),
        "channels": (_Channels, None),
        "image_column": (_ImageColumn, None),
        "label_column": (_LabelColumn, None),
        **({"text_column": (_TextColumn, None)} if texts else {}),
        "val_fraction": (_ValFraction, 0.1),
        "test_fraction": (_TestFraction, 0.2),
    }

    def add(command: _Command) -> _Command:
        @functools.wraps(command)
        def called(**options: Any) -> None:
            data = {name: options.pop(name) for name in given}
            command(**options, data_options={**data, "size": _size(data["size"])})

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


def _size(text: str | None) -> int | tuple[int, int] | None:
    if text is None:
        return None
    numbers = text.lower().replace("×", "x").split("x")
    if not 1 <= len(numbers) <= 2 or not all(n.strip().isdecimal() for n in numbers):
        raise typer.BadParameter(f"size must be a number of pixels such as 32, or 32x48, got {text!r}")
    sides = [int(n) for n in numbers]
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])
