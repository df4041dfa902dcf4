"""Binary convolutions and linear layers: Binary-Weight-Networks and XNOR-Net (Rastegari et al., ECCV 2016).

Each keeps its real weights `W` for the update and computes with `Ŵ = α sign(W)`:

- `BinaryWeightConv2d`, `BinaryWeightLinear`: real inputs, `I ⊛ Ŵ` (section 3.1);
- `XnorConv2d`, `XnorLinear`: binary inputs too, `(sign(I) ⊛ sign(W)) ⊙ K α` (section 3.2, eq. 11), where K is the
  box-filtered mean of |I| over channels. Later practice drops K (`input_scale=False`, the default here: it costs a
  real map and gains little once batch norm stands before the sign).

Which gradient passes a sign is an argument; `_gradients` lists them.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.shrink.binary._bitsums import BitKernels, conv_sums, linear_sums
from leveret.shrink.binary._gradients import approx_sign, clipped_sign, filter_scale, identity_sign, scaled_sign

__all__ = ["BinaryLayer", "BinaryWeightConv2d", "BinaryWeightLinear", "XnorConv2d", "XnorLinear"]

WeightGradient = Literal["paper", "clipped", "identity"]
InputGradient = Literal["clipped", "approx"]


class BinaryLayer:
    """What all binary layers share: the scale α, the weight's gradient, and the switch of two-stage training.

    Attributes:
        weight_scale: multiply by α (per output filter); without it, weights are plain ±1.
        weight_gradient: "paper" (XNOR-Net), "clipped" (Bi-Real Net and later: identity inside |W| < 1, α constant), or
            "identity" (BinaryConnect: in training the real weights are held within −1..1 instead).
        stochastic: draw each sign anew in training, +1 with the probability `(W + 1) / 2`; only with "identity". Off
            when made; `binarize` sets it.
        real_weights: compute with the real weights. On in the first stage of two-stage training
            (`set_binary_weights`), off otherwise.
    """

    weight: Tensor
    bias: Any
    weight_scale: bool
    weight_gradient: WeightGradient
    real_weights: bool
    stochastic: bool
    training: bool

    def _set_binary(self, weight_scale: bool, weight_gradient: WeightGradient) -> None:
        if weight_gradient not in ("paper", "clipped", "identity"):
            raise LeveretUsageError(
                f"weight_gradient must be 'paper', 'clipped' or 'identity', got {weight_gradient!r}"
            )
        self.weight_scale = weight_scale
        self.weight_gradient = weight_gradient
        self.real_weights = False
        self.stochastic = False

    def effective_weight(self) -> Tensor:
        """The weights that the layer computes with, `(out, …)`, differentiable with respect to `weight`."""
        if self.real_weights:
            return self.weight
        if self.weight_gradient == "paper" and self.weight_scale:
            return scaled_sign(self.weight)
        signs = self._identity_sign() if self.weight_gradient == "identity" else clipped_sign(self.weight)
        return signs * filter_scale(self.weight).detach() if self.weight_scale else signs

    def _identity_sign(self) -> Tensor:
        if self.training:
            # held here, before they are looked at, as the paper does behind each update (Algorithm 1)
            with torch.no_grad():
                self.weight.clamp_(-1, 1)
        return identity_sign(self.weight, self.stochastic and self.training)

    def _scaled(self, y: Tensor) -> Tensor:
        return y * _of_channels(filter_scale(self.weight).flatten(), self) if self.weight_scale else y

    def _biased(self, y: Tensor) -> Tensor:
        return y if self.bias is None else y + _of_channels(self.bias, self)

    def _binary_repr(self) -> str:
        return f", weight_scale={self.weight_scale}, weight_gradient={self.weight_gradient!r}"


class BinaryWeightConv2d(BinaryLayer, nn.Conv2d):
    """Convolution of real inputs with `α sign(W)`.

    Args: as `torch.nn.Conv2d` (zero padding given by numbers only), and
        weight_scale, weight_gradient: see `BinaryLayer`.

    Shapes: `(batch, in_channels, height, width)` float → `(batch, out_channels, out_height, out_width)`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = False,
        *,
        weight_scale: bool = True,
        weight_gradient: WeightGradient = "paper",
    ) -> None:
        if isinstance(padding, str):
            raise LeveretUsageError(f"padding must be a number or a pair of numbers, got {padding!r}")
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self._set_binary(weight_scale, weight_gradient)

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting() and not self.real_weights:
            y = torch.ops.leveret.binary_weight_conv2d(
                x, self.weight, self.stride, self.padding, self.dilation, self.groups
            )
            return self._biased(self._scaled(y))
        return F.conv2d(x, self.effective_weight(), self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        return super().extra_repr() + self._binary_repr()


class BinaryWeightLinear(BinaryLayer, nn.Linear):
    """`x @ (α sign(W)).T`: real inputs `(…, in_features)`, binary weights."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = False,
        *,
        weight_scale: bool = True,
        weight_gradient: WeightGradient = "paper",
    ) -> None:
        super().__init__(in_features, out_features, bias)
        self._set_binary(weight_scale, weight_gradient)

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting() and not self.real_weights:
            return self._biased(self._scaled(torch.ops.leveret.binary_weight_linear(x, self.weight)))
        return F.linear(x, self.effective_weight(), self.bias)

    def extra_repr(self) -> str:
        return super().extra_repr() + self._binary_repr()


class _BinaryInput:
    """The sign of the inputs and its scale, shared by the XNOR layers.

    Attributes:
        bit_kernels: when sums are computed by bits, see `use_bit_kernels`.
    """

    input_scale: bool
    input_gradient: InputGradient
    bit_kernels: BitKernels = "auto"

    def _set_input(self, input_scale: bool, input_gradient: InputGradient) -> None:
        if input_gradient not in ("clipped", "approx"):
            raise LeveretUsageError(f"input_gradient must be 'clipped' or 'approx', got {input_gradient!r}")
        self.input_scale = input_scale
        self.input_gradient = input_gradient

    def _sign(self, x: Tensor) -> Tensor:
        return clipped_sign(x) if self.input_gradient == "clipped" else approx_sign(x)

    def _input_repr(self) -> str:
        return f", input_scale={self.input_scale}, input_gradient={self.input_gradient!r}"


class XnorConv2d(_BinaryInput, BinaryWeightConv2d):
    """Convolution of binary inputs with binary weights: `(sign(I) ⊛ sign(W)) ⊙ K α` (XNOR-Net, eq. 11).

    Args: as `torch.nn.Conv2d` (zero padding given by numbers only), and
        weight_scale, weight_gradient: see `BinaryLayer`.
        input_scale: multiply by K, the mean of |I| over channels convolved with a box of the kernel's size. With
            `groups > 1` the mean runs over all channels, not a group's own (the paper has no groups).
        input_gradient: "clipped" (the paper's) or "approx" (Bi-Real Net's).

    Shapes: `(batch, in_channels, height, width)` float → `(batch, out_channels, out_height, out_width)`.
    Padded places are zero, neither +1 nor −1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = False,
        *,
        weight_scale: bool = True,
        weight_gradient: WeightGradient = "paper",
        input_scale: bool = False,
        input_gradient: InputGradient = "clipped",
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            weight_scale=weight_scale,
            weight_gradient=weight_gradient,
        )
        self._set_input(input_scale, input_gradient)

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting() and not self.real_weights:
            y = torch.ops.leveret.binary_conv2d(x, self.weight, self.stride, self.padding, self.dilation, self.groups)
            y = self._scaled(y)
        else:
            y = conv_sums(self, x)
        if self.input_scale:
            y = y * self.input_scales(x)
        return self._biased(y)

    def input_scales(self, x: Tensor) -> Tensor:
        """K of eq. 11, `(batch, 1, out_height, out_width)`."""
        means = x.abs().mean(dim=1, keepdim=True)
        size = self.kernel_size
        box = torch.full((1, 1, *size), 1.0 / (size[0] * size[1]), dtype=x.dtype, device=x.device)
        return F.conv2d(means, box, None, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        return super().extra_repr() + self._input_repr()


class XnorLinear(_BinaryInput, BinaryWeightLinear):
    """`(sign(x) @ sign(W).T) · K α`: binary inputs `(…, in_features)` and weights; K = mean |x| of a row."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = False,
        *,
        weight_scale: bool = True,
        weight_gradient: WeightGradient = "paper",
        input_scale: bool = False,
        input_gradient: InputGradient = "clipped",
    ) -> None:
        super().__init__(in_features, out_features, bias, weight_scale=weight_scale, weight_gradient=weight_gradient)
        self._set_input(input_scale, input_gradient)

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting() and not self.real_weights:
            y = self._scaled(torch.ops.leveret.binary_linear(x, self.weight))
        else:
            y = linear_sums(self, x)
        if self.input_scale:
            y = y * x.abs().mean(dim=-1, keepdim=True)
        return self._biased(y)

    def extra_repr(self) -> str:
        return super().extra_repr() + self._input_repr()


def _of_channels(values: Tensor, layer: BinaryLayer) -> Tensor:
    """A value of each channel, to stand beside a result: a linear layer has channels last, a convolution first."""
    return values if isinstance(layer, nn.Linear) else values[:, None, None]
