"""Small data sets that rules can speak of."""

import numpy as np

from leveret.data import from_arrays

REVIEWS = [
    ("a dull plot but great actors", "positive"),
    ("great music but a boring film", "negative"),
    ("simply great", "positive"),
    ("boring", "negative"),
    ("But good", "positive"),
    ("awful , really awful", "negative"),
    ("long but never boring", "positive"),
    ("good start but dull in the end", "negative"),
]


def reviews(**columns):
    """Eight reviews, half of them positive."""
    return from_arrays(*zip(*REVIEWS, strict=True), val_fraction=0, columns=columns or None, name="reviews")


def garments(n=60, seed=0):
    """Grey 6x6 images of four classes, of which a column says the kind: "top" of shirt and coat, "shoe" of the others.

    Classes of a kind differ much, in a corner; kinds differ little, in the whole image's brightness.
    """
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    images = generator.integers(0, 60, (n, 6, 6)).astype(np.uint8)
    images += np.where(labels < 2, 6, 0).astype(np.uint8)[:, None, None]
    images[labels % 2 == 0, :3, :3] += 70
    names = np.array(["shirt", "coat", "boot", "sandal"])[labels]
    kinds = [str(kind) for kind in np.where(labels < 2, "top", "shoe")]
    return from_arrays(
        images, names, classes=["shirt", "coat", "boot", "sandal"], val_fraction=0.2, test_fraction=0.2,
        columns={"kind": kinds}, name="garments", seed=seed,
    )  # fmt: skip
