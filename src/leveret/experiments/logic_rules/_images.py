"""Fashion-MNIST with 40 labels a class, and the kind of garment known of many more images: a rule over a hierarchy.

An image's kind, "top" or "shoe", is what a shop's shelf tells: coarser than the class, and cheap. The hard rule says
which classes a kind allows. Compared are the net that learns from the labels alone; the same net with the rule at test
only (projection); and p and q of the net that learned from the rule on images without a label.
"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from leveret.data import Data, few_labels, from_arrays
from leveret.errors import LeveretTrainingError
from leveret.experiments._datasets import source_of
from leveret.nets import ConvNet, parameter_count
from leveret.rules import RuleDistillation, RuleSet, Schema, posterior
from leveret.rules._compile import compile_rules
from leveret.training import CrossEntropy, LabelledSampler, Task, fit

__all__ = ["ImageTraining", "Setting", "cost_ratio", "measure"]

CLASSES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot")
KINDS = {
    "top": ("T-shirt", "Pullover", "Coat", "Shirt"),
    "long": ("Trouser", "Dress"),
    "shoe": ("Sandal", "Sneaker", "Boot"),
    "bag": ("Bag",),
}
_PI, _ALPHA, _SHARE = 0.5, 0.8, 0.25


@dataclass(frozen=True)
class Setting:
    """How much is trained.

    Attributes:
        seeds: where the command doesn't say.
        images: of the training part, labelled ones among them.
        per_class: those.
        plain, rules: epochs and batch size of the trainings without and with the rule: 750 and 780 steps.
        cost_steps: that are timed.
    """

    seeds: int = 5
    images: int = 10_000
    per_class: int = 40
    plain: tuple[int, int] = (60, 32)
    rules: tuple[int, int] = (10, 128)
    cost_steps: int = 40


FULL = Setting()


def measure(
    seeds: int | None, data: Path | None, runs: Path, setting: Setting = FULL
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and details for the page."""
    number = seeds or setting.seeds
    schedules = {"plain": setting.plain, "rules": setting.rules}
    source = source_of("fashion", data)
    found: dict[str, list[dict[str, Any]]] = {"plain": [], "rules": []}
    for seed in range(number):
        made = functools.cache(functools.partial(garments, source, seed, setting))
        for method, results in found.items():
            task = ImageTraining(f"{method}-{seed}", runs / f"{method}-{seed}", 1, method, seed, *schedules[method])
            result = task.finished() or task.run(made())
            if result["status"] != "ok":
                raise LeveretTrainingError(f"{method}, seed {seed}: {result['why']}")
            results.append(result)
            print(f"images, seed {seed}, {method}: p {result['p']:.4f}, q {result['q']:.4f}", flush=True)
    rows = {
        "plain": [result["p"] for result in found["plain"]],
        "projected": [result["q"] for result in found["plain"]],
        "p": [result["p"] for result in found["rules"]],
        "q": [result["q"] for result in found["rules"]],
    }
    figures: dict[str, Any] = {f"images_{name}": float(np.mean(values)) for name, values in rows.items()}
    figures["images_cost_ratio"] = cost_ratio(garments(source, 0, setting), setting.cost_steps)
    return figures, {
        "seeds": number,
        "per_class": setting.per_class,
        "images": setting.images,
        "kinds": {kind: list(classes) for kind, classes in KINDS.items()},
        "steps": {method: list(steps) for method, steps in schedules.items()},
        "teacher": f"pi={_PI:g}, alpha={_ALPHA:g}",
        "parameters": parameter_count(_net()),
        "rows": rows,
        "kept": {method: float(np.mean([r["kept"] for r in results])) for method, results in found.items()},
        "seconds": {method: float(np.mean([r["seconds"] for r in results])) for method, results in found.items()},
    }


def garments(source: Path, seed: int, setting: Setting) -> Data:
    """Some training images, few of a class with their label, all with their kind; the whole test part."""
    arrays = np.load(source)
    chosen = np.random.default_rng(seed).permutation(len(arrays["y_train"]))[: setting.images]
    names, kind_of = np.array(CLASSES), {name: kind for kind, classes in KINDS.items() for name in classes}
    y, y_test = names[arrays["y_train"][chosen]], names[arrays["y_test"]]
    data = from_arrays(
        arrays["x_train"][chosen], y, x_test=arrays["x_test"], y_test=y_test, classes=CLASSES, val_fraction=0.0,
        columns={"kind": [kind_of[str(name)] for name in (*y, *y_test)]}, name="fashion", seed=seed,
    )  # fmt: skip
    return few_labels(data, per_class=setting.per_class, seed=seed)


def rules_of_kinds() -> RuleSet:
    """The hierarchy as a rule file, and its one hard rule."""
    groups = [f"group {kind} = " + ", ".join(f'"{name}"' for name in classes) for kind, classes in KINDS.items()]
    text = "\n".join([*groups, "rule kind hard: label follows kind"])
    schema = Schema(CLASSES, ("kind",))
    return RuleSet(compile_rules(text, "kinds.rules", schema, logic="lukasiewicz", strength=6.0), name="kinds.rules")


@dataclass(frozen=True)
class ImageTraining(Task):
    """One net, by labels alone ("plain") or with the rule ("rules"), tested with and without it.

    Attributes:
        method, seed: which.
        epochs, batch_size: of the training.
    """

    method: str
    seed: int
    epochs: int
    batch_size: int

    def work(self, *shared: Any) -> dict[str, Any]:
        data: Data = shared[0]
        rules = rules_of_kinds()
        torch.manual_seed(self.seed)
        net, taught, objective, sampler = _net(), data, None, None
        if self.method == "plain":
            taught = replace(data, train=data.train.subset(data.train.labels >= 0))
        else:
            objective = RuleDistillation(rules, data, pi=_PI, alpha=_ALPHA)
            sampler = LabelledSampler(data.train.labels, _SHARE, seed=self.seed)
        options: dict[str, Any] = {"lr": 2e-3, "schedule": "one-cycle", "warmup": 0.2, "progress": False}
        result = fit(net, taught, objective=objective, sampler=sampler, epochs=self.epochs,
                     batch_size=self.batch_size, seed=self.seed, **options)  # fmt: skip
        found = posterior(net, rules, data)
        return {
            "history": result.history,
            "p": found.p.accuracy,
            "q": found.q.accuracy,
            "kept": found.obeyed_by_p[0].obeyed,
        }


def cost_ratio(data: Data, steps: int) -> float:
    """Processor time of a training step with rules over one without, on the same batches; the two take turns."""
    from leveret.training import Batch

    rules = RuleDistillation(rules_of_kinds(), data)
    rules.set_epoch(3, 4)
    spent: dict[str, list[float]] = {"plain": [], "rules": []}
    torch.manual_seed(0)
    net = _net()
    optimizer = torch.optim.AdamW(net.parameters())
    objectives: dict[str, Any] = {"plain": CrossEntropy(), "rules": rules}
    for step in range(steps):
        indices = (np.arange(128) + 128 * (step % 50)) % len(data.train)
        values = torch.from_numpy(data.normalization.apply(data.train.fetch(indices)))
        labels = torch.from_numpy(data.train.labels[indices])
        for name, objective in objectives.items():
            began = time.process_time()
            optimizer.zero_grad()
            sum(objective(net, Batch(values, labels, torch.from_numpy(indices))).values()).backward()
            optimizer.step()
            spent[name].append(time.process_time() - began)
    return float(np.median(spent["rules"]) / np.median(spent["plain"]))


def _net() -> nn.Module:
    return ConvNet(1, len(CLASSES), depth=5, widths=(16, 32))
