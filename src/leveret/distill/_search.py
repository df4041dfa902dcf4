"""What is searched, and where the search is kept: hyper-parameters by Optuna, whose storage many machines may share."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from torch import nn

from leveret.errors import LeveretUsageError, LeveretWarning

if TYPE_CHECKING:
    import optuna

__all__ = ["Search", "SearchOver", "Study", "StudySampler"]

Params = dict[str, Any]
StudySampler = Literal["tpe", "random"]


class Search(Protocol):
    """Hyper-parameters of a net and its training, and what they mean.

    Attributes:
        first: hyper-parameters to try before any are suggested, for instance those that are known to do.
    """

    @property
    def first(self) -> Sequence[Mapping[str, Any]]:
        """Hyper-parameters to try before any others."""
        ...

    def suggest(self, trial: Any) -> Params:
        """Hyper-parameters from an Optuna trial: `{"lr": trial.suggest_float("lr", 0.01, 0.2, log=True), …}`."""
        ...

    def net(self, params: Params, data: Any) -> nn.Module:
        """A new net; `data` has at least `image_shape`, `num_classes` and `classes`. Torch is seeded before."""
        ...

    def settings(self, params: Params, data: Any) -> dict[str, Any]:
        """Arguments of `leveret.fit`, in place of its defaults."""
        ...

    def describe(self) -> dict[str, Any]:
        """Plain values; equal ones mean the same search."""
        ...


@dataclass(frozen=True)
class SearchOver:
    """A search of your own, from functions.

    Args:
        space: of an Optuna trial; gives the hyper-parameters.
        build: of hyper-parameters and data; gives a net.
        options: of hyper-parameters and data; gives arguments of `leveret.fit`. Or these, the same for all.
        first: hyper-parameters to try before any others.
        name: tells this search from others, where a run is resumed; functions whose code has changed are noticed, but
            not what they call, nor variables that they take from around them.

    `build` is also called to find a trained net again, with an object in the data's place that has `image_shape`,
    `num_classes` and `classes` alone.
    """

    space: Callable[[Any], Params]
    build: Callable[[Params, Any], nn.Module]
    options: Callable[[Params, Any], dict[str, Any]] | Mapping[str, Any]
    first: Sequence[Mapping[str, Any]] = ()
    name: str = "own"

    def suggest(self, trial: Any) -> Params:
        """Hyper-parameters of a trial: what `space` gives."""
        return self.space(trial)

    def net(self, params: Params, data: Any) -> nn.Module:
        """A net of these hyper-parameters for the data: `build` makes it."""
        return self.build(params, data)

    def settings(self, params: Params, data: Any) -> dict[str, Any]:
        """Options of `fit` for it: `options`, or what it gives."""
        return dict(self.options(params, data) if callable(self.options) else self.options)

    def describe(self) -> dict[str, Any]:
        """What the search is, for JSON: by it, a later run knows its own."""
        parts = {"space": self.space, "build": self.build, "options": self.options}
        return {
            "search": "SearchOver",
            "name": self.name,
            "first": [dict(params) for params in self.first],
            **{name: _code(part) for name, part in parts.items()},
        }


@dataclass(frozen=True)
class Study:
    """Where the trials of a search are kept, and how the next is chosen.

    Attributes:
        file: an Optuna journal, used where no storage is named; machines that share its disk may share it.
        name: of the study in its storage.
        storage: a URL that Optuna understands, "sqlite:///…", "postgresql://…"; None for `file`.
        sampler: "tpe" learns from the trials that have ended (Bergstra et al., NIPS 2011), so that what it suggests
            hangs on which have; "random" gives the same for a seed whatever else is at work.
        startup: trials that "tpe" draws at random before it begins to learn.
        seed: of the sampler.
    """

    file: Path
    name: str
    storage: str | None = None
    sampler: StudySampler = "tpe"
    startup: int = 4
    seed: int = 0

    def ask(self, search: Search, index: int) -> tuple[int, Params]:
        """The number of a new trial and its hyper-parameters, for member `index`.

        Raises:
            LeveretUsageError: the search's first hyper-parameters aren't those that it suggests.
        """
        import optuna

        with _quiet_optuna():
            sampler: Any = optuna.samplers.RandomSampler(seed=self.seed + index)
            if self.sampler == "tpe":
                sampler = optuna.samplers.TPESampler(
                    seed=self.seed + index, n_startup_trials=self.startup, constant_liar=True
                )
            if index < len(search.first):
                # not enqueued: another worker might take it, and a seed would not give the same members
                sampler = optuna.samplers.PartialFixedSampler(dict(search.first[index]), sampler)
            study = self._open(sampler)
            trial = study.ask()
            params = search.suggest(trial)
            if index < len(search.first) and (unknown := set(search.first[index]) - set(trial.params)):
                raise LeveretUsageError(
                    f"the search's first hyper-parameters name {sorted(unknown)[0]!r}, which it doesn't suggest; it "
                    f"suggests {', '.join(trial.params)}"
                )
            return trial.number, params

    def check(self) -> None:
        """Open the storage; a journal whose last line was cut off by a kill loses that line.

        Raises:
            LeveretUsageError: it can't be, and why.
        """
        if self.storage is None and self.file.exists():
            _mend(self.file)
        with _quiet_optuna():
            self._open(None)

    def tell(self, number: int, value: float | None) -> None:
        """A trial's outcome, larger is better; None: it failed. What was told before stays as it is.

        A storage that can't be told, or has lost the trial, costs a warning and not the training.
        """
        import optuna

        state = optuna.trial.TrialState.FAIL if value is None else None
        told = None
        with _quiet_optuna():
            try:
                self._open(None).tell(number, value, state=state, skip_if_finished=True)
            except Exception as error:
                told = str(error)
        if told is not None:
            warnings.warn(f"the search could not be told of trial {number}: {told}", LeveretWarning, stacklevel=2)

    def _open(self, sampler: Any) -> optuna.Study:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        storage: Any = self.storage
        if storage is None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            storage = JournalStorage(JournalFileBackend(str(self.file)))
        try:
            return optuna.create_study(
                storage=storage, study_name=self.name, direction="maximize", load_if_exists=True, sampler=sampler
            )
        except Exception as error:  # of Optuna, SQLAlchemy, or the database's driver
            raise LeveretUsageError(f"Optuna can't open the storage {self.storage or self.file}: {error}") from error


def _mend(journal: Path) -> None:
    # Optuna passes over a last line that is cut, but appends the next one to it, and then can't read either
    content = journal.read_bytes()
    if content and not content.endswith(b"\n"):
        with journal.open("rb+") as file:
            file.truncate(content.rfind(b"\n") + 1)


def _code(part: Any) -> Any:
    """What tells a function, or a mapping, from an edited one, as a short text."""
    if isinstance(part, Mapping):
        found = repr(sorted(part.items(), key=lambda item: str(item[0])))
    else:
        found = _instructions(getattr(part, "__code__", None)) or repr(type(part))
    return hashlib.sha256(found.encode()).hexdigest()[:12]


def _instructions(code: Any) -> str:
    if code is None:
        return ""
    constants = [_instructions(value) if hasattr(value, "co_code") else repr(value) for value in code.co_consts]
    return repr((code.co_code.hex(), code.co_names, constants))


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Without a line for each trial, and notices on what is experimental in Optuna."""
    import optuna  # noqa: F401 - sets its logger's level when it loads

    logger = logging.getLogger("optuna")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
