"""`leveret judge`: can a machine tell two sources apart, or what two models say? A verdict, and what gave it away.

With an output folder the verdict is kept with a page and the samples; `config.json` says whose they are, so that a run
that was stopped goes on with `resume=True`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from leveret._disk import disk_errors
from leveret._files import write_json, write_text
from leveret.errors import LeveretUsageError
from leveret.jobs._folder import JobFolder
from leveret.jobs._resumable import JobInterrupted, ResumableJob, resume_command

if TYPE_CHECKING:  # `--help` needs none of it
    from leveret.judge import Looks, Pair, Verdict

__all__ = ["JobInterrupted", "JudgeResult", "run"]

_LONGEST = 400  # signs of a text that are shown


@dataclass(frozen=True)
class JudgeResult:
    """What a judgement left.

    Attributes:
        out: the folder with `report.html`, `metrics.json`, `config.json` and `samples.png` or `samples.txt`; None
            where nothing was to be kept.
        metrics: the verdict as plain values (`Verdict.as_dict`), with what each sample is, and what was read.
    """

    out: Path | None
    metrics: dict[str, Any]

    @property
    def different(self) -> bool:
        """Whether a difference was found."""
        return bool(self.metrics["different"])


def run(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    on: Any = None,
    observer: Any = "auto",
    features: str | os.PathLike[str] | None = None,
    test: str = "ranks",
    alpha: float | None = None,
    looks: str | os.PathLike[str] | None = None,
    period: int | None = None,
    most: int = 5000,
    epochs: int | None = None,
    seed: int = 0,
    resume: bool = False,
    strict: bool = False,
    threads: int | None = None,
    progress: bool = True,
    data_options: Mapping[str, Any] | None = None,
) -> JudgeResult:
    """Judge whether a machine can tell two sources apart; see `leveret.judge.judge`.

    Args:
        a, b: sources without labels, see `leveret.data._unlabelled`; with `on` two models: packed ones, or folders of
            `leveret fit`.
        out: a new or empty folder, or with `resume` that of a run with the same data and options; None keeps nothing.
        on: a source of images whose test part both models are asked about; what they say is judged, pair by pair.
        observer: "auto", "net", the name of a net, "logistic", "knn", or what `leveret.judge.judge` takes.
        features: a folder of `leveret fit`: a fast observer looks at what enters that net's last layer.
        test: which decides, a key of `leveret.judge.TESTS`.
        alpha: chance of saying "different" of what is alike. Default: 0.05, or what the file of looks says.
        looks: a file that counts looks; each then has its part of alpha, see `leveret.judge.Looks`.
        period: looks of a period.
        most: samples of each source, drawn at random, at most.
        epochs: of a net that observes.
        seed: of everything random.
        resume: go on with the run in `out`; one that is finished is only read, and counts as no further look.
        strict: make unreadable samples an error instead of a counted warning.
        threads: of torch. Default: the cores.
        progress: say on stderr what goes on.
        data_options: size, channels, image_column, text_column; with `on`, for `leveret.load`.

    Raises:
        LeveretUsageError: an argument out of range, a folder in use, or a resumed run that differs; says in what.
        LeveretDataError: a source is missing or can't be used, or both are of different kinds.
        LeveretTrainingError: the observer's training diverged.
        LeveretError: a file could not be written, for instance on a full disk.
        JobInterrupted: Ctrl-C; a KeyboardInterrupt whose message says what is kept.
    """
    if threads is not None and threads < 1:
        raise LeveretUsageError(f"threads must be at least 1, got {threads}")
    if period is not None and looks is None:
        raise LeveretUsageError("a period is of looks; name the file that counts them with --looks")
    options = {key: value for key, value in (data_options or {}).items() if value is not None}
    folder = None if out is None else JobFolder(Path(out))
    if folder is not None:
        folder.check(resume)
    elif resume:
        raise LeveretUsageError("nothing is kept to go on with; name the folder of the run that was stopped")
    from leveret._threads import default_threads, limited_threads
    from leveret.judge import Looks
    from leveret.judge._judge import check_test

    check_test(test, 0.05 if alpha is None else alpha)
    counted = None if looks is None else Looks(looks, alpha, period)
    asked: dict[str, Any] = {"on": on, "observer": observer, "features": features, "test": test, "alpha": alpha}
    asked |= {"looks": looks, "period": period, "most": most, "epochs": epochs, "seed": seed, "threads": threads}
    again = "the same call with resume=True"
    if isinstance(observer, str) and isinstance(on, str | os.PathLike | None):
        named = {key: str(value) if isinstance(value, os.PathLike) else value for key, value in asked.items()}
        again = resume_command("judge", (str(a), str(b)), Path(out or "out"), {**named, **options, "strict": strict})
    job = _Job(folder, str(a), str(b), seed, progress, again)
    with job.stoppable(), limited_threads(threads or default_threads()):
        machine = _observer(observer, features, epochs)
        job.read(on, features, most, strict, options)
        if isinstance(observer, str):
            job.check_observer(observer)
        check_test(test, pair=job.pair)
        return job.run(machine, test, alpha, counted, asked)


def _observer(observer: Any, features: Any, epochs: int | None) -> Any:
    """The observer that the options ask for.

    Raises:
        LeveretUsageError: options of another kind of observer.
    """
    from leveret.judge import Logistic, Neighbours, Trained

    fast = {"logistic": Logistic, "knn": Neighbours}
    if observer == "auto" and features is None and epochs is None:
        return observer
    if observer == "auto":  # options of one kind ask for it
        observer = "net" if features is None else "logistic"
    if isinstance(observer, str) and observer in fast:
        if epochs is not None:
            raise LeveretUsageError(f"epochs are of nets; the observer {observer!r} has none")
        if features is None:
            return fast[observer]()
        from leveret.jobs._trained import load_run

        trained = load_run(Path(features))
        return fast[observer](trained.net, trained.normalization)
    if features is not None:
        raise LeveretUsageError("features are for the observers logistic and knn; a net finds its own")
    if not isinstance(observer, str):
        return observer
    from leveret.jobs._named_net import named_net

    if observer == "net":
        return Trained(epochs=epochs)

    def made(data: Any) -> Any:
        return named_net(data, observer)

    made.__name__ = observer
    return Trained(made, epochs=epochs)


class _Job(ResumableJob):
    """One judgement, with or without a folder."""

    def __init__(self, folder: JobFolder | None, a: str, b: str, seed: int, progress: bool, again: str) -> None:
        super().__init__(folder or JobFolder(Path()), progress, again)
        self.kept_in = folder
        self.sources = a, b
        self.names = _short_names(a, b)
        self.seed = seed
        self.notes: list[str] = []
        self.facts: dict[str, Any] = {}
        self.where: tuple[list[str], list[str]] = ([], [])
        self.images: Any = None  # of which models were asked
        self.pair: Pair

    def stoppable(self) -> Any:
        """As of every job; where nothing is kept, Ctrl-C has nothing to say of it."""
        from contextlib import nullcontext

        return nullcontext() if self.kept_in is None else super().stoppable()

    def read(self, on: Any, features: Any, most: int, strict: bool, options: dict[str, Any]) -> None:
        """The samples of both sides."""
        from leveret.judge import pair_of

        if on is not None:
            from leveret.jobs._answers import answers_of

            if features is not None:
                raise LeveretUsageError("features are of images; what models say has none")
            found = answers_of(
                *self.sources,
                on,
                seed=self.seed,
                progress=self.progress,
                options={**options, "strict": strict},
                most=most,
            )
            self.where = found.where, found.where
            self.images = found.images
            self.facts = {
                "agreement": found.agreement,
                "largest_difference": found.largest,
                "samples": len(found.where),
            }
            self.pair = replace(
                pair_of(*found.rows, paired=True, seed=self.seed, names=self.names), features=found.classes
            )
            return
        from leveret.data._two import load_two

        self._check_no_models()
        if features is not None:
            from leveret.jobs._trained import load_run

            channels, height, width = load_run(Path(features)).shape
            options = {"size": (height, width), "channels": channels, **options}
        shown = self.progress and sys.stderr.isatty()
        two = load_two(*self.sources, most=most, strict=strict, seed=self.seed, progress=shown, **options)
        if features is not None and two.kind != "image":
            raise LeveretUsageError(f"--features are of images, and {' and '.join(self.names)} hold {two.kind}s")
        self.where, self.notes = two.where, two.notes
        pair = pair_of(*two.values, seed=self.seed, names=self.names)
        self.pair = replace(pair, features=two.features) if two.features else pair

    def _check_no_models(self) -> None:
        """Models are asked about something; what is read without that are samples."""
        for source, name in zip(self.sources, self.names, strict=True):
            path = Path(source)
            is_run = (path / "config.json").is_file() and ((path / "net").is_dir() or (path / "model.lvr").is_file())
            if is_run or (path.suffix.lower() == ".lvr" and path.is_file()):
                raise LeveretUsageError(
                    f"{name} is a model: name a source of images with --on, about which both models are asked"
                )

    def check_observer(self, name: str) -> None:
        """Before the folder is anyone's: a net of that name must suit the samples.

        Raises:
            LeveretUsageError: there is no such net for what they are, or for images of their size.
        """
        if name in ("auto", "net", "logistic", "knn"):
            return
        from leveret.jobs._named_net import named_net

        pair = self.pair
        shape = () if pair.kind == "text" else pair.values.shape[1:]
        like = {"kind": pair.kind, "num_classes": 2, "image_shape": shape, "features": pair.features}
        named_net(SimpleNamespace(**like, train=_OneText(), source=" and ".join(self.names)), name)

    def run(
        self, observer: Any, test: str, alpha: float | None, looks: Looks | None, asked: Mapping[str, Any]
    ) -> JudgeResult:
        from leveret.judge import judge_pair, observer_for

        observer = observer_for(observer, min(self.pair.counts))
        folder = self.kept_in
        if folder is not None:
            folder.begin(self._config(asked))
            if folder.finished:
                self.say(f"{folder.path} is finished already")
                return JudgeResult(folder.path, json.loads(folder.metrics.read_text(encoding="utf-8")))
        counts = self.pair.counts
        self.say(f"{self.names[0]}: {counts[0]:,} samples; {self.names[1]}: {counts[1]:,}; {observer.name}")
        with disk_errors(Path() if folder is None else folder.path):
            verdict = judge_pair(
                self.pair,
                observer=observer,
                test=test,
                alpha=0.05 if alpha is None else alpha,
                looks=looks,
                seed=self.seed,
                names=self.names,
                out=None if folder is None else folder.path / "observer",
                progress=self.progress,
            )
        metrics = self._metrics(verdict)
        if folder is not None:
            self._keep(folder, metrics)
        return JudgeResult(None if folder is None else folder.path, metrics)

    def _config(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        from leveret import __version__

        own = ("observer", "features", "test", "alpha", "period", "epochs", "seed")
        return {
            "leveret": __version__,
            "sources": list(self.sources),
            "run": {
                "samples": self.pair.fingerprint(),
                **{key: None if asked[key] is None else str(asked[key]) for key in own},
            },
        }

    def _metrics(self, verdict: Verdict) -> dict[str, Any]:
        metrics = verdict.as_dict()
        metrics["notes"] = [*self.notes, *metrics["notes"]]
        for each in metrics["giveaways"]:
            side = "AB".index(each["side"])
            each["sample"] = self.where[side][each["place"]]
            if self.pair.kind == "text":
                text = self.pair.values[self._index(side, each["place"])]
                each["text"] = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
        return {**metrics, "sources": list(self.names), **({"models": self.facts} if self.facts else {})}

    def _index(self, side: int, place: int) -> int:
        """Where a sample stands in the pair."""
        return int(np.flatnonzero((self.pair.side == side) & (self.pair.places == place))[0])

    def _keep(self, folder: JobFolder, metrics: dict[str, Any]) -> None:
        from leveret._threads import default_threads
        from leveret.jobs._environment import environment
        from leveret.report.judge import group_titles, judge_page
        from leveret.report.page import write_page

        metrics["environment"] = environment(default_threads())
        pictures = self._pictures(metrics)
        means = None
        if self.pair.kind == "image":
            from leveret.judge._sheet import mean_images

            means = mean_images(self.pair.values, self.pair.side)
        if pictures:
            from leveret.judge._sheet import write_sheet

            rows: list[tuple[str, Any]] = []
            for (side, right), title in group_titles(self.names).items():
                chosen = [i for i, each in enumerate(metrics["giveaways"]) if _group_of(each) == (side, right)]
                rows.append((title, [pictures[i] for i in chosen]))
            write_sheet(rows, folder.path / "samples.png")
        else:
            lines = (
                f"{each['side']}\t{each['said']}\t{each['sample']}\t{each.get('text', '')}"
                for each in metrics["giveaways"]
            )
            write_text(folder.path / "samples.txt", "is\tsaid\tsample\ttext\n" + "\n".join(lines) + "\n")
        write_json(folder.metrics, metrics)
        write_page(judge_page(metrics, pictures, means), folder.report)

    def _pictures(self, metrics: Mapping[str, Any]) -> list[Any]:
        """Of each giveaway, where there are images."""
        if self.images is not None:
            return [self.images[each["place"]] for each in metrics["giveaways"]]
        if self.pair.kind != "image":
            return []
        places = (self._index("AB".index(each["side"]), each["place"]) for each in metrics["giveaways"])
        return [self.pair.values[i] for i in places]


class _OneText:
    """A training part, as far as a net for texts asks for one to know words of."""

    def __len__(self) -> int:
        return 1

    def fetch(self, indices: Any) -> list[str]:
        """The text."""
        return ["word"]


def _group_of(giveaway: Mapping[str, Any]) -> tuple[str, bool]:
    return giveaway["side"], giveaway["side"] == giveaway["said"]


def _short_names(a: str, b: str) -> tuple[str, str]:
    """The last parts of two paths, as many as tell them apart."""
    first, second = Path(a).parts or (a,), Path(b).parts or (b,)
    for parts in range(1, max(len(first), len(second)) + 1):
        names = "/".join(first[-parts:]), "/".join(second[-parts:])
        if names[0] != names[1]:
            return names
    return f"{first[-1]} (A)", f"{second[-1]} (B)"
