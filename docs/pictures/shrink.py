"""The same weights made small in eight ways: a corner of one layer's weights, and how often each value occurs."""

import numpy as np
import torch

import leveret
from _style import COLORS, picture, show_image
from leveret.nets import ConvNet

data = leveret.load("digits")
LAYER = "blocks.1.conv"

with picture("shrink", 4, 4, 6.4, height_ratios=(1.5, 1, 1.5, 1)) as axes:
    net = ConvNet(1, 10, depth=4, widths=(16, 32))
    leveret.fit(net, data, epochs=6, batch_size=64, lr=0.01, progress=False)
    images = torch.from_numpy(data.normalization.apply(data.train.fetch(range(128))))
    layer = next(name for name, module in net.named_modules() if getattr(module, "in_channels", 0) == 16)
    made = {
        "real, 32 bits": net,
        "binarize: a bit": leveret.binarize(net, "weights"),
        "ternarize: −Δ, 0, Δ": leveret.ternarize(net, [images]),
        "quantize_training: 3 bits": leveret.quantize_training(net, [images], 3, 8),
        "prune: one in ten left": leveret.prune(net, 0.9),
        "share: 8 values": leveret.share(net, 3),
        "hash_weights: 1 value for 8": leveret.hash_weights(net, 8),
        "factorize: rank 3": leveret.factorize(net, rank=3, layers=[layer]),
    }
    bins = np.linspace(-0.42, 0.42, 61)
    for number, (title, small) in enumerate(made.items()):
        found = small.get_submodule(layer)
        with torch.no_grad():
            if isinstance(found, torch.nn.Sequential):  # two smaller layers: what they are as one
                first, second = found[0].weight, found[1].weight
                weights = torch.einsum("or,rikl->oikl", second[:, :, 0, 0], first)
            else:
                weights = found.effective_weight() if hasattr(found, "effective_weight") else found.weight
        weights = weights.detach().numpy()
        row, column = 2 * (number // 4), number % 4
        show_image(axes[row][column], weights[:16, :3].reshape(16, -1), title, cmap="RdBu_r", vmin=-0.35, vmax=0.35)
        axes[row + 1][column].hist(weights.ravel().clip(-0.41, 0.41), bins, color=COLORS["a"])
        axes[row + 1][column].set_yscale("log")
        axes[row + 1][column].tick_params(labelleft=False, labelsize=8)
        axes[row + 1][column].minorticks_off()
        axes[row + 1][column].set_xticks([-0.3, 0, 0.3])
