"""The page of the experiment, rendered from its JSON file alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leveret.experiments._results import Figure, figures_table, markdown_table, part_heading
from leveret.experiments.shrink._ensemble_page import ensemble_table
from leveret.experiments.shrink._papers import paper_error
from leveret.experiments.shrink._plot import PICTURES
from leveret.training import duration

__all__ = ["page"]

# by their keys in the JSON file
_FIGURES: dict[str, Figure] = {
    "lenet300_ratio": Figure("LeNet-300-100, times smaller", "at least 40", lambda v: v >= 40, "{:.1f}"),
    "lenet300_error": Figure("… its error, packed", "at most 1.6 %", lambda v: v <= 0.016, "{:.2%}"),
    "lenet5_ratio": Figure("LeNet-5, times smaller", "at least 39", lambda v: v >= 39, "{:.1f}"),
    "lenet5_error": Figure("… its error, packed", "at most 0.8 %", lambda v: v <= 0.008, "{:.2%}"),
    "obs_no_worse": Figure("Optimal Brain Surgeon no worse at any point", "true", lambda v: v is True, "{}"),
}


def page(values: Mapping[str, Any], parts: Sequence[str]) -> str:
    """The whole page, of those parts that were run."""
    text = [
        "# Shrinking, measured",
        "",
        "Rendered from `shrink.json`, which the commands below wrote. Errors are on the test part; bytes are those of",
        "the packed file, times those of one image on one thread, in turns in one run. Trainings were timed while the",
        "machine did other work too.",
        "",
        figures_table(_FIGURES, values),
    ]
    for part in parts:
        details = values.get("parts", {}).get(part)
        if details is None:
            continue
        text += part_heading(part, details)
        text += [f"Seed {_seeds(details['seed'])}; trainings took {duration(details['seconds'])} in all.", ""]
        text += _TABLES[part](details, values)
    return "\n".join(text) + "\n"


def _seeds(seed: int | list[int]) -> str:
    return ", ".join(map(str, seed)) if isinstance(seed, list) else str(seed)


def _deep_table(details: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    text = [
        "Deep Compression on MNIST. The dense net learns from images shifted by up to a pixel; then it is pruned",
        "gradually, over all layers together, while it learns from the dense net's outputs; its weights are shared by",
        "k-means, and the tables trained on. The file is the smallest tried whose error on the validation part, 6,000",
        "images held out of the training part, is at most what its table says; the test part is looked at afterwards.",
        "",
    ]
    rows = []
    for name, net in details["nets"].items():
        times, error = net["paper"]
        rows.append(
            (
                name,
                f"{4 * net['parameters']:,}",
                f"{net['bytes']:,}",
                f"{4 * net['parameters'] / net['bytes']:.1f}",
                f"{times}",
                f"{net['dense_error']:.2%}",
                f"{net['error']:.2%}",
                f"{error:.2%}",
            )
        )
    header = "net, float32 bytes, file, times smaller, paper's, error dense, error packed, paper's"
    text.append(markdown_table(header.split(", "), rows))
    for name, net in details["nets"].items():
        tried = [
            (
                f"{row['sparsity']:.0%}",
                ", ".join(f"{kept:.1%}" for kept in row["kept"].values()),
                str(row["bits"]),
                f"{row['bytes']:,}",
                f"{row['entropy_bytes']:,}",
                f"{row['pruned_val_error']:.2%}",
                f"{row['val_error']:.2%}",
                "yes" if row["file"] == net["chosen"] else "",
            )
            for row in net["tried"]
        ]
        header = "pruned, left in each layer, bits, file, entropy's bytes, val. error pruned, packed, chosen"
        bound = f"validation error at most {net['bound']:.2%}"
        text += ["", f"{name}, what was tried ({bound}):", "", markdown_table(header.split(", "), tried)]
    text += [
        "",
        "The entropy's bytes are what an ideal coder would need for indices and zeros, each layer for itself, with",
        "tables and biases in float32, without a header.",
    ]
    return text


def _obs_table(details: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    check = details["check"]
    text = [
        "Test error after taking weights, without retraining. Each method goes on from the point before, its curvature",
        "taken anew there. The surgeon's damping, which says how far it trusts its quadratic, is the one of least",
        "validation error of those tried; LeNet's is the one that served the perceptron.",
        "",
        f"![Test error against the share of weights taken]({PICTURES['obs']})",
    ]
    for net in details["nets"].values():
        rows = []
        for row in net["points"]:
            worse = row["obs"] > min(row["magnitude"], row["obd"])
            damping = f"{row['damping']:g}"
            errors = [f"{row[method]:.2%}" for method in ("magnitude", "obd", "obs")]
            rows.append((f"{row['sparsity']:.0%}", *errors, damping, "no" if worse else "yes"))
        header = ["taken", "magnitude", "OBD", "OBS", "damping", "OBS no worse"]
        dampings = ", ".join(f"{value:g}" for value in net["dampings"])
        about = f"{net['what']}; whole, its error is {net['dense_error']:.2%}. Curvature of {net['samples']:,} images, "
        text += ["", about + f"dampings tried: {dampings}.", "", markdown_table(header, rows)]
    same = "the search chose the same weight each time" if check["same_choices"] else "the search chose other weights"
    text += [
        "",
        f"The update, on a perceptron of {check['weights']} weights pruned {check['steps']} times: at most "
        f"{check['closed_form']:.1e} from the closed form,",
        f"at most {check['search']:.1e} from a search through all weights; {same}.",
        "No tolerance is given anywhere: a single image more that is wrong counts as worse.",
    ]
    return text


def _hashed_table(details: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    rows = [
        (
            row["name"],
            f"{row['numbers']:,}",
            f"{row['error']:.2%}",
            paper_error("hashed", row["name"]),
            f"{row['bytes']:,}",
            str(row["epochs"]),
        )
        for row in details["rows"]
    ]
    header = ["net", "values and biases", "error, packed", "paper's", "file", "epochs"]
    return [
        f"HashedNets of {details['what']} on MNIST, trained from the start, beside dense nets of as many numbers and",
        "as deep:",
        "",
        markdown_table(header, rows),
    ]


def _methods_table(details: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    rows = [
        (
            row["name"],
            row["paper"],
            f"{row['error']:.2%}",
            paper_error(row["dataset"], row["key"]),
            f"{row['bytes']:,}",
            f"{row['ms']:.3f}",
            str(row["epochs"]),
        )
        for row in details["rows"]
    ]
    header = ["net", "source", "error, packed", "paper's", "file", "ms", "epochs"]
    text = [
        f"{details['what']}, trained for {details['real_epochs']} epochs. The others are the real net retrained, by",
        "`leveret compare`'s catalogue.",
        "",
    ]
    text += [markdown_table(header, rows), ""]
    text += [
        "The papers' nets are far larger and learn for hundreds of epochs. Signs drawn at random learn slowest, so",
        "that few epochs cost BinaryConnect's stochastic kind most.",
    ]
    if any(row["key"] == "ebp" for row in details["rows"]):
        text += [
            "Expectation Backpropagation begins anew, without the real net: one hidden layer, and more samples at a",
            "time than the one that its paper takes.",
        ]
    return text


_TABLES: dict[str, Any] = {
    "deep": _deep_table,
    "obs": _obs_table,
    "hashed": _hashed_table,
    "mnist": _methods_table,
    "cifar": _methods_table,
    "ensemble": ensemble_table,
}
