"""One seed of a dataset: each method takes up the classes step by step; every step is kept whole when it is done."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from leveret import fit
from leveret._files import write_json
from leveret._threads import limited_threads
from leveret.data import Data, joined, of_classes
from leveret.experiments.incremental._settings import METHODS, Setting, data_of
from leveret.grow import ClassTree, accuracies, grow, tested
from leveret.grow._task import operations_of
from leveret.nets import parameter_count

__all__ = ["run_seed"]

_TREE = "tree.safetensors"


def run_seed(setting: Setting, data: Path | None, runs: Path, seed: int) -> dict[str, Any]:
    """All steps of all methods.

    Returns:
        `rows` (a dict for each step and method), `steps` (names of the classes of each), `parameters`, `operations`,
        and of the tree after the last step `outlines` and, of every step, `reasons`.
    """
    return _Seed(setting, data, runs / f"seed-{seed}", seed).run()


@dataclass
class _Seed:
    setting: Setting
    folder: Path | None
    runs: Path
    seed: int

    def run(self) -> dict[str, Any]:
        with limited_threads(1):
            return self._run()

    def _run(self) -> dict[str, Any]:
        whole = data_of(self.setting, self.folder, self.seed)
        names, steps = list(whole.classes), []
        for size in self.setting.steps:
            steps.append(names[:size])
            names = names[size:]
        parts = [of_classes(whole, step) for step in steps]
        base = self._base(parts[0])
        rows, trees = [base], dict.fromkeys(METHODS, self._tree("0-base"))
        old = parts[0]
        for number, part in enumerate(parts[1:], 1):
            for method in METHODS:
                row = self._step(number, method, trees[method], old, part)
                trees[method] = self._tree(f"{number}-{method}")
                rows.append(row)
            old = joined([old, part])
        net = self.setting.make_net(whole.num_classes)
        shapes = ("tree", "random")
        return {
            "rows": rows,
            "steps": steps,
            "parameters": parameter_count(net),
            "operations": operations_of(net, whole),
            "outlines": {method: trees[method].outline() for method in shapes},
            "reasons": [row["reasons"] for row in rows if row["method"] == "tree"],
        }

    def _base(self, part: Data) -> dict[str, Any]:
        """The first net, which all methods begin with."""
        return self._kept("0-base", lambda out: self._anew(part, None, out, {"step": 0, "method": "base"}))

    def _step(self, number: int, method: str, tree: ClassTree, old: Data, part: Data) -> dict[str, Any]:
        row = {"step": number, "method": method}
        if method == "scratch":
            return self._kept(f"{number}-{method}", lambda out: self._anew(joined([old, part]), tree, out, row))
        return self._kept(f"{number}-{method}", lambda out: self._grown(method, tree, old, part, out, row))

    def _kept(self, name: str, work: Any) -> dict[str, Any]:
        """The row of a step, read where it was finished."""
        out = self.runs / name
        if (out / "row.json").exists():
            return dict(json.loads((out / "row.json").read_text(encoding="utf-8")))
        print(f"{self.setting.part}, seed {self.seed}: {name}", end=" ", flush=True)
        leftovers = [out / leftover for leftover in ("training", "growth")]
        goes_on = any(leftover.exists() for leftover in leftovers)
        row = dict(work(out))
        print(f"{100 * row['accuracy']:.2f} %, {row['seconds']:.0f} s", flush=True)
        if goes_on:  # how long it took before it was stopped isn't known
            del row["seconds"], row["cpu_seconds"]
        write_json(out / "row.json", row)
        for leftover in leftovers:
            shutil.rmtree(leftover, ignore_errors=True)
        return row

    def _anew(self, data: Data, before: ClassTree | None, out: Path, row: dict[str, Any]) -> dict[str, Any]:
        setting = self.setting
        torch.manual_seed(self.seed)
        net: nn.Module = setting.make_net(data.num_classes)
        started, used = time.perf_counter(), time.process_time()
        options: dict[str, Any] = dict(setting.options)
        result = fit(
            net,
            data,
            epochs=setting.epochs,
            batch_size=setting.batch_size,
            lr=setting.lr,
            augment=setting.augment,
            keep_best=False,
            monitor="accuracy",
            seed=self.seed,
            out=out / "training",
            progress=False,
            trainer_args={"logger": False},
            **options,
        )
        if result.interrupted:
            raise KeyboardInterrupt
        spent = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - used}
        tree = ClassTree.of(net.eval(), data, blend=setting.blend)
        figures = self._figures(tree, before, data)
        tree.save(out / _TREE)
        compute = 3 * operations_of(net, data) * result.samples_seen
        return {**row, **figures, "compute": compute, **spent, "reasons": []}

    def _grown(
        self, method: str, tree: ClassTree, old: Data, part: Data, out: Path, row: dict[str, Any]
    ) -> dict[str, Any]:
        setting = self.setting
        policy: Any = METHODS[method][1]
        shape: Any = {"tree": "error", "random": "random"}.get(method, "flat")
        # few old samples among many new ones: all classes are drawn alike often
        balance = "frequency-sampling" if method == "replay" else "plain"
        recipe = setting.recipe(distillation=1.0 if method == "lwf" else 0.0, balance=balance)
        memory = None
        kept = self.runs / f"{row['step'] - 1}-{method}" / "memory.npz"
        if kept.exists():
            from leveret.grow import Memory

            memory = Memory.load(kept)
        used = time.process_time()
        growth = grow(
            tree,
            part,
            old=old,
            policy=policy,
            memory=memory,
            budget=setting.budget,
            recipe=recipe,
            rule=setting.rule,
            groups=2,
            shape=shape,
            seed=self.seed,
            out=out / "growth",
            workers=1,
            threads=1,
        )
        used = time.process_time() - used
        data = joined([old, part])
        figures = self._figures(growth.tree, tree, data)
        if not growth.tree.root.is_leaf:
            everywhere = growth.tree.collapsed(())  # the branch's own net alone
            figures["branch_alone"] = _accuracy(everywhere, data)
            figures["all_beams"] = _accuracy(growth.tree.set_inference(beams=None, blend=setting.blend), data)
            figures["as_in_paper"] = _accuracy(growth.tree.set_inference(beams=1, blend=0), data)
            growth.tree.set_inference(beams=1, blend=setting.blend)
        growth.tree.save(out / _TREE)
        if growth.memory is not None:
            growth.memory.save(out / "memory.npz")
        return {
            **row,
            **figures,
            "compute": sum(growth.compute.values()),
            "seconds": growth.seconds,
            "cpu_seconds": used,
            "reasons": [f"{step.name}: {step.action}, {step.why}" for step in growth.plan.walk()],
            "settled": sum("settled" in node for node in growth.nodes.values()),
        }

    def _figures(self, tree: ClassTree, before: ClassTree | None, data: Data) -> dict[str, Any]:
        old = () if before is None else before.classes
        earlier = None if before is None else tested(before, old, data)
        return accuracies(tested(tree, tree.classes, data), earlier, old)

    def _tree(self, name: str) -> ClassTree:
        return ClassTree.load(self.runs / name / _TREE, self.setting.make_net(2))


def _accuracy(tree: ClassTree, data: Data) -> float:
    found = tested(tree, tree.classes, data)
    assert found is not None
    return found.accuracy
