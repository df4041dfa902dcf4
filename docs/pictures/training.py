"""Three schedules: what they make of the learning rate, and what the net makes of that."""

import torch

import leveret
from _style import COLORS, picture
from leveret.nets import ConvNet

data = leveret.load("digits")
EPOCHS = 12

with picture("training", 1, 2, 2.9) as ((left, right),):
    for name, colour in (("constant", "c"), ("cosine", "a"), ("one-cycle", "b")):
        torch.manual_seed(0)
        net = ConvNet(1, 10, depth=3, widths=(8, 16))
        warmup = 0.3 if name == "one-cycle" else 0.05
        result = leveret.fit(
            net, data, epochs=EPOCHS, batch_size=64, lr=0.01, schedule=name, warmup=warmup, progress=False
        )
        epochs = range(1, EPOCHS + 1)
        left.plot(epochs, [each["lr"] for each in result.history], color=COLORS[colour], label=name)
        right.plot(epochs, [100 * each["val_accuracy"] for each in result.history], color=COLORS[colour], label=name)
    left.set_title("learning rate at each epoch's end", fontsize=10)
    right.set_title("accuracy on the validation part, %", fontsize=10)
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.legend(frameon=False, fontsize=9)
