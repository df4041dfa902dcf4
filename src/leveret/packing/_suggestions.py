"""What would work instead of an operator that the runtime lacks."""

from __future__ import annotations

__all__ = ["MODULES", "SUGGESTIONS", "suggestion"]

_BATCH_NORM = "use BatchNorm2d, which folds away"
_OWN_NORM = "use GroupNorm or LayerNorm, which compute it inside"
_CONSTANT_WEIGHTS = "attention and products of two values are not supported; use Linear or Conv layers"
_OVER_TIME = "use Conv1d layers over the length, and a pool over it"
_TWO_DIMENSIONS = "images have two dimensions here; use the 2d layer"
_SMOOTH = "use ReLU, clamp, or a product with a sigmoid"
_SHUFFLE = "use Conv2d with a kernel of 1 and weights of 0 and 1, which moves channels, or chunk and cat"
_BEHIND = "leave it out: it belongs behind the packed net"

SUGGESTIONS: dict[str, str] = {
    "_upsample_bilinear2d_aa": "leave antialias out",
    "argmax": "leave it out: Packed.predict gives the likeliest class",
    "avg_pool3d": "use the 2d layer, or BatchNorm2d in place of LocalResponseNorm",
    "bitwise_and": _SMOOTH,
    "bmm": _CONSTANT_WEIGHTS,
    "conv3d": _TWO_DIMENSIONS,
    "conv_transpose3d": _TWO_DIMENSIONS,
    "copy": "assign to a part by joining parts with cat",
    "channel_shuffle": _SHUFFLE,
    "cross_entropy_loss": _BEHIND,
    "cumsum": "use a convolution",
    "einsum": _CONSTANT_WEIGHTS,
    "embedding_bag": "use Embedding, then mean(1)",
    "embedding_renorm": "leave max_norm out, and cut the table's rows once before packing",
    "eq": _SMOOTH,
    "exp": "use Softplus, Sigmoid or Softmax",
    "fill": "assign to a part by joining parts with cat",
    "flip": "turn the images before the net",
    "ge": _SMOOTH,
    "grid_sampler": "use interpolate to a fixed size",
    "gru": _OVER_TIME,
    "gt": _SMOOTH,
    "hardshrink": "use ReLU, or x - clamp(x, -l, l), which is Softshrink",
    "im2col": "use Conv2d, or PixelUnshuffle",
    "instance_norm": f"{_BATCH_NORM}, or GroupNorm with as many groups as channels, which is the same",
    "le": _SMOOTH,
    "log": "use LogSoftmax or Softplus",
    "log_sigmoid": "use -softplus(-x), which is the same",
    "lstm": _OVER_TIME,
    "lt": _SMOOTH,
    "matmul": _CONSTANT_WEIGHTS,
    "max_pool3d": _TWO_DIMENSIONS,
    "max_unpool2d": "use interpolate or ConvTranspose2d",
    "maximum": "use relu(a - b) + b, which is the same",
    "minimum": "use a - relu(a - b), which is the same",
    "ne": _SMOOTH,
    "nll_loss_nd": _BEHIND,
    "reciprocal": "a quotient of two values, a / b, packs; or use a sigmoid",
    "repeat": "use cat of the same value several times",
    "rnn_relu": _OVER_TIME,
    "rnn_tanh": _OVER_TIME,
    "roll": "use slices and cat",
    "rrelu": "use LeakyReLU, which it is in eval mode",
    "rsqrt": _OWN_NORM,
    "scaled_dot_product_attention": _CONSTANT_WEIGHTS,
    "sign": "use tanh or hardtanh; signs are what XnorConv2d and XnorLinear take",
    "softshrink": "use x - clamp(x, -l, l), which is the same",
    "sqrt": _OWN_NORM,
    "std": _OWN_NORM,
    "threshold": _SMOOTH,
    "topk": "use max over places, or AdaptiveMaxPool2d",
    "upsample_bicubic2d": "use mode='bilinear'",
    "var": _OWN_NORM,
    "where": _SMOOTH,
}


# torch's modules of which what stops is but a small step inside
_ATTENTION = "attention is not supported; use Linear or Conv layers, or a pool over the places"
MODULES: dict[str, str] = {
    "ChannelShuffle": _SHUFFLE,
    "LocalResponseNorm": "use BatchNorm2d or GroupNorm",
    "MultiheadAttention": _ATTENTION,
    "Transformer": _ATTENTION,
    "TransformerDecoderLayer": _ATTENTION,
    "TransformerEncoderLayer": _ATTENTION,
}


def suggestion(operator: str, module: str = "") -> str:
    """What would work instead, as the end of a sentence; empty where nothing comes to mind.

    Args:
        operator: that the runtime lacks.
        module: one of `MODULES` that it is a step of.
    """
    found = MODULES.get(module) or SUGGESTIONS.get(operator, "")
    return f": {found}" if found else ""
