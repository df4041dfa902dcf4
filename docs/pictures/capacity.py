"""A dynamic capacity net at work: where the coarse prediction hangs on the image, and what the closer look changed."""

import numpy as np
import torch
from matplotlib.patches import Rectangle
from torch import nn

import leveret
from _style import COLORS, picture, plain, show_image
from leveret.capacity import DynamicCapacityNet, Hinted
from leveret.report.draw_explanation import heat_colors

data = leveret.data.cluttered(leveret.load("digits"), canvas=(96, 96), distractors=8, distractor_size=4, train=6_000)


def conv(before: int, after: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())


with picture("capacity", 1, 4, 2.5) as ((first, second, third, last),):
    coarse = nn.Sequential(conv(1, 8, 2), conv(8, 24, 2))
    fine = nn.Sequential(conv(1, 32), conv(32, 32, 2), conv(32, 32), conv(32, 24, 2))
    top = nn.Sequential(
        nn.Conv2d(24, 64, 3, 2), nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(64, 10)
    )
    net = DynamicCapacityNet(coarse, fine, top, k=8, borders="crop", patch_size=14)
    leveret.fit(net, data, objective=Hinted(0.01), epochs=8, batch_size=64, lr=0.01, progress=False)
    net.eval()
    pixels = data.test.fetch(range(100))
    with torch.no_grad():
        look = net.look(torch.from_numpy(data.normalization.apply(pixels)))
    before, after = look.coarse_logits.softmax(1).numpy(), look.logits.softmax(1).numpy()
    labels = np.asarray(data.test.labels[:100])
    right = after.argmax(1) == labels
    changed = right & (before.argmax(1) != labels)
    one = int(np.flatnonzero(changed)[after[changed].max(1).argmax()])

    show_image(first, pixels[one], "the image")
    show_image(second, (0.7 * pixels[one]).astype("uint8"), "saliency ‖∂H/∂c‖", vmin=0, vmax=255)
    heat = look.saliency[one].numpy().astype(float)
    second.imshow(heat_colors(heat), extent=(-0.5, 95.5, 95.5, -0.5), interpolation="nearest")
    show_image(third, pixels[one], f"the {len(look.boxes[one])} patches seen closely")
    for up, left, down, end in look.boxes[one].tolist():
        third.add_patch(Rectangle((left, up), end - left, down - up, fill=False, edgecolor=COLORS["b"], linewidth=1.4))
    places = np.arange(10)
    last.barh(places - 0.2, before[one], 0.4, color=COLORS["grid"], label="coarse")
    last.barh(places + 0.2, after[one], 0.4, color=COLORS["a"], label="refined")
    last.set_yticks(places, data.classes, fontsize=9)
    last.invert_yaxis()
    last.set_title(f"probabilities; it is a {data.classes[labels[one]]}", fontsize=9.5)
    last.set_xticks([])
    last.grid(visible=False)
    last.legend(frameon=False, fontsize=8.5, loc="best")
    plain(first)
