"""Scenes with a class for each pixel: what a net of a minute's training says, and where it is unsure."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from matplotlib.colors import ListedColormap
from PIL import Image

import leveret
from _style import picture, show_image
from leveret.context import ParseNet, street_backbone

SHADES = np.array([[158, 190, 214], [128, 128, 132], [192, 105, 43]], np.uint8)  # sky, road, car
rng = np.random.default_rng(0)


def scene() -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((48, 64), np.uint8)
    mask[int(rng.integers(18, 30)) :] = 1
    for _ in range(rng.integers(1, 4)):
        top, left, high, wide = rng.integers((20, 2, 6, 10), (34, 50, 12, 18))
        mask[top : top + high, left : left + wide] = 2
    image = SHADES[mask].astype(float) + rng.normal(0, 10, 3) + rng.normal(0, 38, (48, 64, 3))
    return image.clip(0, 255).astype(np.uint8), mask


with tempfile.TemporaryDirectory() as folder, picture("segment", 2, 4, 3.5) as axes:
    source = Path(folder) / "street"
    for kind in ("images", "masks"):
        (source / kind).mkdir(parents=True)
    for number in range(120):
        for kind, array in zip(("images", "masks"), scene(), strict=True):
            Image.fromarray(array).save(source / kind / f"{number:03}.png")
    (source / "classes.txt").write_text("sky 158 190 214\nroad 128 128 132\ncar 192 105 43\n", encoding="utf-8")
    data = leveret.load_segmentation(source)
    net = ParseNet(street_backbone(widths=(12, 16, 24), depths=(1, 1, 1)), data.num_classes, stride=2)
    leveret.fit(net, data, epochs=25, batch_size=8, lr=0.01, progress=False)
    found = leveret.evaluate(net, data)
    images, masks = data.test.fetch_pairs(list(range(12)))
    with torch.no_grad():
        p = net.eval()(torch.from_numpy(data.normalization.apply(images))).softmax(1)
    rows = list(axes)
    cars = [int(one) for one in np.argsort(-(masks == 2).mean((1, 2)))[:2]]
    named = {"cmap": ListedColormap(SHADES / 255), "vmin": 0, "vmax": 2}
    for row, one in zip(rows, cars, strict=True):
        above = row is rows[0]
        show_image(row[0], images[one], "image" if above else "")
        show_image(row[1], masks[one], "mask: sky, road, car" if above else "", **named)
        show_image(row[2], p[one].argmax(0), f"predicted, {found.miou:.0%} mean IoU" if above else "", **named)
        show_image(row[3], p[one].amax(0), "how sure it is" if above else "", cmap="Greys_r", vmin=1 / 3, vmax=1)
