"""A corner says which class all the rest has: what a net makes of it without global context, and with it."""

import torch
from matplotlib.colors import ListedColormap
from torch.nn import functional as F

from _style import picture, show_image
from leveret.context import FCN, ParseNet, street_backbone


def scenes(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    x, kinds = 0.1 * torch.randn(count, 1, 48, 48), torch.randint(0, 2, (count,))
    x[kinds == 1, :, :8, :8] += 2
    return x, kinds.view(-1, 1, 1).expand(-1, 48, 48)


two = {"cmap": ListedColormap(["#c9dae6", "#c0692b"]), "vmin": 0, "vmax": 1}
with picture("context", 2, 4, 3.9) as axes:
    rows = list(axes)
    x, labels = scenes(32)
    test, wanted = scenes(200)
    shown = [int((wanted[:, 0, 0] == kind).nonzero()[0]) for kind in (0, 1)]
    for row, one in zip(rows, shown, strict=True):
        show_image(row[0], test[one], "image" if row is rows[0] else "", vmin=-0.4, vmax=2)
        show_image(row[1], wanted[one], "labels" if row is rows[0] else "", **two)
    for column, make in ((2, FCN), (3, ParseNet)):
        net = make(street_backbone(1, widths=(6, 8), depths=(1, 1)), 2, in_channels=1)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
        for _ in range(30):
            optimizer.zero_grad()
            F.cross_entropy(net(x), labels).backward()
            optimizer.step()
        with torch.no_grad():
            found = net.eval()(test).argmax(1)
        share = (found == wanted)[:, 24:, 24:].float().mean()
        for row, one in zip(rows, shown, strict=True):
            title = f"{make.__name__}: {share:.0%} right" if row is rows[0] else ""
            show_image(row[column], found[one], title, **two)
