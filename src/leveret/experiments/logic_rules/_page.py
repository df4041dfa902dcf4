"""The page, rendered from the JSON file alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from leveret.experiments._results import Figure, figures_table, markdown_table, part_heading, wrapped
from leveret.experiments.logic_rules._page_sst2 import sst2
from leveret.experiments.logic_rules._page_wnut import wnut
from leveret.experiments.logic_rules._spread import gained, spread

__all__ = ["page"]

_FIGURES = {
    "exact_objective_gap": Figure(
        "teacher's closed form, above the best that minimising finds", "at most 1e-6", lambda v: v <= 1e-6, "{:.1e}"
    ),
    "exact_q_difference": Figure("the same, largest difference in probability", "", None, "{:.1e}"),
    "exact_chain_difference": Figure(
        "dynamic programming against all sequences, probabilities", "at most 1e-9", lambda v: v <= 1e-9, "{:.1e}"
    ),
    "exact_paths_differing": Figure("the same, best sequences that differ", "0", lambda v: v == 0, "{}"),
    "sst2_cnn": Figure("SST-2, CNN", "", None, "{:.2%}"),
    "sst2_projected": Figure("the same net, the rule at test only", "", None, "{:.2%}"),
    "sst2_p": Figure("p: learned with the rule, tested without", "", None, "{:.2%}"),
    "sst2_q": Figure("q: learned and tested with the rule", "", None, "{:.2%}"),
    "sst2_p_gain": Figure("gain of p over the CNN, points", "at least 0.5", lambda v: v >= 0.5, "{:.2f}"),
    "sst2_q_beyond_p": Figure("gain of q over p, points", "at least 0", lambda v: v >= 0, "{:.2f}"),
    "sst2_but_cnn": Figure('sentences with "but", CNN', "", None, "{:.2%}"),
    "sst2_but_projected": Figure("the same net, the rule at test only", "", None, "{:.2%}"),
    "sst2_but_p": Figure("p there", "", None, "{:.2%}"),
    "sst2_but_q": Figure("q there", "", None, "{:.2%}"),
    "sst2_but_p_gain": Figure("gain of p over the CNN there, points", "at least 2", lambda v: v >= 2, "{:.2f}"),
    "train_cost_ratio": Figure(
        "SST-2, an epoch with the rule over one without, processor time", "at most 1.5", lambda v: v <= 1.5, "{:.2f}"
    ),
    "wnut_base_f1": Figure("WNUT-2017, F1 of entities, tagger", "", None, "{:.2%}"),
    "wnut_projected_f1": Figure("the same net, transitions at test only", "", None, "{:.2%}"),
    "wnut_p_f1": Figure("p: learned with transitions", "", None, "{:.2%}"),
    "wnut_q_f1": Figure("q: learned and tested with transitions", "", None, "{:.2%}"),
    "wnut_list_p_f1": Figure("p: with transitions and lists", "", None, "{:.2%}"),
    "wnut_list_q_f1": Figure("q: with transitions and lists", "", None, "{:.2%}"),
    "wnut_base_broken": Figure("broken transitions of the tagger, a seed", "", None, "{:.1f}"),
    "wnut_q_broken": Figure("the same where the rule is heeded, all seeds", "0", lambda v: v == 0, "{}"),
    "wnut_cost_ratio": Figure(
        "WNUT-2017, a training step with rules over one without, processor time",
        "at most 1.5",
        lambda v: v <= 1.5,
        "{:.2f}",
    ),
    "images_plain": Figure("Fashion-MNIST, 40 labels a class, labels alone", "", None, "{:.2%}"),
    "images_projected": Figure("the same net, the rule at test only", "", None, "{:.2%}"),
    "images_p": Figure("p: learned with the rule, tested without", "", None, "{:.2%}"),
    "images_q": Figure("q: learned and tested with the rule", "", None, "{:.2%}"),
    "images_cost_ratio": Figure(
        "a training step with rules over one without", "at most 1.5", lambda v: v <= 1.5, "{:.2f}"
    ),
}


def page(values: Mapping[str, Any]) -> str:
    """Markdown."""
    text = [
        "# Rules as teachers, measured",
        "",
        wrapped(
            "Rendered from `logic-rules.json`, which the commands below wrote. p is what a net says, q what its rules "
            "make of it (Hu et al., ACL 2016). Since q at test may explain most of the gain (Krishna et al., EMNLP "
            "2018), projection of a net that never learned from a rule stands beside."
        ),
        "",
        figures_table(_FIGURES, values),
    ]
    for part, details in values.get("parts", {}).items():
        text += part_heading(part, details)
        if part in _PARTS:
            text += _PARTS[part](details)
    return "\n".join(text) + "\n"


def _exact(details: Mapping[str, Any]) -> list[str]:
    return [
        wrapped(
            f"{details['cases']} random cases each. One label of {details['classes']} classes with {details['rules']} "
            "soft rules: q in closed form against minimising KL(q ‖ p) + CΣξ numerically; a gap below 0 is the "
            f"minimiser's. Sequences of {details['length']} tokens and {details['tags']} tags, a fifth of all "
            "transitions forbidden, in every second case with an enumerated list of three members: forward, backward "
            f"and Viterbi against enumerating all {details['tags'] ** details['length']:,} sequences."
        )
    ]


def _images(details: Mapping[str, Any]) -> list[str]:
    names = {
        "plain": "labels alone",
        "projected": "labels alone, the rule at test (plain projection)",
        "p": "p: labels and rule",
        "q": "q: labels and rule, the rule at test",
    }
    base = np.array(details["rows"]["plain"])
    lines = []
    for key, name in names.items():
        found = np.array(details["rows"][key])
        gain = found - base
        lines.append((name, spread(found), "" if key == "plain" else gained(gain)))
    kinds = "; ".join(f"{kind}: {', '.join(classes)}" for kind, classes in details["kinds"].items())
    (epochs, batch), (more, larger) = details["steps"]["plain"], details["steps"]["rules"]
    return [
        wrapped(
            f"A ConvNet of {details['parameters']:,} weights, {details['per_class']} labels a class, and "
            f"{details['images']:,} training images in all whose kind is known ({kinds}). The rule is hard: an image "
            f"of a kind has one of its classes. Labels alone: {epochs} epochs in batches of {batch}; with the rule: "
            f"{more} epochs in batches of {larger}, a quarter of each labelled, {details['teacher']}; about as many "
            f"steps. Accuracy on the whole test part, mean ± standard deviation of {details['seeds']} seeds, and the "
            "gain over labels alone on the same seed."
        ),
        "",
        markdown_table(["", "accuracy, %", "gain, points"], lines),
        "",
        wrapped(
            f"The net names a class of the image's kind for {details['kept']['plain']:.2%} of the test images when it "
            f"learned from labels alone, for {details['kept']['rules']:.2%} when it learned from the rule, too. "
            f"Trainings took {details['seconds']['plain']:.0f} and {details['seconds']['rules']:.0f} seconds. The cost "
            "ratio is of the processor's time of steps on the same batches."
        ),
    ]


_PARTS: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "exact": _exact,
    "sst2": sst2,
    "wnut": wnut,
    "images": _images,
}
