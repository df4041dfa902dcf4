"""Which words speak for a class: how its probability falls where a word is left out of the text."""

import numpy as np
import torch

import leveret
from _style import COLORS, picture, plain
from leveret.data import from_arrays
from leveret.nets import TextConvNet
from leveret.text import TextEncoder

rng = np.random.default_rng(0)
GOOD, BAD = ["fine", "great", "moving", "warm"], ["dull", "long", "loud", "cold"]
THINGS = ["film", "story", "cast", "ending", "music", "plot"]


def review(liked: int) -> str:
    parts = []
    for thing in rng.choice(THINGS, 2, replace=False):
        words, others = (GOOD, BAD) if liked else (BAD, GOOD)
        said = f"not {rng.choice(others)}" if rng.random() < 0.5 else f"{rng.choice(words)}"
        parts.append(f"the {thing} was {said}")
    return " and ".join(parts)


labels = rng.integers(2, size=1_500)
data = from_arrays([review(label) for label in labels], np.where(labels, "liked", "disliked"), test_fraction=0.2)

with picture("text", 2, 1, 2.2) as ((above,), (below,)):
    encoder = TextEncoder.learn(data.train.fetch(range(len(data.train))))
    net = TextConvNet(2, encoder, dim=16, filters=16)
    leveret.fit(net, data, epochs=8, batch_size=20, lr=0.01, progress=False)
    net.eval()
    liked = data.classes.index("liked")
    for axes, text in (
        (above, "the story was not dull and the music was warm"),
        (below, "the story was dull and the music was not warm"),
    ):
        words = text.split()
        without = [" ".join(words[:i] + words[i + 1 :]) for i in range(len(words))]
        with torch.no_grad():
            p = net([text, *without]).softmax(1)[:, liked].numpy()
        plain(axes)
        change = p[0] - p[1:]
        for place, (word, speaks) in enumerate(zip(words, change, strict=True)):
            strength = min(abs(float(speaks)), 1)
            colour = COLORS["a"] if speaks > 0 else COLORS["b"]
            axes.axvspan(place - 0.46, place + 0.46, color=colour, alpha=0.75 * strength, linewidth=0)
            axes.text(place, 0.5, word, ha="center", va="center", fontsize=11)
            axes.text(place, 0.08, f"{100 * speaks:+.0f}", ha="center", va="bottom", fontsize=8, color=COLORS["faint"])
        axes.set_xlim(-0.5, len(words) - 0.5)
        axes.set_ylim(0, 1)
        axes.set_title(f"liked: {p[0]:.0%}", fontsize=10, loc="left")
