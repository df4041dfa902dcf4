"""What a teacher says beside the label: one digit, its label, and the answers at two temperatures."""

import numpy as np
import torch

import leveret
from _style import COLORS, picture, show_image
from leveret.nets import ConvNet

data = leveret.load("digits")

with picture("distill", 1, 4, 2.4, width_ratios=(0.8, 1, 1, 1)) as ((image, *bars),):
    teacher = ConvNet(1, 10, depth=4, widths=(16, 32))
    leveret.fit(teacher, data, epochs=8, batch_size=64, lr=0.01, progress=False)
    found = leveret.evaluate(teacher, data)
    # right, and yet unsure: the second class has the most of such images
    second = np.sort(found.probabilities, 1)[:, -2] * (found.predictions == found.labels)
    one = int(second.argmax())
    logits = torch.from_numpy(found.logits[one])
    show_image(image, data.test.fetch([one])[0], f"an image of a {data.classes[found.labels[one]]}")
    said = [
        ("its label", np.eye(10)[found.labels[one]], "faint"),
        ("the teacher, T = 1", logits.softmax(0).numpy(), "a"),
        ("the teacher, T = 4", (logits / 4).softmax(0).numpy(), "b"),
    ]
    for axes, (title, values, colour) in zip(bars, said, strict=True):
        axes.bar(range(10), values, color=COLORS[colour])
        axes.set_ylim(0, 1)
        axes.set_xticks(range(10), data.classes, fontsize=8.5)
        axes.set_yticks([0, 0.5, 1], ["0", "½", "1"] if axes is bars[0] else ["", "", ""], fontsize=8.5)
        axes.set_title(title, fontsize=9.5)
