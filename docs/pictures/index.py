"""The start page's run: images of each class, what became of bytes, time and accuracy, and some predictions.

It reads what the page's commands leave in build/docs/start (photos/ and out/), and runs them if they aren't there.
"""

import json
import subprocess
import sys

import numpy as np

import leveret
from _style import COLORS, FOLDER, picture, plain
from leveret.data import write_folder
from leveret.runtime import load

START = FOLDER.parents[1] / "build" / "docs" / "start"

digits = leveret.load("digits")
if not (START / "out" / "metrics.json").exists():
    parts = (digits.train, digits.val, digits.test)
    pixels = np.concatenate([part.fetch(range(len(part))) for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    write_folder(pixels, labels, START / "photos", classes=digits.classes)
    command = [sys.executable, "-m", "leveret.cli", "shrink", str(START / "photos"), "-o", str(START / "out")]
    subprocess.run(command, check=True)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


data = leveret.load(START / "photos")
models = json.loads((START / "out" / "metrics.json").read_text(encoding="utf-8"))["models"]
packed = load(START / "out" / "model.lvr")

with picture("index", 1, 3, 3.0, width_ratios=(1.05, 1, 1)) as ((left, middle, right),):
    plain(left)
    labels = np.asarray(data.train.labels)
    for row in range(10):
        for column, image in enumerate(data.train.fetch(np.flatnonzero(labels == row)[:8])):
            at = (column, column + 0.9, 9 - row, 9 - row + 0.9)
            left.imshow(image[0], cmap="gray", extent=at, interpolation="nearest")
        left.text(-0.5, 9 - row + 0.45, data.classes[row], ha="center", va="center", fontsize=9)
    left.set_xlim(-1, 8)
    left.set_ylim(-0.2, 10)
    left.set_aspect("equal")
    left.set_title("a folder of images", fontsize=10.5)

    plain(middle)
    rows = (("bytes", "kB", 1e-3), ("ms_per_image", "ms an image", 1.0), ("accuracy", "% right", 100.0))
    for number, (key, unit, scale) in enumerate(rows):
        largest = max(models[who][key] for who in ("teacher", "packed"))
        for below, (who, colour) in enumerate((("teacher", "grid"), ("packed", "accent"))):
            value = models[who][key]
            place = 2.9 - number - 0.34 * below
            middle.barh(place, 0.62 * value / largest, 0.3, color=COLORS[colour])
            middle.text(
                0.62 * value / largest + 0.02, place, f"{_short(scale * value)} {unit}", va="center", fontsize=9
            )
    middle.set_xlim(0, 1.05)
    middle.set_ylim(0.1, 3.2)
    middle.set_title("the teacher, and what is packed", fontsize=10.5)

    plain(right)
    shown = range(0, 350, 24)
    pixels = data.test.fetch(shown)[:15]
    said = packed.predict(pixels)
    for place, (image, number) in enumerate(zip(pixels, said, strict=True)):
        x, y = place % 5, 2 - place // 5
        right.imshow(image[0], cmap="gray", extent=(x, x + 0.88, 1.35 * y, 1.35 * y + 0.88), interpolation="nearest")
        fine = number == data.test.labels[shown[place]]
        right.text(
            x + 0.44,
            1.35 * y - 0.2,
            data.classes[number],
            ha="center",
            va="center",
            fontsize=9.5,
            color=COLORS["accent" if fine else "b"],
        )
    right.set_xlim(-0.1, 5)
    right.set_ylim(-0.5, 3.9)
    right.set_aspect("equal")
    right.set_title("what it says", fontsize=10.5)
