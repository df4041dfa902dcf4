"""What nets cost for an image of 32x32 in colour: weights, and multiply-accumulates."""

import torch

from _style import COLORS, picture
from leveret.nets import ConvNet, ResNet, ShallowNet, layer_operations, parameter_count

NETS = {
    "ShallowNet, no convolution": lambda: ShallowNet(3, 32, 10, conv_layers=0, params=300_000),
    "ShallowNet, two": lambda: ShallowNet(3, 32, 10, conv_layers=2, params=300_000),
    "ConvNet, depth 4": lambda: ConvNet(3, 10, depth=4),
    "ConvNet": lambda: ConvNet(3, 10),
    "ConvNet, stem_pool": lambda: ConvNet(3, 10, stem_pool=True),
    "ResNet.cifar(20)": lambda: ResNet.cifar(20, 3, 10),
    "ResNet.imagenet18": lambda: ResNet.imagenet18(3, 10),
}

with picture("nets", 1, 2, 2.9, sharey=True) as ((left, right),):
    image = torch.zeros(1, 3, 32, 32)
    for place, make in enumerate(NETS.values()):
        net = make()
        weights, work = parameter_count(net), sum(each for _, each in layer_operations(net, image))
        for axes, value, colour in ((left, weights, "a"), (right, work, "b")):
            axes.barh(place, value, color=COLORS[colour], height=0.66)
            words = f"{value / 1e6:.3g} M" if value >= 1e6 else f"{value / 1e3:.0f} k"
            axes.text(value * 1.15, place, words, va="center", fontsize=9, color=COLORS["faint"])
    left.set_yticks(range(len(NETS)), NETS)
    left.invert_yaxis()
    for axes, title, limits in ((left, "weights", (2e4, 9e7)), (right, "multiply-accumulates", (5e4, 6e8))):
        axes.set_xscale("log")
        axes.set_xlim(*limits)
        axes.minorticks_off()
        axes.tick_params(labelbottom=False)
        axes.grid(visible=False)
        axes.set_title(title, fontsize=10)
