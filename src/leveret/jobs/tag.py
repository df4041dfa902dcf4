"""`leveret fit --task tag`: one net trained on sentences with tags, packed, measured and reported.

As `leveret.jobs.fit`, whose folder and way to resume it has.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from leveret._files import write_json
from leveret.jobs._data import load_tags, public_data
from leveret.jobs._dense_fit_job import DenseFitJob, check_test_part
from leveret.jobs._fit_job import FitJobResult, checked_folder
from leveret.jobs._resumable import JobInterrupted, resume_command
from leveret.jobs._rules import RuleOptions, tag_rule_figures

if TYPE_CHECKING:  # `--help` needs none of it
    from torch import nn

    from leveret.data import TaggingData
    from leveret.jobs._tag_trial import TagTrial

__all__ = ["JobInterrupted", "run"]

_SHOWN = 8


def run(
    source: str | os.PathLike[str] | TaggingData,
    out: str | os.PathLike[str],
    *,
    net: str | nn.Module | Callable[[], nn.Module] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
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
    data_options: Mapping[str, Any] | None = None,
) -> FitJobResult:
    """Train a net on sentences with tags, pack it, measure it on the test part and report.

    Args:
        source: as for `leveret.data.load_tagging`, or what it gave.
        out: a new or empty folder, or with `resume` that of a run with the same data and options.
        net: "tagger" (`nets.SequenceTagger`), a module (a copy is trained), or a function that gives one.
        epochs: passes over the training part. Default: by the data's size.
        batch_size, lr: of training.
        rules: a rule file of tags, which the net is to heed, see docs/rules.md: it is trained with
            `rules.SequenceRuleDistillation`. A table's sentences without tags are trained on, too.
        functions: a Python file whose functions the rules may call.
        contradictory: where hard rules leave a training sentence no tags: "refuse" or "drop".
        rule_strength: C of the rules. Default: 6.
        teacher_share: the largest share of the teacher against the tags. Default: 0.9.
        vectors: a file of word vectors, see `text.read_vectors`.
        seed: of everything random.
        resume: go on with the run in `out`; one that is finished is only read.
        quick: a fifth of the epochs.
        strict: make sentences that can't be used, and tags that break their scheme, an error.
        threads: of torch. Default: one, as the steps of a recurrent net are little work each.
        progress: say on stderr what goes on.
        data_options: passed on to `load_tagging`.

    Raises:
        LeveretUsageError: an argument out of range, a folder in use, or a resumed run that differs; says in what.
        LeveretDataError: the source, or the vectors, are missing or can't be used; contradictory hard rules.
        RuleError: the rules can't be used; lists all that is wrong, with line and column.
        LeveretTrainingError: the training failed; says why.
        LeveretError: a file could not be written, for instance on a full disk.
        JobInterrupted: Ctrl-C; a KeyboardInterrupt whose message says what is kept.
    """
    folder = checked_folder(out, resume, threads)
    ruled = RuleOptions(rules, functions, contradictory, rule_strength, teacher_share)
    load_options = {key: value for key, value in (data_options or {}).items() if value is not None}
    again = "the same call with resume=True"
    if isinstance(source, str | os.PathLike) and isinstance(net, str | None):
        asked = {"task": "tag", "net": net, "epochs": epochs, "batch_size": batch_size, "lr": lr, "seed": seed}
        also = {"vectors": None if vectors is None else os.fspath(vectors), "quick": quick, "threads": threads}
        again = resume_command(
            "fit", str(source), folder.path, {**asked, **also, **load_options, "strict": strict, **ruled.asked}
        )
    job = _Job(folder, seed, threads, progress, again)
    with job.stoppable():
        from leveret.jobs._tag_recipe import tag_recipe

        unlabelled = {"unlabelled": True} if rules is not None else {}
        data = load_tags(source, seed=seed, options={**load_options, "strict": strict, **unlabelled})
        check_test_part(data)
        recipe = tag_recipe(
            data,
            net=net,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            vectors=vectors,
            quick=quick,
            seed=seed,
            rules=ruled,
        )
        return job.run(str(getattr(source, "source", source)), data, recipe)


class _Job(DenseFitJob):
    task = "tag"
    counted = "tags"

    def _told(self, data: TaggingData) -> str:
        return f"{data.name}: {len(data.train):,} training sentences, {len(data.types)} types of entities"

    def _trial(self, **options: Any) -> TagTrial:
        from leveret.jobs._tag_trial import TagTrial

        return TagTrial(threads=self.threads or 1, **options)

    def _metrics(
        self, data: TaggingData, described: dict[str, Any], trial: TagTrial, result: dict[str, Any]
    ) -> dict[str, Any]:
        from leveret.jobs._environment import environment
        from leveret.jobs._tag_trial import kept_evaluation

        found = {part: kept_evaluation(trial.folder, data, part) for part in ("val", "test")}
        ruled = {} if trial.recipe.objective is None else {"rules": self._rules(data, trial, result, found["test"])}
        return {
            "task": "tag",
            "data": {
                "name": data.name,
                "kind": data.kind,
                "types": list(data.types),
                "test_sentences": len(data.test),
                "train_entities": data.train.entity_counts(),
            },
            "recipe": described,
            "result": result,
            "packed": trial.model.exists(),
            **{part: one.as_dict() for part, one in found.items() if one is not None},
            **ruled,
            "environment": environment(trial.threads),
        }

    def _rules(self, data: TaggingData, trial: TagTrial, result: dict[str, Any], test: Any) -> dict[str, Any]:
        """What rules make of the net's answers."""
        from leveret.jobs._tag_trial import kept_heeding, kept_paths
        from leveret.training.metrics import EntityMeter

        kept = kept_paths(trial.folder, "test")
        assert kept is not None
        paths = {"p": kept[0], "q": kept_heeding(trial.folder)}
        meter = EntityMeter(data.classes)
        meter.update(paths["q"], data.test.labels)
        return tag_rule_figures(trial.recipe.objective, result["objective"], data, test, meter.compute(), paths)

    def _report(self, data: TaggingData, metrics: dict[str, Any], trial: TagTrial) -> None:
        from leveret.jobs._tag_trial import kept_evaluation
        from leveret.report.page import write_page
        from leveret.report.tag import tag_page

        write_json(self.folder.metrics, metrics)
        test = kept_evaluation(trial.folder, data, "test")
        assert test is not None
        write_page(tag_page(public_data(data), metrics, test, _worst(data, trial)), self.folder.report)


def _worst(data: TaggingData, trial: TagTrial) -> list[Any]:
    """The test sentences with the most entities that were missed or made up."""
    from leveret.jobs._tag_trial import kept_paths
    from leveret.report.texts import WrongSentence
    from leveret.text import spans

    kept = kept_paths(trial.folder, "test")
    assert kept is not None
    found = []
    where = data.test.where
    for i, path in enumerate(kept[0]):
        true, said = data.test.names(i), [data.classes[tag] for tag in path]
        wrong = len(set(spans(true)) ^ set(spans(said)))
        if wrong:
            found.append((wrong, -len(path), i, true, said))
    found.sort(key=lambda one: one[:3], reverse=True)
    return [
        WrongSentence(tuple(data.test.fetch([i])[0]), tuple(true), tuple(said), where[i])
        for _, _, i, true, said in found[:_SHOWN]
    ]
