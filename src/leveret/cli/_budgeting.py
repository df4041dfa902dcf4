"""`leveret budget`: its arguments."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from leveret._deprecated import renamed_option
from leveret.cli._completion import sources
from leveret.cli._data_options import takes_data
from leveret.cli._examples import example
from leveret.cli._guard import guarded
from leveret.cli._options import BatchSize, FitNet, Json, Seed, Strict, TrainingThreads, print_json
from leveret.cli._root import app
from leveret.errors import LeveretUsageError

_LIFETIME = {"years": "71", "fps": "45", "awake": "2/3", "days": "365", "neurons": "86000000000"}


@app.command(short_help="Count a lifetime's images, or plan a training.", epilog=example("budget"))
@takes_data(texts=True)
def budget(
    source: Annotated[
        str | None,
        typer.Argument(
            help="Plan a training on this source, as leveret fit takes it.", show_default=False, autocompletion=sources
        ),
    ] = None,
    net: FitNet = None,
    deadline: Annotated[
        str | None, typer.Option(help="Time that there is: 30m, 1h30m, 90s.", show_default=False)
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Wanted. Default: as leveret fit takes.", show_default=False)
    ] = None,
    batch_size: BatchSize = None,
    seconds: Annotated[float, typer.Option(help="Of measuring, roughly.")] = 5.0,
    threads: TrainingThreads = None,
    years: Annotated[str, typer.Option(help="Of a life.")] = _LIFETIME["years"],
    fps: Annotated[str, typer.Option(help="Images a second that the eye takes in.")] = _LIFETIME["fps"],
    awake: Annotated[str, typer.Option(help="Share of the time awake.")] = _LIFETIME["awake"],
    days: Annotated[str, typer.Option(help="Of a year.")] = _LIFETIME["days"],
    neurons: Annotated[str, typer.Option(help="Of a brain.")] = _LIFETIME["neurons"],
    seed: Seed = 0,
    strict: Strict = False,
    as_json: Json = False,
    data_options: Any = None,
    data: Annotated[str | None, typer.Option("--data", hidden=True)] = None,
) -> None:
    """Count the images that a human sees in a lifetime; of a source, time a few steps of a training on this machine,
    and say how long the whole takes and how many epochs a deadline affords."""
    with guarded():
        if data is not None:
            renamed_option("--data SOURCE", "SOURCE, an argument,", since="0.1", until="0.3")
            source = data
        life = {"years": years, "fps": fps, "awake": awake, "days": days, "neurons": neurons}
        plan: dict[str, Any] = {
            "net": net,
            "deadline": deadline,
            "epochs": epochs,
            "batch_size": batch_size,
            "threads": threads,
        }
        if source is None:
            if given := [name for name, value in plan.items() if value is not None]:
                raise LeveretUsageError(f"--{given[0].replace('_', '-')} is of a plan: name a source to train on")
            from leveret.budget import lifetime

            found = lifetime(**life)
            if as_json:
                print_json(found.as_dict())
            else:
                from leveret.cli._show_budget import show_lifetime

                show_lifetime(found)
            return
        if given := [name for name, value in life.items() if value != _LIFETIME[name]]:
            raise LeveretUsageError(f"--{given[0]} is of a lifetime, not of a plan; leave out the source")
        from leveret.jobs import budget as job

        made = job.run(source, **plan, seconds=seconds, seed=seed, strict=strict, data_options=data_options)
        if as_json:
            print_json(made.as_dict())
        else:
            from leveret.cli._show_budget import show_plan

            show_plan(made)
