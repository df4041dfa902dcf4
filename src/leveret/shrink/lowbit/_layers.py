"""Layers whose weights and inputs are whole numbers of few bits, in training and after.

`y = w ⊛ x̂ + bias` with `ŵ = Δ_f · q_w`, a step for each filter, and `x̂ = s · q_x`, one for all. In training the whole
numbers follow from real weights that learn behind them, by gradients that pass the rounding; in evaluation without
gradients the layer computes as the kernels do, on whole numbers, to the last bit.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.shrink._classes import as_class
from leveret.shrink._windows import padding_of
from leveret.shrink.lowbit._gradients import in_steps, odd_from_tanh, signs_in_steps
from leveret.shrink.lowbit._steps import best_steps, highest_weight

__all__ = ["LowBitConv2d", "LowBitLayer", "LowBitLinear", "low_bit"]

# what a file's `quantize` step allows, with room
_LEAST = 1e-20


class LowBitLayer:
    """What layers of few bits share.

    Attributes:
        weight: the real weights that learn; what is computed with is `effective_weight`.
        weight_bits: 1: ±1; 2: −1, 0 and 1; b: ±(2^(b−1) − 1) and what lies between.
        weight_form: "steps", or "tanh" for 2 to 7 bits, DoReFa-Net's: ±1, ±3, … ±(2^b − 1), no 0.
        levels: lowest and highest whole value of the input.
        weight_step: parameter `(out,)`, Δ: what 1 stands for in each filter.
        input_step: parameter of no dimension, s: what 1 stands for in the input.
    """

    weight: Tensor
    weight_step: Tensor
    input_step: Tensor
    training: bool
    weight_bits: int
    weight_form: str
    levels: tuple[int, int]

    def whole_weight(self) -> Tensor:
        """The weights' whole numbers, int8 of `weight`'s shape."""
        weight = self.weight.detach()
        if self.weight_bits == 1:
            return torch.where(weight >= 0, 1, -1).to(torch.int8)
        if self.weight_form == "tanh":
            return odd_from_tanh(weight, self.weight_bits).to(torch.int8)
        highest = highest_weight(self.weight_bits)
        scaled = weight / self._per_filter(self._steps().detach())
        return scaled.clamp(-highest, highest).round().to(torch.int8)

    def effective_weight(self) -> Tensor:
        """The weights that the layer computes with, differentiable with respect to `weight` and its steps."""
        highest = highest_weight(self.weight_bits)
        steps = self._per_filter(self._slower(self._steps(), self.weight[0].numel() * highest))
        if self.weight_bits == 1:
            return signs_in_steps(self.weight, steps)
        if self.weight_form == "tanh":
            return odd_from_tanh(self.weight, self.weight_bits) * steps
        return in_steps(self.weight, steps, -highest, highest)

    def _learns(self, x: Tensor) -> bool:
        """Whether gradients are asked for, which pass through real numbers alone."""
        asked = x.requires_grad or self.weight.requires_grad or self.weight_step.requires_grad
        return self.training or (torch.is_grad_enabled() and asked)

    def _input(self, x: Tensor) -> Tensor:
        # steps learn slowly where many values speak for them (Esser et al., section 2.2)
        step = self._slower(self.input_step.clamp(min=_LEAST), x[0].numel() * self.levels[1])
        return in_steps(x, step, *self.levels)

    def _steps(self) -> Tensor:
        return self.weight_step.clamp(min=_LEAST)

    def _per_filter(self, values: Tensor) -> Tensor:
        return values.view(-1, *[1] * (self.weight.dim() - 1))

    @staticmethod
    def _slower(step: Tensor, by: int) -> Tensor:
        """The same step, whose gradient is divided by the root of `by`: values times the highest whole number."""
        factor = 1 / math.sqrt(by)
        return step.detach() * (1 - factor) + step * factor

    def _whole_arguments(self) -> tuple[Tensor, ...]:
        """Weights, scale, shift, step and levels as the operators of bytes take them."""
        step = self.input_step.detach().clamp(min=_LEAST)
        bias: Tensor | None = getattr(self, "bias", None)
        shift = torch.zeros_like(self.weight_step) if bias is None else bias
        levels = torch.tensor(self.levels, dtype=torch.int16, device=self.weight.device)
        return self.whole_weight(), self._steps().detach() * step, shift.detach(), step, levels

    def _bits_repr(self) -> str:
        form = ", tanh" if self.weight_form == "tanh" else ""
        return f", weight_bits={self.weight_bits}{form}, levels={self.levels[0]}..{self.levels[1]}"


class LowBitConv2d(LowBitLayer, nn.Conv2d):
    """A convolution of few bits; else as `torch.nn.Conv2d`. Made by `ternarize` and `quantize_training`."""

    def forward(self, x: Tensor) -> Tensor:
        if self._learns(x):
            return self._conv_forward(self._input(x), self.effective_weight(), self.bias)
        padding = padding_of(self)
        if self.padding_mode != "zeros":
            x, padding = F.pad(x, self._reversed_padding_repeated_twice, mode=self.padding_mode), (0, 0)
        return torch.ops.leveret.int8_conv(
            x, *self._whole_arguments(), self.stride, padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        return super().extra_repr() + self._bits_repr()


class LowBitLinear(LowBitLayer, nn.Linear):
    """A linear layer of few bits; else as `torch.nn.Linear`. Made by `ternarize` and `quantize_training`."""

    def forward(self, x: Tensor) -> Tensor:
        if self._learns(x):
            return F.linear(self._input(x), self.effective_weight(), self.bias)
        return torch.ops.leveret.int8_linear(x, *self._whole_arguments())

    def extra_repr(self) -> str:
        return super().extra_repr() + self._bits_repr()


def low_bit(
    layer: Any,
    weight_bits: int,
    input_step: float,
    levels: tuple[int, int],
    learn_steps: bool,
    weight_form: str = "steps",
) -> LowBitConv2d | LowBitLinear:
    """The layer with few bits, and with its own parameters."""
    made = as_class(layer, LowBitConv2d if isinstance(layer, nn.Conv2d) else LowBitLinear)
    weight = layer.weight.detach()
    if weight_bits == 1:
        steps = weight.double().abs().flatten(1).mean(1)  # XNOR-Net's α, the best step for signs
        steps = torch.where(steps > 0, steps, 1.0)
    elif weight_form == "tanh":
        # one for all filters: as large as the weights were, where the paper's fill −1..1 and leave their size to norms
        steps = weight.double().tanh().abs().max().clamp(min=_LEAST) / (2**weight_bits - 1)
        steps = steps.expand(len(weight)).clone()
    else:
        steps = best_steps(weight, highest_weight(weight_bits))
    made.weight_bits = weight_bits
    made.weight_form = "steps" if weight_bits == 1 else weight_form
    made.levels = levels
    made.weight_step = nn.Parameter(steps.to(weight), requires_grad=learn_steps)
    made.input_step = nn.Parameter(torch.tensor(input_step).to(weight), requires_grad=learn_steps)
    return made
