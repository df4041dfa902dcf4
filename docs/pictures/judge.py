"""Digits against digits moved by a pixel: what gave it away; and how many samples a judge needs."""

import numpy as np

import leveret
from _style import COLORS, picture, plain
from leveret.judge import judge, power

data = leveret.load("digits")
images = data.train.fetch(range(1_200))
a, b = images[:600], np.roll(images[600:1_200], 1, 3)

with picture("judge", 1, 2, 3.0, width_ratios=(1.25, 1)) as ((left, right),):
    verdict = judge(a, b, observer="logistic")
    plain(left)
    for row, (side, samples) in enumerate((("A", a), ("B", b))):
        surest = [each.place for each in verdict.giveaways if each.side == side and each.right][:6]
        for column, place in enumerate(surest):
            at = (column, column + 0.9, 1 - row + 0.02, 1 - row + 0.92)
            left.imshow(samples[place][0], cmap="gray", extent=at, interpolation="nearest")
        left.text(-0.25, 1 - row + 0.47, side, fontsize=12, ha="center", va="center")
    left.set_xlim(-0.5, 6)
    left.set_ylim(0, 2)
    left.set_aspect("equal")
    left.set_title(
        "what gave it away: B is moved by a pixel\n"
        f"right about {verdict.correct} of {verdict.asked}, p = {verdict.p:.3f}",
        fontsize=10,
    )
    asked = np.unique(np.logspace(1, 3.3, 60).astype(int))
    for accuracy, colour in ((0.55, "c"), (0.6, "b"), (0.7, "a")):
        right.plot(asked, [power(accuracy, int(n)) for n in asked], color=COLORS[colour], label=f"{accuracy:.0%} right")
    right.axhline(0.8, color=COLORS["faint"], linewidth=1, linestyle=":")
    right.set_xscale("log")
    right.set_xticks([10, 100, 1000], ["10", "100", "1000"])
    right.minorticks_off()
    right.set_xlabel("held-out samples")
    right.set_ylabel("chance of noticing")
    right.legend(frameon=False, fontsize=9, loc="lower right")
    right.set_title("power of the exact test at 5 %", fontsize=10)
