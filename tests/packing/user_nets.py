"""Nets as users write them, in plain torch: nothing here knows of Leveret but for the binary layers of one ResNet."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.nets import ExactConv2d
from leveret.shrink.binary import XnorConv2d

__all__ = ["FCN", "VGG", "BinaryResNet", "BinaryVGG", "KimCNN", "MobileNet", "ResNet", "TextConvNet", "UNet"]


class VGG(nn.Module):
    """Configuration by a list, as torchvision's: max-pools between stages, dropout in a flattened classifier."""

    def __init__(self, stages=(8, "M", 12, 12, "M", 16, "M"), classes=5, norm=True, places=2):
        super().__init__()
        layers, channels = [], 3
        for stage in stages:
            if stage == "M":
                layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
                continue
            layers.append(nn.Conv2d(channels, stage, kernel_size=3, padding=1))
            layers += [nn.BatchNorm2d(stage)] if norm else []
            layers.append(nn.ReLU(inplace=True))
            channels = stage
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((places, places))
        self.classifier = nn.Sequential(
            nn.Linear(channels * places * places, 32),
            nn.ReLU(True),
            nn.Dropout(p=0.5),
            nn.Linear(32, 32),
            nn.ReLU(True),
            nn.Dropout(p=0.5),
            nn.Linear(32, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        x = torch.flatten(x, 1)
        return self.classifier(x)


class BinaryVGG(nn.Module):
    """Convolution, max-pool, norm, sign: the order of BinaryNet (Courbariaux et al., 2016), with an exact stem."""

    def __init__(self, classes=5, width=70):
        super().__init__()
        self.stem = nn.Sequential(ExactConv2d(3, width, 3, padding=1), nn.BatchNorm2d(width))
        self.body = nn.Sequential(
            XnorConv2d(width, width, 3, padding=1, weight_scale=False),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(width),
            XnorConv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.MaxPool2d(3, 2, 1),
            XnorConv2d(width, width, 3),
            nn.BatchNorm2d(width),
        )
        self.classifier = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(F.adaptive_avg_pool2d(self.body(self.stem(x)), 1).flatten(1))


class BasicBlock(nn.Module):
    def __init__(self, inplanes, planes, stride=1, option="B"):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample, self.more = None, 0
        if stride != 1 or inplanes != planes:
            if option == "B":
                self.downsample = nn.Sequential(
                    nn.Conv2d(inplanes, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes)
                )
            else:
                self.more = (planes - inplanes) // 2

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        elif self.more:  # option A of the paper
            identity = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more), "constant", 0)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    """As torchvision's: 7x7 stem, max-pool, stages of BasicBlock, average, classifier."""

    def __init__(self, classes=5, width=8, option="B"):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(BasicBlock(width, width), BasicBlock(width, width))
        self.layer2 = nn.Sequential(BasicBlock(width, 2 * width, 2, option), BasicBlock(2 * width, 2 * width))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer2(self.layer1(x))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class BinaryBlock(nn.Module):
    """Norm, sign, convolution, twice, round a shortcut that an average pool and a 1x1 convolution shorten."""

    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inplanes), XnorConv2d(inplanes, planes, 3, stride, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(planes), XnorConv2d(planes, planes, 3, 1, 1)
        self.short = None
        if inplanes != planes:
            self.short = nn.Sequential(nn.AvgPool2d(stride), ExactConv2d(inplanes, planes, 1), nn.BatchNorm2d(planes))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.bn2(self.conv1(self.bn1(x))))
        return y + (x if self.short is None else self.short(x))


class BinaryResNet(nn.Module):
    def __init__(self, classes=5, width=16):
        super().__init__()
        self.stem = nn.Sequential(ExactConv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.blocks = nn.Sequential(
            BinaryBlock(width, width), BinaryBlock(width, 2 * width, 2), BinaryBlock(2 * width, 2 * width)
        )
        self.fc = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.blocks(self.stem(x)).mean([2, 3]))


class SqueezeExcitation(nn.Module):
    """`style` "conv" as torchvision has it, "linear" as the many copies of the paper's code."""

    def __init__(self, channels, style="conv"):
        super().__init__()
        self.style = style
        layer = (lambda a, b: nn.Conv2d(a, b, 1)) if style == "conv" else nn.Linear
        self.fc1, self.fc2 = layer(channels, max(1, channels // 4)), layer(max(1, channels // 4), channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.adaptive_avg_pool2d(x, 1)
        if self.style == "conv":
            return x * F.hardsigmoid(self.fc2(F.relu(self.fc1(y))))
        b, c, _, _ = x.size()
        y = torch.sigmoid(self.fc2(F.relu(self.fc1(y.view(b, c))))).view(b, c, 1, 1)
        return x * y.expand_as(x)


class InvertedResidual(nn.Module):
    def __init__(self, inp, oup, stride, expand, activation, se):
        super().__init__()
        hidden = inp * expand
        self.use_res_connect = stride == 1 and inp == oup
        self.conv = nn.Sequential(
            nn.Conv2d(inp, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            activation(),
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            activation(),
            SqueezeExcitation(hidden, se) if se else nn.Identity(),
            nn.Conv2d(hidden, oup, 1, bias=False),
            nn.BatchNorm2d(oup),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNet(nn.Module):
    """Depthwise-separable convolutions, with what MobileNetV2 or V3 have between them."""

    def __init__(self, classes=5, activation=nn.ReLU6, se=""):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False),
            nn.BatchNorm2d(8),
            nn.Hardswish(),
            InvertedResidual(8, 8, 1, 3, activation, se),
            InvertedResidual(8, 12, 2, 4, activation, se),
            InvertedResidual(12, 12, 1, 4, activation, se),
        )
        self.classifier = nn.Sequential(nn.Linear(12, 24), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(24, classes))

    def forward(self, x: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(self.features(x), (1, 1)).reshape(x.shape[0], -1)
        return self.classifier(x)


class TextConvNet(nn.Module):
    """Convolutions of several widths over a text, the largest value over time of each (Kim, 2014)."""

    def __init__(self, vocabulary=50, dims=12, classes=3, widths=(3, 4, 5), filters=7):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dims, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv1d(dims, filters, width) for width in widths])
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(filters * len(widths), classes)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids).transpose(1, 2)
        pooled = [F.relu(conv(x)).max(dim=2).values for conv in self.convs]
        return self.fc(self.dropout(torch.cat(pooled, dim=1)))


class KimCNN(nn.Module):
    """The same as most tutorials write it: a text is an image of one channel, and two tables, one of them fixed."""

    def __init__(self, vocabulary=50, dims=12, classes=3, widths=(3, 4, 5), filters=7):
        super().__init__()
        self.static = nn.Embedding(vocabulary, dims)
        self.static.weight.requires_grad = False
        self.embed = nn.Embedding(vocabulary + 2, dims)
        self.convs = nn.ModuleList([nn.Conv2d(2, filters, (width, dims)) for width in widths])
        self.fc = nn.Linear(filters * len(widths), classes)

    def forward(self, ids: Tensor) -> Tensor:
        x = torch.stack([self.static(ids), self.embed(ids)], dim=1)
        x = [F.relu(conv(x)).squeeze(3) for conv in self.convs]
        x = [F.max_pool1d(i, i.size(2)).squeeze(2) for i in x]
        return F.log_softmax(self.fc(torch.cat(x, 1)), dim=1)


class FCN(nn.Module):
    """Long et al., CVPR 2015: score layers on three scales, added on the way up.

    `up`: "transposed", learned as in the paper, grouped per class; or "bilinear".
    """

    def __init__(self, classes=4, up="transposed", width=6):
        super().__init__()
        self.up = up

        def stage(a, b):
            return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2, ceil_mode=True))

        self.pool3 = nn.Sequential(stage(3, width), stage(width, width))
        self.pool4 = stage(width, 2 * width)
        self.pool5 = stage(2 * width, 2 * width)
        self.score3 = nn.Conv2d(width, classes, 1)
        self.score4 = nn.Conv2d(2 * width, classes, 1)
        self.score5 = nn.Sequential(nn.Dropout2d(), nn.Conv2d(2 * width, classes, 1))
        self.up2 = nn.ConvTranspose2d(classes, classes, 4, stride=2, padding=1, bias=False)
        self.up4 = nn.ConvTranspose2d(classes, classes, 4, stride=2, padding=1, groups=classes)
        self.up8 = nn.ConvTranspose2d(classes, classes, 8, stride=4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        third = self.pool3(x)
        fourth = self.pool4(third)
        fifth = self.score5(self.pool5(fourth))
        third, fourth = self.score3(third), self.score4(fourth)
        if self.up == "bilinear":
            y = F.interpolate(fifth, size=fourth.shape[2:], mode="bilinear", align_corners=False) + fourth
            y = F.interpolate(y, size=third.shape[-2:], mode="bilinear", align_corners=True) + third
            return F.interpolate(y, x.shape[2:], mode="bilinear", align_corners=False)
        y = self.up2(fifth)[:, :, : fourth.size(2), : fourth.size(3)].contiguous() + fourth
        y = self.up4(y)[:, :, : third.size(2), : third.size(3)] + third
        y = self.up8(y)
        return y[:, :, 2 : 2 + x.size(2), 2 : 2 + x.size(3)].contiguous()


class UNet(nn.Module):
    """One step down, one up: nearest upsampling, odd sizes padded, channels joined."""

    def __init__(self, classes=2, width=6):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.GroupNorm(2, width), nn.ELU())
        self.bottom = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(width, width, 3, padding=1), nn.SiLU())
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.head = nn.Conv2d(2 * width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        left = self.down(x)
        right = self.up(self.bottom(left))
        rows, columns = left.size(2) - right.size(2), left.size(3) - right.size(3)
        right = F.pad(right, [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2])
        return self.head(torch.cat([left, right], dim=1)).softmax(1)
