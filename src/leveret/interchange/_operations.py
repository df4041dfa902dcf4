"""Which function writes which operation of a packed net."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leveret.interchange import _layers as layers
from leveret.interchange import _places as places
from leveret.interchange import _values as values
from leveret.interchange import _whole as whole
from leveret.interchange._graph import OnnxGraph

__all__ = ["OPERATIONS"]

OPERATIONS: dict[str, Callable[[OnnxGraph, Any, list[str]], str]] = {
    "adaptive_pool2d": places.adaptive_pool,
    "affine": layers.affine,
    "avg_pool2d": places.avg_pool,
    "binary_weight_conv2d": layers.conv,
    "binary_weight_linear": layers.product,
    "bit_conv2d": layers.conv,
    "bit_conv2d_to_bits": layers.bit_conv_to_bits,
    "bit_flatten": places.flatten,
    "bit_linear": layers.product,
    "bit_linear_to_bits": layers.bit_product_to_bits,
    "bit_max_pool2d": places.bit_max_pool,
    "bits": layers.bits,
    "byte_conv2d": whole.whole_conv,
    "byte_linear": whole.whole_product,
    "channel_max": values.channel_max,
    "channel_mean": values.channel_mean,
    "channel_norm": values.channel_norm,
    "clip": values.clip,
    "concat": values.concat,
    "conv2d": layers.conv,
    "conv_transpose2d": layers.conv_transpose,
    "divide": values.divide,
    "embedding": values.embedding,
    "flatten": places.flatten,
    "function": values.function,
    "global_avg_pool": places.global_avg_pool,
    "global_max_pool": places.global_max_pool,
    "group_norm": values.group_norm,
    "int8_conv2d": whole.whole_conv,
    "int8_linear": whole.whole_product,
    "layer_norm": values.layer_norm,
    "linear": layers.product,
    "log_softmax": values.log_softmax,
    "max_pool2d": places.max_pool,
    "multiply": values.multiply,
    "pad": places.pad,
    "pixel_shuffle": places.pixel_shuffle,
    "plane_conv2d": whole.whole_conv,
    "plane_linear": whole.whole_product,
    "quantize": whole.quantize,
    "reshape": places.reshape,
    "resize": places.resize,
    "slice": places.slice_,
    "softmax": values.softmax,
    "sparse_linear": layers.sparse,
    "transpose": places.transpose,
}
