"""WNUT-2017: a tagger with the hard rule of BIO's transitions, and with the soft one of enumerated lists.

Told apart are the tagger alone; the same with the rules at test only (projection); p and q of the tagger that learned
with them. An I-x that follows neither B-x nor I-x is a broken transition: q, which forbids it, must have none.
"""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from leveret.data.tagging import TaggingData, load_tagging
from leveret.errors import LeveretTrainingError
from leveret.experiments._datasets import source_of
from leveret.nets import SequenceTagger, encoder_for, parameter_count
from leveret.rules import RuleSet, Schema, SequenceRuleDistillation, tag_by_rules
from leveret.rules._compile import compile_rules
from leveret.runtime.rules._lists import categories_of, enumerations
from leveret.text import Vectors, read_vectors
from leveret.training import Batch, Task, evaluate, fit
from leveret.training._buckets import LengthBuckets
from leveret.training._tags import TagLikelihood
from leveret.training.metrics import EntityMeter

__all__ = ["Setting", "TagTraining", "measure", "rules_of_tags"]

_COST_STEPS, _COST_TURNS = 40, 3
_BATCH, _PI, _ALPHA = 16, 0.9, 0.9
_DEVIATION = 0.15  # of word2vec's vectors, see docs/text.md
_BIO = "rule bio hard: valid bio"
# 6 · 0.3 = 1.8 nats: as if 93 % of a list's neighbours were alike where 70 % are by chance, as the training part's
# labels say: log(0.93 / 0.07) − log(0.70 / 0.30) = 1.7
_RULES = {"bio": _BIO, "lists": f"{_BIO}\nrule lists weight 0.3: list members agree"}
_METHODS = ("plain", *_RULES)

Measured = tuple[dict[str, Any], dict[str, Any]]


@dataclass(frozen=True)
class Setting:
    """How much is trained.

    Attributes:
        seeds: where the command doesn't say.
        epochs: of a training.
    """

    seeds: int = 3
    epochs: int = 12


FULL = Setting()


@dataclass(frozen=True)
class Tagged:
    """What trainings share.

    Attributes:
        data: WNUT-2017.
        vectors: of words.
    """

    data: TaggingData
    vectors: Vectors


def measure(seeds: int | None, data: Path | None, runs: Path, setting: Setting = FULL) -> Iterator[Measured]:
    """Figures and details for the page, after every seed."""
    source, vectors = source_of("wnut", data), source_of("glove", data)
    given = Tagged(load_tagging(source), read_vectors(vectors).scaled(_DEVIATION))
    ties = ties_of(given.data)
    parts = {name: len(getattr(given.data, name)) for name in ("train", "val", "test")}
    fixed = {
        "sentences": parts,
        "parameters": parameter_count(_net(given)),
        "epochs": setting.epochs,
        "teacher": f"pi={_PI:g}, alpha={_ALPHA:g}",
        "ties": ties,
    }
    fixed["cost_ratios"] = cost_ratios(given)
    # what was trained with other lists, as they were found once, is no result of these
    marks = {name: f"-{ties['train']}" if name == "lists" else "" for name in _METHODS}
    found: list[dict[str, dict[str, Any]]] = []
    for seed in range(seeds or setting.seeds):
        keys = {name: f"{name}{marks[name]}-{seed}" for name in _METHODS}
        tasks = {name: TagTraining(key, runs / key, 1, name, seed, setting.epochs) for name, key in keys.items()}
        found.append({name: _result(task, given) for name, task in tasks.items()})
        yield _figures(found, fixed)


def cost_ratios(given: Tagged) -> dict[str, float]:
    """Processor time of some steps with each set of rules over that without, on the same batches in turns."""
    torch.manual_seed(0)
    objectives: dict[str, Any] = {"plain": TagLikelihood()}
    for name in _RULES:
        objectives[name] = SequenceRuleDistillation(rules_of_tags(name, given.data), given.data)
        objectives[name].set_epoch(3, 4)
    train = given.data.train
    net = _net(given).train()
    order = np.concatenate(list(LengthBuckets(np.asarray([len(tags) for tags in train.labels])).chunks(_BATCH)))
    ratios: dict[str, list[float]] = {name: [] for name in _RULES}
    for turn in range(_COST_TURNS):
        spent = dict.fromkeys(objectives, 0.0)
        for start in range(0, min(len(order), _BATCH * _COST_STEPS), _BATCH):
            indices = order[start : start + _BATCH]
            tokens, labels = train.fetch_tagged(indices)
            batch = tokens, torch.from_numpy(labels), torch.from_numpy(indices)
            names = list(objectives)
            for name in names[turn:] + names[:turn]:  # who is first finds the caches cold
                began = time.process_time()
                net.zero_grad()
                sum(objectives[name](net, Batch(*batch)).values()).backward()
                spent[name] += time.process_time() - began
        for name in _RULES:
            ratios[name].append(spent[name] / spent["plain"])
    return {name: float(np.median(values)) for name, values in ratios.items()}


def rules_of_tags(name: str, data: TaggingData) -> RuleSet:
    """ "bio" or "lists", with C = 6."""
    schema = Schema(tuple(data.classes), tags=True)
    program = compile_rules(_RULES[name], "tags.rules", schema, logic="lukasiewicz", strength=6.0)
    return RuleSet(program, name="tags.rules")


def ties_of(data: TaggingData) -> dict[str, Any]:
    """What the list rule ties in the training and the test part, by the labels: pairs of neighbours in a list, the
    share that is of one category, the same by chance, and of pairs with an entity in them."""
    categories = categories_of(data.classes)
    nothing = categories[list(data.classes).index("O")]
    found: dict[str, Any] = {}
    for part in ("train", "test"):
        split = getattr(data, part)
        sentences = split.fetch(np.arange(len(split)))
        lists = [
            [int(categories[tags[place]]) for place in members]
            for tokens, tags in zip(sentences, split.labels, strict=True)
            for members in enumerations(tokens)
        ]
        pairs = np.array([pair for members in lists for pair in itertools.pairwise(members)], int).reshape(-1, 2)
        alike, named = pairs[:, 0] == pairs[:, 1], (pairs != nothing).any(1)
        shares = np.bincount([kind for members in lists for kind in members]) / max(sum(map(len, lists)), 1)
        known = {"entities": int(named.sum()), "entities_obeyed": _mean(alike[named])}
        found[part] = len(pairs)
        found |= {f"test_{key}": value for key, value in known.items()} if part == "test" else known
        if part == "train":
            found |= {"obeyed": _mean(alike), "chance": float((shares**2).sum())}
    return found


def _mean(values: Any) -> float | None:
    return float(values.mean()) if len(values) else None


@dataclass(frozen=True)
class TagTraining(Task):
    """One tagger, tested alone and by each set of rules.

    Attributes:
        method: "plain", or the rules that it learns with: "bio" or "lists".
        seed: of the net and the order.
        epochs: of the training.
    """

    method: str
    seed: int
    epochs: int

    def tidy(self) -> None:
        shutil.rmtree(self.folder / "training", ignore_errors=True)

    def work(self, *shared: Any) -> dict[str, Any]:
        given: Tagged = shared[0]
        data = given.data
        torch.manual_seed(self.seed)
        net, objective = _net(given), None
        if self.method != "plain":
            objective = SequenceRuleDistillation(rules_of_tags(self.method, data), data, pi=_PI, alpha=_ALPHA)
        result = fit(net, data, objective=objective, epochs=self.epochs, batch_size=_BATCH, optimizer="adadelta",
                     schedule="cosine", warmup=0.0, weight_decay=0.0, seed=self.seed, out=self.folder / "training",
                     progress=False)  # fmt: skip
        if result.interrupted:
            raise KeyboardInterrupt
        alone = evaluate(net, data)
        said = {"p": {"f1": alone.f1, "broken": alone.broken}}
        sentences = data.test.fetch(np.arange(len(data.test)))
        for name in _RULES:
            meter = EntityMeter(data.classes)
            meter.update(tag_by_rules(net, rules_of_tags(name, data), sentences), data.test.labels)
            by_rules = meter.compute()
            said[name] = {"f1": by_rules.f1, "broken": by_rules.broken}
        return {"history": result.history, "best_epoch": result.best_epoch, "said": said}


def _net(given: Tagged) -> SequenceTagger:
    encoder = encoder_for(given.data.train, given.vectors, characters=True)
    return SequenceTagger(given.data.classes, encoder, given.vectors)


def _result(task: TagTraining, given: Tagged) -> dict[str, Any]:
    found = task.finished() or task.run(given)
    if found["status"] != "ok":
        raise LeveretTrainingError(f"{task.key}: {found['why']}")
    told = ", ".join(f"{name} {one['f1']:.4f} ({one['broken']} broken)" for name, one in found["said"].items())
    print(f"wnut, {task.key}: {told}, {found['seconds']:.0f} s", flush=True)
    return found


def _figures(found: list[dict[str, dict[str, Any]]], fixed: dict[str, Any]) -> Measured:
    rows = {"base": _of(found, "plain", "p")}
    for name in _RULES:
        rows[f"{name}_projected"] = _of(found, "plain", name)
        rows[f"{name}_p"], rows[f"{name}_q"] = _of(found, name, "p"), _of(found, name, name)
    f1 = {name: float(np.mean(values["f1"])) for name, values in rows.items()}
    figures: dict[str, Any] = {
        "wnut_base_f1": f1["base"],
        "wnut_projected_f1": f1["bio_projected"],
        "wnut_p_f1": f1["bio_p"],
        "wnut_q_f1": f1["bio_q"],
        "wnut_list_p_f1": f1["lists_p"],
        "wnut_list_q_f1": f1["lists_q"],
        "wnut_base_broken": float(np.mean(rows["base"]["broken"])),
        "wnut_q_broken": sum(sum(values["broken"]) for name, values in rows.items() if name.endswith(("_q", "ted"))),
    }
    figures["wnut_cost_ratio"] = max(fixed["cost_ratios"].values())
    seconds = {name: float(np.mean([one[name]["seconds"] for one in found])) for name in _METHODS}
    return figures, {"seeds": len(found), "rows": rows, "seconds": seconds, **fixed}


def _of(found: list[dict[str, dict[str, Any]]], method: str, by: str) -> dict[str, list[Any]]:
    return {key: [one[method]["said"][by][key] for one in found] for key in ("f1", "broken")}
