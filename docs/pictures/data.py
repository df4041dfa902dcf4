"""What sources look like: digits, the same among clutter, and a long tail made of them."""

import numpy as np

import leveret
from _style import COLORS, picture, show_image
from leveret.data import long_tailed

digits = leveret.load("digits")
cluttered = leveret.data.cluttered(digits, canvas=(48, 48), distractors=6, distractor_size=4, train=100)
labels = np.asarray(digits.train.labels)

with picture("data", 1, 3, 2.6, width_ratios=(1.2, 1, 1)) as ((left, middle, right),):
    sheet = [np.concatenate(digits.train.fetch(np.flatnonzero(labels == each)[:9])[:, 0], 1) for each in range(10)]
    show_image(left, np.concatenate(sheet), "digits, a row a class")
    four = cluttered.train.fetch(range(4))[:, 0]
    lines = [
        np.pad(np.concatenate([np.pad(each, 1, constant_values=90) for each in row], 1), 0)
        for row in (four[:2], four[2:])
    ]
    show_image(middle, np.concatenate(lines), "cluttered(digits)")
    counts = long_tailed(digits, 20).train.class_counts()
    right.bar(range(10), digits.train.class_counts(), color=COLORS["grid"], label="as they are")
    right.bar(range(10), counts, color=COLORS["a"], label="kept")
    right.set_xticks(range(10), digits.classes)
    right.set_title("long_tailed(digits, 20): 1 to 20", fontsize=9.5)
    right.legend(frameon=False, fontsize=8.5, loc="upper right")
    right.set_ylim(0, 190)
