"""Samples seen by people and by trainings, on one scale."""

from _style import COLORS, picture
from leveret.budget import ASSUMPTIONS, lifetime

life = lifetime()
hour = int(ASSUMPTIONS["fps"].value) * 3_600
ROWS = (
    ("a human life, 71 years", life.images, "a"),
    ("a year of it", life.images // 71, "a"),
    ("a waking day", hour * 16, "a"),
    ("an hour", hour, "a"),
    ("ImageNet, 90 epochs", 1_281_167 * 90, "b"),
    ("CIFAR-10, 60 epochs", 45_000 * 60, "b"),
    ("digits, 80 epochs", 1_259 * 80, "b"),
)

with picture("budget", 1, 1, 2.9) as ((axes,),):
    for place, (_, count, colour) in enumerate(ROWS):
        axes.barh(place, count, color=COLORS[colour], height=0.68)
        axes.text(count * 1.25, place, f"{count:,}", va="center", fontsize=9, color=COLORS["faint"])
    axes.set_yticks(range(len(ROWS)), [name for name, *_ in ROWS])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(2e4, 3e12)
    axes.set_xticks([1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11], [f"10{c}" for c in "⁵⁶⁷⁸⁹"] + ["10¹⁰", "10¹¹"])
    axes.minorticks_off()
    axes.set_xlabel(f"images; people at {ASSUMPTIONS['fps'].value} a second, awake two thirds of the time")
