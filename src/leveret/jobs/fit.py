"""`leveret fit`: one net trained on a source, plainly or by a method for skewed data, packed, measured and reported.

Every stage keeps its output whole before the next begins, and `config.json` says whose they are, so that a run that
was stopped or killed goes on with `resume=True`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from leveret._files import write_json
from leveret.data._identity import data_identity
from leveret.errors import LeveretUsageError
from leveret.jobs._data import load_with_test, public_data
from leveret.jobs._fit_job import FitJob, FitJobResult, checked_folder
from leveret.jobs._resumable import JobInterrupted, resume_command
from leveret.jobs._rules import RuleOptions, labelled_sampler, rule_figures, rule_objective
from leveret.report.words import duration

if TYPE_CHECKING:  # `--help` needs none of it
    from torch import nn

    from leveret.data import Data
    from leveret.jobs._trial import Trial
    from leveret.metrics import Evaluation
    from leveret.report.explanation import Explanation
    from leveret.training._augment import Augmentation

__all__ = ["FitJobResult", "JobInterrupted", "run"]


def run(
    source: str | os.PathLike[str] | Data,
    out: str | os.PathLike[str],
    *,
    balance: str = "plain",
    net: str | nn.Module | Callable[[], nn.Module] | None = None,
    epochs: int | None = None,
    options: Mapping[str, Any] | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    augment: Augmentation | Literal["auto"] | None = "auto",
    flip: bool | None = None,
    patches: int | None = None,
    hint_weight: float | None = None,
    rules: str | os.PathLike[str] | None = None,
    functions: str | os.PathLike[str] | None = None,
    contradictory: str = "refuse",
    rule_strength: float | None = None,
    teacher_share: float | None = None,
    vectors: str | os.PathLike[str] | None = None,
    seed: int = 0,
    resume: bool = False,
    quick: bool = False,
    strict: bool = False,
    threads: int | None = None,
    progress: bool = True,
    texts: bool = False,
    data_options: Mapping[str, Any] | None = None,
) -> FitJobResult:
    """Train a net on a source, pack it, measure it on the test part and report.

    Args:
        source: as for `leveret.load`, or what it gave.
        out: a new or empty folder, or with `resume` that of a run with the same data and options.
        balance: a key of `leveret.balance.catalogue.METHODS`, or "auto": `choose_method` chooses by the counts.
        net: the name of a net, a module (a copy is trained), or a function that gives one. Default: by the data. "dcn"
            is a dynamic capacity net of a shape that suits the images' size; it, or a given `DynamicCapacityNet`, is
            trained with `capacity.Hinted`, by a method that leaves the objective to it.
        epochs: passes over the training part; a method of several stages splits them. Default: by the data's size.
        options: the method's own parameters.
        batch_size, lr: of training. Default: by the data's size.
        augment: an `Augment`, None, or "auto": small shifts, and mirrors for colour images.
        flip: for "auto": whether mirrored images are still of their class.
        patches: of "dcn": how many parts of an image it looks at closely. Default: by the images' size.
        hint_weight: of dynamic capacity nets: λ, at least 0. Default: 0.01.
        rules: a rule file, which the net is to heed, see docs/rules.md: it is trained with `rules.RuleDistillation`, by
            a method that leaves the objective to it. A table's rows without a label are trained on, too.
        functions: a Python file whose functions the rules may call.
        contradictory: where hard rules leave a training sample no class: "refuse" or "drop".
        rule_strength: C of the rules. Default: 6.
        teacher_share: the largest share of the teacher against the labels. Default: 0.9.
        vectors: of "text-conv", the default for texts: a file of word vectors, see `text.read_vectors`.
        seed: of everything random.
        resume: go on with the run in `out`; one that is finished is only read.
        quick: a fifth of the epochs.
        strict: make unreadable samples an error instead of a counted warning.
        threads: of torch. Default: the cores, or one for nets so small that more would wait.
        progress: say on stderr what goes on.
        texts: insist that the source holds texts.
        data_options: passed on to `leveret.load`.

    Raises:
        LeveretUsageError: an argument out of range, a folder in use, or a resumed run that differs; says in what.
        LeveretDataError: the source is missing or can't be used.
        LeveretTrainingError: the training failed; says why.
        LeveretError: a file could not be written, for instance on a full disk.
        JobInterrupted: Ctrl-C; a KeyboardInterrupt whose message says what is kept.
    """
    folder = checked_folder(out, resume, threads)
    load_options = {key: value for key, value in (data_options or {}).items() if value is not None}
    ruled = RuleOptions(rules, functions, contradictory, rule_strength, teacher_share)
    again = "the same call with resume=True"
    if isinstance(source, str | os.PathLike) and isinstance(net, str | None):
        asked = {"balance": balance, "net": net, "epochs": epochs, "seed": seed, "quick": quick, "flip": flip}
        also = {"patches": patches, "hint_weight": hint_weight, "threads": threads, **load_options, "strict": strict}
        also |= ruled.asked
        also["vectors"] = None if vectors is None else os.fspath(vectors)
        again = resume_command("fit", str(source), folder.path, {**asked, **also})
    job = _Job(folder, seed, threads, progress, again)
    with job.stoppable():
        from leveret.jobs._fit_recipe import fit_recipe

        options_of_data = {**load_options, "strict": strict, **({"unlabelled": True} if rules is not None else {})}
        data = load_with_test(source, seed=seed, progress=progress, options=options_of_data, masks=True)
        if texts and data.kind != "text":
            raise LeveretUsageError(
                f"{data.source} holds {data.kind}s; for texts a table needs a text column, named by text_column="
            )
        method, why = _chosen(balance, data)
        chosen = method.with_defaults(options or {})
        recipe = fit_recipe(
            data,
            net=net,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            augment=augment,
            flip=flip,
            quick=quick,
            seed=seed,
            patches=patches,
            hint_weight=hint_weight,
            vectors=vectors,
        )
        if recipe.objective is not None and not method.keeps_objective:
            raise LeveretUsageError(_no_hints(method.key, balance))
        if rules is not None:
            recipe = _with_rules(recipe, ruled, data, method)
        return job.run(str(getattr(source, "source", source)), data, recipe, method, chosen, why)


def _chosen(balance: str, data: Data) -> tuple[Any, str]:
    """The method, and why it was chosen if it was chosen here."""
    from leveret.balance.catalogue import METHODS, choose_method

    if balance == "auto":
        choice = choose_method(data.train.class_counts())
        return METHODS[choice.key], choice.why
    if balance not in METHODS:
        raise LeveretUsageError(f"there is no method {balance!r}; there are: auto, {', '.join(METHODS)}")
    return METHODS[balance], ""


def _no_hints(method: str, balance: str) -> str:
    from leveret.balance.catalogue import METHODS

    kept = ", ".join(key for key, found in METHODS.items() if found.keeps_objective)
    chosen = f"auto chose {method!r}, which" if balance == "auto" else f"method {method!r}"
    return f"{chosen} brings an objective or a net of its own; a dynamic capacity net goes with {kept}"


def _with_rules(recipe: Any, ruled: RuleOptions, data: Data, method: Any) -> Any:
    """The recipe with rules as its objective; a quarter of each batch has a label, where fewer samples have one."""
    if recipe.objective is not None:
        raise LeveretUsageError("rules don't go with a dynamic capacity net, whose objective has hints")
    if not method.keeps_objective:
        raise LeveretUsageError(f"method {method.key!r} brings an objective of its own; rules go with plain")
    sampler = labelled_sampler(data.train.labels, recipe.seed)
    return replace(recipe, objective=rule_objective(ruled, data), ruled=True, sampler=sampler)


class _Job(FitJob):
    def run(self, source: str, data: Data, recipe: Any, method: Any, options: dict[str, Any], why: str) -> FitJobResult:
        from leveret.jobs._skew import skew_in_words

        started = time.perf_counter()
        described = recipe.describe()
        self.folder.begin(_config(source, data, recipe, described, method.key, options, self.seed))
        if (before := self.finished()) is not None:
            return before
        skew = skew_in_words(data.train.class_counts())
        self.say(f"{data.name}: {len(data.train):,} training samples, {data.num_classes} classes; {skew}")
        if method.key != "plain":
            self.say(f"{method.title}" + (f", since {why}" if why else ""))
        trial = self._trial(data, recipe, method, options)
        result = self.trained(trial, data, None, self.progress)
        metrics = _metrics(data, described, method, options, why, trial, result)
        looks = self._capacity(data, metrics, trial)
        self._rules(data, metrics, trial, result)
        self._report(data, metrics, trial, looks)
        self.say(f"done in {duration(time.perf_counter() - started)}")
        return FitJobResult(self.folder.path, metrics)

    def _trial(self, data: Data, recipe: Any, method: Any, options: dict[str, Any]) -> Trial:
        from leveret import __version__
        from leveret._threads import default_threads
        from leveret.jobs._trial import Trial
        from leveret.training._threads import threads_for

        threads = self.threads or threads_for(recipe.make_net(), data, recipe.batch_size, default_threads())
        return Trial(
            key=method.key,
            folder=self.folder.net,
            threads=threads,
            recipe=recipe,
            options=options,
            provenance={"leveret": __version__, "data": data.name, "net": recipe.name, "seed": self.seed},
            model=self.folder.model,
        )

    def _capacity(self, data: Data, metrics: dict[str, Any], trial: Trial) -> list[Explanation]:
        """Add to the metrics what a dynamic capacity net's closer look gains and costs; gives images to show."""
        if trial.recipe.objective is None or trial.recipe.ruled:
            return []
        from leveret._threads import limited_threads
        from leveret.jobs._capacity import capacity_examples, capacity_figures

        net: Any = trial.trained_net()
        if len(net.levels) > 1:  # a curve over one number says nothing of several
            return []
        self.say("trying other numbers of patches")
        with limited_threads(trial.threads):
            metrics["capacity"] = capacity_figures(net, data)
            return capacity_examples(net, data)

    def _rules(self, data: Data, metrics: dict[str, Any], trial: Trial, result: dict[str, Any]) -> None:
        """Add to the metrics what rules make of the net's answers."""
        if not trial.recipe.ruled:
            return
        from leveret._threads import limited_threads
        from leveret.jobs._trial import kept_evaluation

        test = kept_evaluation(trial.folder, data, "test")
        assert test is not None
        with limited_threads(trial.threads):
            metrics["rules"] = rule_figures(
                trial.recipe.objective, result["objective"], trial.trained_net(), data, test.logits
            )

    def _report(self, data: Data, metrics: dict[str, Any], trial: Trial, looks: list[Explanation]) -> None:
        from leveret.jobs._environment import environment
        from leveret.jobs._samples import samples
        from leveret.jobs._trial import kept_evaluation
        from leveret.jobs._worst_texts import worst_texts
        from leveret.report.fit import fit_page
        from leveret.report.page import write_page

        metrics["environment"] = environment(trial.threads)
        write_json(self.folder.metrics, metrics)
        test = kept_evaluation(trial.folder, data, "test")
        assert test is not None
        validation: Evaluation | None = kept_evaluation(trial.folder, data, "val")
        shown = samples(data, test) if data.kind == "image" else []
        mistakes = worst_texts(data, test, trial.model if trial.model.exists() else None) if data.kind == "text" else []
        page = fit_page(public_data(data), metrics, test, validation, shown, looks, mistakes)
        write_page(page, self.folder.report)


def _config(
    source: str, data: Data, recipe: Any, described: dict[str, Any], method: str, options: dict[str, Any], seed: int
) -> dict[str, Any]:
    from leveret import __version__
    from leveret.jobs._trained import described_model

    return {
        "leveret": __version__,
        "source": source,
        # from which, with the weights, the net is made anew
        "model": described_model(data, recipe.name, recipe.patches) if recipe.named and data.kind == "image" else None,
        # what a resumed run must have in common
        "run": {
            "data": data_identity(data),
            "counts": [int(n) for n in data.train.class_counts()],
            "seed": seed,
            "recipe": described,
            "method": method,
            "options": options,
        },
    }


def _metrics(
    data: Data,
    recipe: dict[str, Any],
    method: Any,
    options: dict[str, Any],
    why: str,
    trial: Trial,
    result: dict[str, Any],
) -> dict[str, Any]:
    from leveret.jobs._skew import figures_of, headline_of
    from leveret.jobs._trial import kept_evaluation

    counts = data.train.class_counts()
    evaluation = kept_evaluation(trial.folder, data, "test")
    assert evaluation is not None
    return {
        "data": {
            "name": data.name,
            "kind": data.kind,
            "classes": data.num_classes,
            "test_samples": len(data.test),
            "train_counts": [int(n) for n in counts],
            "ratio": float(counts.max() / max(counts.min(), 1)),
        },
        "recipe": recipe,
        "method": {"key": method.key, "title": method.title, "paper": method.paper, "what": method.what},
        "options": options,
        "chosen_since": why,
        "headline": headline_of(data),
        "figures": figures_of(trial.folder, data),
        "result": result,
        "packed": trial.model.exists(),
        "test": evaluation.as_dict(),
    }
