"""The answers, each from the content of one experiment's JSON file; a KeyError where a part wasn't run."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "closer_look",
    "ensembles",
    "few_labels",
    "five_methods",
    "growing",
    "lifetime",
    "links",
    "mining",
    "norms",
    "observer",
    "projection",
]

_Values = Mapping[str, Any]
_FIVE = {
    "cluster-centres": "cluster centres",
    "pseudo-classes": "pseudo-classes",
    "balanced-subsets": "balanced subsets",
    "hard-mining": "hard mining",
    "frequency-sampling": "frequency sampling",
}


def closer_look(values: _Values) -> str:
    """Of each dataset, whether the net with a closer look is better than its coarse layers, and how near the fine."""
    names = {
        "mnist": "On cluttered digits",
        "elpv": "On solar cells, which are real",
        "streets": "On digits in street scenes of a megapixel",
    }
    said = [_look(name, values["parts"][part]) for part, name in names.items() if part in values["parts"]]
    if absent := [name for part, name in names.items() if part not in values["parts"]]:
        said.append(f"{'; '.join(absent)}: not measured.")
    return " ".join(said)


def _look(name: str, details: _Values) -> str:
    by_method = {row["method"]: row for row in details["rows"]}
    coarse, fine, close = (by_method[key] for key in ("coarse", "fine", "hints"))
    gained, possible = coarse["error"] - close["error"], coarse["error"] - fine["error"]
    verdict = "yes" if gained > 0.5 * possible > 0 else "a little" if gained > 0 else "no"
    seeds = details["seeds"]
    return (
        f"{name}: {verdict}; {close['error']:.2%} error against {coarse['error']:.2%} of the coarse layers alone and "
        f"{fine['error']:.2%} of fine ones everywhere, for {fine['operations'] / close['operations']:.1f} times fewer "
        f"operations than those ({_seeds(seeds)})."
    )


def links(values: _Values) -> str:
    """What links gave at equal parameters, by dataset."""
    from leveret.experiments.deep_vs_shallow._findings import lateral_answer

    said = []
    for dataset, details in values["parts"].items():
        rows = [row for row in values["rows"] if row["dataset"] == dataset]
        if any(row["lateral_steps"] for row in rows):
            said.append(f"{details['title']} ({_seeds(details['seeds'])}): {lateral_answer(rows)}")
    if not said:
        raise KeyError("rows")
    return " ".join(said)


def norms(values: _Values) -> str:
    from leveret.experiments.parsenet._answers import batch_norm_answer

    return batch_norm_answer(values["rows"])


def projection(values: _Values) -> str:
    """Gains of plain projection, p and q over the CNN of the same seed."""
    details = values["parts"]["sst2"]
    rows = details["rows"]
    gains = {
        key: [100 * (a - b) for a, b in zip(rows[key], rows["cnn"], strict=True)] for key in ("projected", "p", "q")
    }
    told = {key: f"{_signed(statistics.mean(found))} ± {_spread(found)}" for key, found in gains.items()}
    learned, error = statistics.mean(gains["p"]), _error(gains["p"])
    verdict = (
        "which is beyond twice its standard error" if abs(learned) > 2 * error else "which the seeds don't tell from 0"
    )
    return (
        f"On SST-2 ({_seeds(details['seeds'])}) projecting a net that never saw the rule gains {told['projected']} "
        f"points, learning with the rule and testing without it {told['p']}, {verdict}, and both together "
        f"{told['q']}. The CNN itself spreads by {_spread([100 * v for v in rows['cnn']])} over seeds."
    )


def few_labels(values: _Values) -> str:
    """Gains of p over the CNN by the share of labels, with the other sentences and without."""
    gains: dict[bool, list[str]] = {False: [], True: []}
    means: dict[bool, list[float]] = {False: [], True: []}
    for row in values["fractions"]:
        gain = 100 * (row["p"] - row["cnn"])
        means[row["unlabelled"]].append(gain)
        gains[row["unlabelled"]].append(f"{_signed(gain)} at {row['fraction']:.0%}")
    better = statistics.mean(means[True]) - statistics.mean(means[False])
    own = [100 * (row["p"] - row["control"]) for row in values["fractions"] if "control" in row]
    part = (
        f"of which the rule's own part is {_signed(statistics.mean(own))}, against a rule that weighs nothing."
        if own
        else "of which the rule's own part isn't known: the net takes more steps, too."
    )
    return (
        f"Gain of p over the CNN, in points: {', '.join(gains[False])} of the labels alone; {', '.join(gains[True])} "
        f"with the other sentences, without labels, besides. These add {_signed(better)} on average, {part}"
    )


def ensembles(values: _Values) -> str:
    from leveret.experiments.shrink._ensemble_page import answer

    return " ".join(line.removeprefix("- ") for line in answer(values["ensemble"]))


def growing(values: _Values) -> str:
    return (
        f"In its worst step a grown tree is {values['gap_to_scratch']:.2f} points below training anew, for "
        f"{values['compute_ratio']:.0%} of its compute at most. It loses {values['forgetting']:.2f} points on old "
        f"classes where training anew itself loses {values['forgetting_scratch']:.2f}, as new classes are more to be "
        f"mistaken for; it is at least {values['over_light_methods']:.1f} points above replay, distillation and "
        "fine-tuning."
    )


def five_methods(values: _Values) -> str:
    """Where each beats plain training beyond the seeds' spread: by PR area on cells, by accuracy on long tails."""
    from leveret.experiments.imbalance._page import beating_plain

    datasets = list(dict.fromkeys(row["dataset"] for row in values["rows"]))
    won: dict[str, list[str]] = {method: [] for method in _FIVE}
    for dataset in datasets:
        figure = "pr_auc" if dataset == "elpv" else "accuracy"
        best = beating_plain([row for row in values["rows"] if row["dataset"] == dataset], [figure])
        for method in _FIVE:
            if method in best:
                won[method].append(dataset.replace("-", " 1:"))
    told = [f"{_FIVE[method]} on {', '.join(sets)}" for method, sets in won.items() if sets]
    never = [_FIVE[method] for method, sets in won.items() if not sets]
    text = f"Beyond the seeds' spread plain training is beaten by {'; '.join(told)}." if told else ""
    text += f" Nowhere by {' or '.join(never)}." if never else ""
    return f"Of {len(datasets)} sets, by PR area on elpv and by accuracy elsewhere. {text}".replace("  ", " ")


def mining(values: _Values) -> str:
    """What the objective says of itself, without a guard and with one."""
    runs = values["parts"]["mining"]["runs"]
    last = {key: run["history"][-1]["val_accuracy"] for key, run in runs.items()}
    said = {key: runs[key]["diagnosis"] for key in ("unguarded", "guarded")}
    wrong = runs["unguarded"]["wrong_of_picked"]
    return (
        f"Alone {'it does' if said['unguarded']['overfits'] else 'not here'}: {wrong:.0%} "
        f"of what it picks most are wrong labels, and test accuracy ends at {last['unguarded']:.1%} where plain "
        f"training has {last['plain']:.1%}. With half plain loss and a warm-up "
        f"{'it does, too' if said['guarded']['overfits'] else 'it does not'}, at {last['guarded']:.1%}."
    )


def observer(values: _Values) -> str:
    """False alarms, power where it was measured most, and how many uses came out as expected."""
    said = [
        f"Yes, with an error that is known: two draws of the same digits were called different in "
        f"{values['type1_rate']:.1%} of {values['null_runs']:,} runs, where 5 % are allowed."
    ]
    logistic = [row for row in values["power"] if row["observer"] == "logistic, ranks"]
    size = max(row["size"] for row in logistic)
    found = [row["power"] for row in logistic if row["size"] == size]
    said.append(
        f"Of {len(found)} known shifts, with {size} samples a side, {min(found):.0%} to {max(found):.0%} noticed."
    )
    rows = values["parts"]["uses"]["rows"]
    asked = [row for row in rows if row["expected"] is not None]
    right = sum(row["different"] == row["expected"] for row in asked)
    said.append(f"Of {len(asked)} uses whose answer was known, {right} came out so.")
    return " ".join(said)


def lifetime(values: _Values) -> str:
    details = values["parts"]["lifetime"]
    low, high = details["images_range"]
    return (
        f"{details['images']:,} beside {details['neurons']:,}: {details['images_per_neuron']:.2f} images for each. By "
        f"the ranges of the assumptions it may be {low:,} to {high:,}."
    )


def _seeds(number: int) -> str:
    return "one seed" if number == 1 else f"{number} seeds"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.stdev(values):.2f}" if len(values) > 1 else "0"


def _error(values: Sequence[float]) -> float:
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("inf")
