"""Six labels and two rules: a net of the labels alone, one that the rules taught, and that one with its rules."""

import tempfile
from pathlib import Path

import numpy as np
import torch

import leveret
from _style import COLORS, picture
from leveret.data import few_labels, from_arrays
from leveret.nets import MLP
from leveret.rules import RuleDistillation, posterior, read_rules
from leveret.runtime.rules import Facts

FEATURES = 12  # of which two count; the picture is where the others are 0
rng = np.random.default_rng(0)
x = rng.normal(size=(1_200, FEATURES)).astype("float32")
sick = x[:, 0] + 0.4 * x[:, 1] > 0  # mostly x0, as the rules have it
data = few_labels(from_arrays(x, np.where(sick, "sick", "well"), test_fraction=0.5), per_class=3)
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "fever.rules"
    file.write_text("rule hot: x0 > 1 => label is sick\nrule cold: x0 < -1 => label is well\n", encoding="utf-8")
    rules = read_rules(str(file), data)

grid = np.stack(np.meshgrid(np.linspace(-3, 3, 61), np.linspace(-3, 3, 61)), -1).astype("float32")
plane = np.zeros((len(grid) ** 2, FEATURES), np.float32)
plane[:, :2] = grid.reshape(-1, 2)
sick_class = data.classes.index("sick")
known = np.flatnonzero(np.asarray(data.train.labels) >= 0)
points = np.asarray(data.train.fetch(known))
colours = [COLORS["b"] if label == sick_class else COLORS["a"] for label in np.asarray(data.train.labels)[known]]

with picture("rules", 1, 3, 3.0, sharex=True, sharey=True) as (places,):
    panels = []
    for objective in (None, RuleDistillation(rules, data)):
        torch.manual_seed(0)
        net = MLP(FEATURES, 2, widths=(16,))
        part = (
            data
            if objective
            else from_arrays(points, np.asarray(data.train.labels)[known], classes=data.classes, val_fraction=0.0)
        )
        leveret.fit(net, part, objective=objective, epochs=30, batch_size=32, lr=0.01, progress=False)
        inputs = part.normalization.apply(plane)
        with torch.no_grad():
            p = net.eval()(torch.from_numpy(inputs)).softmax(1).numpy()
        asked = torch.from_numpy(part.normalization.apply(np.asarray(data.test.fetch(range(len(data.test))))))
        with torch.no_grad():
            right = np.mean(net(asked).argmax(1).numpy() == np.asarray(data.test.labels))
        panels.append((p, net, right))
    answers = posterior(panels[1][1], rules, data)
    facts = Facts(len(panels[1][0]), columns={"x0": grid[..., 0].ravel(), "x1": grid[..., 1].ravel()})
    q = np.asarray(rules.project(panels[1][0], facts))
    titles = (
        f"six labels alone: {panels[0][2]:.0%} right",
        f"p: taught by the rules, {answers.p.accuracy:.0%} right",
        f"q: the same with its rules, {answers.q.accuracy:.0%} right",
    )
    for axes, title, values in zip(places, titles, (panels[0][0], panels[1][0], q), strict=True):
        share = values[:, sick_class].reshape(61, 61)
        axes.imshow(share, cmap="RdBu_r", vmin=0, vmax=1, alpha=0.6, extent=(-3.05, 3.05, -3.05, 3.05), origin="lower")
        axes.contour(grid[..., 0], grid[..., 1], share, [0.5], colors=[COLORS["ink"]], linewidths=1.2)
        axes.plot([-1.2, 1.2], [3, -3], color=COLORS["faint"], linewidth=1, linestyle=":")
        axes.scatter(*points[:, :2].T, s=26, color=colours, edgecolors="white", linewidths=0.8, zorder=3)
        axes.set_title(title, fontsize=9.5)
        axes.set_aspect("equal")
        axes.set_xlim(-3, 3)
        axes.set_ylim(-3, 3)
        axes.tick_params(labelbottom=False, labelleft=False)
        axes.set_xlabel("x0", fontsize=9)
    places[0].set_ylabel("x1", fontsize=9)
