"""One net trained on sentences with tags, packed where it can be, and measured; kept whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leveret._files import write_json
from leveret.data import TaggingData
from leveret.jobs._net_trial import NetTrial, as_far_as_it_went, outcome, save_net, size_if_packed
from leveret.training._batch import UNLABELLED
from leveret.training.metrics import EntityMeter, TagEvaluation

__all__ = ["TagTrial", "kept_evaluation", "kept_heeding", "kept_paths"]

_SAID = "said.json"
_AT_ONCE = 64


@dataclass(frozen=True)
class TagTrial(NetTrial):
    """The training of a tagger; `recipe` is a `TagRecipe`."""

    def whole(self) -> bool:
        return (self.folder / _SAID).exists() and self.weights.exists()

    def work(self, data: TaggingData, progress: bool = False) -> dict[str, Any]:
        """Train, pack, and keep what the net says of the validation and the test part.

        Args:
            data: from `load_tagging`.
            progress: show a line an epoch.
        """
        from leveret.jobs._packed_models import pack_net
        from leveret.jobs._rules import carried
        from leveret.training import fit

        recipe = self.recipe
        torch.manual_seed(recipe.seed)
        net = recipe.make_net()
        result, diverged = as_far_as_it_went(
            lambda: fit(
                net,
                data,
                objective=recipe.objective,
                sampler=recipe.sampler,
                epochs=recipe.epochs,
                batch_size=recipe.batch_size,
                lr=recipe.lr,
                seed=recipe.seed,
                out=self.folder / "training",
                stage="training",
                progress=progress,
                **recipe.options,
            )
        )
        packed_bytes, notes = size_if_packed(
            lambda: pack_net(net, data, self.model, self.provenance, rules=carried(recipe.objective)), self.model
        )
        said = {part: _said(net.eval(), getattr(data, part)) for part in ("val", "test") if len(getattr(data, part))}
        if recipe.objective is not None:
            said["test"]["heeding"] = _heeding(net, recipe.objective.taught(), data.test)
        save_net(net, self.weights)
        write_json(self.folder / _SAID, said)
        learned = {} if recipe.objective is None else {"objective": recipe.objective.outcome()}
        return outcome(net, result, diverged=diverged, packed_bytes=packed_bytes, notes=notes) | learned


@torch.no_grad()
def _said(net: Any, split: Any) -> dict[str, Any]:
    """The net's tags of each sentence, and the sum of its losses, as plain values."""
    from leveret.training._tags import checked_emissions, sentence_losses, tag_paths

    paths: list[list[int]] = []
    loss = 0.0
    for start in range(0, len(split), _AT_ONCE):
        tokens, labels = split.fetch_tagged(range(start, min(start + _AT_ONCE, len(split))))
        true = torch.from_numpy(labels)
        emissions = checked_emissions(net(tokens), true)
        loss += float(sentence_losses(net, emissions, true).sum())
        paths += [path.tolist() for path in tag_paths(net, emissions, (true != UNLABELLED).sum(1))]
    return {"paths": paths, "loss": loss}


def _heeding(net: Any, rules: Any, split: Any) -> list[list[int]]:
    """The tags of each sentence by q, with the rules."""
    from leveret.rules import tag_by_rules

    return [path.tolist() for path in tag_by_rules(net, rules, split.fetch(range(len(split))))]


def kept_heeding(folder: Path) -> list[NDArray[np.int64]]:
    """What a finished trial's net says of the test part with its rules."""
    said = json.loads((folder / _SAID).read_text(encoding="utf-8"))["test"]["heeding"]
    return [np.array(path, np.int64) for path in said]


def kept_paths(folder: Path, part: str) -> tuple[list[NDArray[np.int64]], float] | None:
    """What a finished trial's net said of a part, and its loss there; None where the part is empty."""
    said = json.loads((folder / _SAID).read_text(encoding="utf-8")).get(part)
    return None if said is None else ([np.array(path, np.int64) for path in said["paths"]], said["loss"])


def kept_evaluation(folder: Path, data: TaggingData, part: str) -> TagEvaluation | None:
    """The figures of a finished trial on a part; None where the part is empty."""
    kept = kept_paths(folder, part)
    if kept is None:
        return None
    meter = EntityMeter(data.classes)
    meter.update(kept[0], getattr(data, part).labels, kept[1])
    return meter.compute()
