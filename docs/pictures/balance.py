"""One rare class among fifty: what a net learns from the samples as they come, and from classes drawn alike often."""

import numpy as np
import torch

import leveret
from _style import COLORS, picture
from leveret.balance import FrequencySampler
from leveret.data import from_arrays
from leveret.nets import MLP

rng = np.random.default_rng(3)


def samples(frequent: int, rare: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.concatenate([rng.normal(0, 1, (frequent, 2)), rng.normal((1.7, 1.5), 0.55, (rare, 2))])
    return x.astype("float32"), np.repeat(["frequent", "rare"], [frequent, rare])


x, y = samples(1_500, 30)
x_test, y_test = samples(1_500, 1_500)
data = from_arrays(x, y, x_test=x_test, y_test=y_test, val_fraction=0.0, name="one in fifty")
grid = np.stack(np.meshgrid(np.linspace(-3.3, 3.6, 80), np.linspace(-3.2, 3.4, 80)), -1)
inputs = torch.from_numpy(data.normalization.apply(grid.reshape(-1, 2).astype("float32")))

with picture("balance", 1, 2, 3.6, sharex=True, sharey=True) as axes:
    for place, (title, power) in zip(
        axes[0], (("samples as they come", None), ("classes alike often", 1.0)), strict=True
    ):
        torch.manual_seed(0)
        net = MLP(2, 2, widths=(32,))
        sampler = None if power is None else FrequencySampler(data.train.labels, power=power)
        leveret.fit(net, data, sampler=sampler, epochs=30, batch_size=64, lr=0.01, progress=False)
        found = leveret.evaluate(net, data)
        recalls = [np.mean(found.predictions[found.labels == each] == each) for each in (0, 1)]
        with torch.no_grad():
            rare = net.eval()(inputs).softmax(1)[:, 1].reshape(80, 80).numpy()
        place.contourf(grid[..., 0], grid[..., 1], rare, [0.5, 1.1], colors=[COLORS["b"]], alpha=0.16)
        place.contour(grid[..., 0], grid[..., 1], rare, [0.5], colors=[COLORS["b"]], linewidths=1.6)
        few = rng.choice(1_500, 220, replace=False)
        place.scatter(*x[few].T, s=5, color=COLORS["a"], alpha=0.45, linewidths=0)
        place.scatter(*x[1_500:].T, s=16, color=COLORS["b"], linewidths=0)
        place.set_title(f"{title}\nrecall: frequent {recalls[0]:.0%}, rare {recalls[1]:.0%}", fontsize=10.5)
        place.set_aspect("equal")
        place.set_xlim(-3.3, 3.6)
        place.set_ylim(-3.2, 3.4)
        place.tick_params(labelbottom=False, labelleft=False)
