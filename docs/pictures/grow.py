"""New classes for a trained net: what they are mistaken for, and the tree that follows."""

import torch

import leveret
from _style import COLORS, picture, plain
from leveret.data import of_classes
from leveret.grow import BranchRule, ClassTree, GrowRecipe, grow
from leveret.nets import ConvNet

digits = leveret.load("digits")
first, more = of_classes(digits, "01234"), of_classes(digits, "56789")

with picture("grow", 1, 2, 3.4, width_ratios=(1, 1.5)) as ((left, right),):
    torch.manual_seed(0)
    net = ConvNet(1, 5, depth=3, widths=(16, 32))
    leveret.fit(net, first, epochs=6, optimizer="sgd", lr=0.05, batch_size=32, schedule="one-cycle", progress=False)
    tree = ClassTree.of(net, first)
    recipe = GrowRecipe(branch_epochs=4, leaf_epochs=2, batch_size=32)
    growth = grow(tree, more, old=first, recipe=recipe, rule=BranchRule(max_classes=6))
    seen = growth.plan.preview
    values = seen.activations
    left.imshow(values, cmap="Oranges", vmin=0, vmax=1)
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            left.text(
                column,
                row,
                f"{100 * value:.0f}",
                ha="center",
                va="center",
                fontsize=9,
                color="white" if value > 0.6 else COLORS["ink"],
            )
    left.set_xticks(range(len(seen.known)), seen.known)
    left.set_yticks(range(len(seen.new)), seen.new)
    left.grid(visible=False)
    left.set_xlabel("looks like the known class …", fontsize=9.5)
    left.set_ylabel("new class", fontsize=9.5)
    left.set_title("preview: mean softmax, %", fontsize=10.5)

    plain(right)
    right.set_xlim(0, 1)
    right.set_ylim(0, 1)
    box = {"boxstyle": "round,pad=0.5", "facecolor": "#ffffff", "edgecolor": COLORS["a"]}
    groups = [child.classes for child in growth.tree.root.children_]
    right.text(0.5, 0.84, "branch: which group?", ha="center", va="center", fontsize=10.5, bbox=box, zorder=3)
    for number, group in enumerate(groups):
        at = (number + 0.5) / len(groups)
        right.plot([0.5, at], [0.78, 0.4], color=COLORS["grid"], linewidth=2)
        box = {**box, "edgecolor": COLORS["b"]}
        words = ", ".join(group)
        right.text(at, 0.34, f"leaf\n{words}", ha="center", va="center", fontsize=10.5, bbox=box, zorder=3)
    right.set_title(f"the tree: {growth.figures['accuracy']:.1%} on all ten digits", fontsize=10.5)
