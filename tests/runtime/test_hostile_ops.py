"""Attributes, shapes and tensors of the operations that came with format 1.1, when they make no sense."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.errors import LeveretFormatError
from leveret.runtime import InputContract, Packed
from leveret.runtime._graph import Graph, Step
from leveret.runtime._values import Value
from leveret.runtime.ops import OPS

IMAGE, ROW, BITS, IDS = Value((6, 8), 4), Value((), 48), Value((6, 8), 4, bits=True), Value((1, 8), 1, ids=9)


def weight(*shape, dtype=np.float32):
    return {"weight": np.ones(shape, dtype)}


@pytest.mark.parametrize(
    ("op", "inputs", "attributes", "tensors", "says"),
    [
        ("adaptive_pool2d", [IMAGE], {"size": [0, 1], "mode": "max"}, {}, "1..256"),
        ("adaptive_pool2d", [IMAGE], {"size": [257, 1], "mode": "max"}, {}, "1..256"),
        ("adaptive_pool2d", [IMAGE], {"size": [2, 2], "mode": "median"}, {}, "one of average, max"),
        ("adaptive_pool2d", [ROW], {"size": [2, 2], "mode": "max"}, {}, "takes an image"),
        ("bit_max_pool2d", [BITS], {"kernel": [7, 1], "stride": [1, 1]}, {}, "too small"),
        ("bit_max_pool2d", [BITS], {"kernel": [2, 2], "stride": [1, 1], "padding": [2, 0]}, {}, "half"),
        ("bit_max_pool2d", [BITS], {"kernel": [2, 2], "stride": [1, 1], "dilation": [2, 2]}, {}, "unknown attributes"),
        ("bit_max_pool2d", [BITS], {"kernel": [2, 2], "stride": [1, 1]}, {"flip": np.ones(3, np.uint8)}, "(4,)"),
        ("bit_max_pool2d", [BITS], {"kernel": [2, 2], "stride": [1, 1]}, {"flip": np.ones(4, np.float32)}, "uint8"),
        ("conv_transpose2d", [IMAGE], {}, weight(3, 2, 2, 5), "weight must be (4,"),
        ("conv_transpose2d", [IMAGE], {}, weight(4, 2, 2), "weight must be (4,"),
        ("conv_transpose2d", [IMAGE], {}, weight(4, 0, 2, 5), "weight must be (4,"),
        ("conv_transpose2d", [IMAGE], {"groups": 3}, weight(4, 2, 2, 5), "3 groups"),
        ("conv_transpose2d", [IMAGE], {"padding": [4, 4]}, weight(4, 2, 2, 5), "cuts (4, 4) off"),
        ("conv_transpose2d", [IMAGE], {"output_padding": [1, 0]}, weight(4, 2, 2, 5), "output_padding"),
        ("conv_transpose2d", [IMAGE], {"stride": [4096, 4096]}, weight(4, 2, 2, 5), "far too large"),
        ("conv_transpose2d", [IMAGE], {"dilation": [4096, 4096]}, weight(4, 9, 9, 5), "far too large"),
        ("conv_transpose2d", [Value((4000, 4000), 4)], {}, weight(4, 2, 9, 5), "far too large"),
        ("conv_transpose2d", [IMAGE, IMAGE], {}, weight(4, 2, 2, 5), "adds an input of shape"),
        ("conv_transpose2d", [IMAGE], {}, {**weight(4, 2, 2, 5), "scale": np.ones(4, np.float32)}, "'scale' must be"),
        ("embedding", [IMAGE], {}, weight(9, 3), "takes ids, got floats"),
        ("embedding", [IDS], {}, weight(8, 3), "at least 9 tokens"),
        ("embedding", [IDS], {}, weight(9), "(tokens, channels)"),
        ("embedding", [IDS], {}, weight(9, 0), "(tokens, channels)"),
        ("embedding", [IDS], {}, weight(9, 1 << 24), "far too large"),
        ("function", [IMAGE], {"function": "eval"}, {}, "must be one of"),
        ("group_norm", [IMAGE], {"groups": 3}, {}, "3 groups"),
        ("group_norm", [IMAGE], {"groups": 2, "eps": -1}, {}, "'eps'"),
        ("group_norm", [IMAGE], {"groups": 2}, {"scale": np.ones(5, np.float32)}, "(4,)"),
        ("layer_norm", [IDS], {}, {}, "takes floats, got ids"),
        ("layer_norm", [IMAGE], {"eps": "x"}, {}, "'eps'"),
        ("multiply", [IMAGE, Value((1, 2), 4)], {}, {}, "multiplies shapes"),
        ("multiply", [Value((1, 1), 4), IMAGE], {}, {}, "multiplies shapes"),
        ("multiply", [ROW, IMAGE], {}, {}, "multiplies shapes"),
        ("divide", [IMAGE, Value((1, 2), 4)], {}, {}, "divides shapes"),
        ("divide", [Value((1, 1), 4), IMAGE], {}, {}, "divides shapes"),
        ("divide", [IMAGE, BITS], {}, {}, "takes floats, got bits"),
        ("channel_norm", [IDS], {}, {}, "takes floats, got ids"),
        ("pad", [IMAGE], {"before": [-1, 0, 0]}, {}, "'before'"),
        ("pad", [IMAGE], {"before": [1, 1]}, {}, "three whole numbers"),
        ("pad", [IMAGE], {"after": [0, 8, 0], "mode": "reflect"}, {}, "pads 8 places of 8 by reflect"),
        ("pad", [IMAGE], {"after": [0, 9, 0], "mode": "circular"}, {}, "pads 9 places of 8 by circular"),
        ("pad", [IMAGE], {"after": [0, 0, 16384], "before": [16384, 16384, 0]}, {}, "far too large"),
        ("pad", [IMAGE], {"value": 1e300}, {}, "'value'"),
        ("pad", [ROW], {"before": [1, 0, 0]}, {}, "places of a row"),
        ("pixel_shuffle", [IMAGE], {"factor": 3}, {}, "4 channels don't divide by 3²"),
        ("pixel_shuffle", [IMAGE], {"factor": 4, "inverse": True}, {}, "6x8 doesn't divide by 4"),
        ("pixel_shuffle", [IMAGE], {"factor": 0}, {}, "'factor'"),
        ("reshape", [ROW], {"size": [5, 2]}, {}, "48 values don't make an image of 5x2"),
        ("reshape", [ROW], {"size": [1 << 26, 1 << 26]}, {}, "don't make an image"),
        ("resize", [IMAGE], {"size": [16384, 16384], "step": [0, 0], "mode": "nearest"}, {}, "far too large"),
        ("resize", [IMAGE], {"size": [2, 2], "step": [0, -1], "mode": "nearest"}, {}, "'step'"),
        ("resize", [IMAGE], {"size": [2, 2], "step": [float("nan"), 1], "mode": "nearest"}, {}, "'step'"),
        ("resize", [IMAGE], {"size": [2, 2], "step": 1, "mode": "nearest"}, {}, "pair of numbers"),
        ("resize", [IMAGE], {"size": [2, 2], "step": [1, 1], "mode": "bicubic"}, {}, "one of bilinear"),
        ("slice", [IMAGE], {"stop": [6, 8, 5]}, {}, "takes 0..5 of 4"),
        ("slice", [IMAGE], {"start": [6, 0, 0], "stop": [6, 8, 4]}, {}, "takes 6..6 of 6"),
        ("slice", [IMAGE], {"stop": [6, 8, 4], "step": [0, 1, 1]}, {}, "'step'"),
        ("slice", [ROW], {"stop": [2, 1, 48]}, {}, "takes 0..2 of 1"),
        ("slice", [IMAGE], {}, {}, "'stop' is missing"),
        ("softmax", [BITS], {}, {}, "takes floats, got bits"),
        ("transpose", [IMAGE], {"axes": "hhc"}, {}, "must be one of"),
        ("transpose", [ROW], {"axes": "hcw"}, {}, "takes an image"),
    ],
)
def test_what_makes_no_sense(op, inputs, attributes, tensors, says):
    with pytest.raises(LeveretFormatError) as caught:
        OPS[op](inputs, attributes, tensors)
    assert says in str(caught.value)


numbers = st.integers(-1, 9) | st.just(1 << 30)
SOME = {
    "adaptive_pool2d": {"size": st.tuples(numbers, numbers), "mode": st.sampled_from(["average", "max"])},
    "pad": {
        "before": st.tuples(numbers, numbers, numbers),
        "after": st.tuples(numbers, numbers, numbers),
        "mode": st.sampled_from(["constant", "reflect", "replicate", "circular"]),
    },
    "pixel_shuffle": {"factor": numbers, "inverse": st.booleans()},
    "reshape": {"size": st.tuples(numbers, numbers)},
    "resize": {
        "size": st.tuples(numbers, numbers),
        "step": st.tuples(st.floats(), st.floats()),
        "mode": st.sampled_from(["nearest", "nearest_exact", "bilinear", "bilinear_corners"]),
    },
    "slice": {
        "start": st.tuples(numbers, numbers, numbers),
        "stop": st.tuples(numbers, numbers, numbers),
        "step": st.tuples(numbers, numbers, numbers),
    },
    "transpose": {"axes": st.permutations("hwc").map("".join)},
}


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_is_taken_gives_the_shape_it_promised(data):
    name = data.draw(st.sampled_from(sorted(SOME)))
    attributes = {
        key: list(v) if isinstance(v, tuple) else v for key, v in data.draw(st.fixed_dictionaries(SOME[name])).items()
    }
    shape = data.draw(st.sampled_from([(3, 4, 5), (1, 1, 12), (2, 2, 9), (12,)]))
    value = Value(shape[:-1], shape[-1])
    try:
        op = OPS[name]([value], attributes, {})
    except LeveretFormatError:
        return
    op.prepare()
    for n in (0, 2):
        result = op.run([np.zeros((n, *shape), np.float32)], 1)
        assert result.shape == (n, *op.output.size, op.output.channels)
        assert result.dtype == np.float32


def test_an_embedding_takes_only_the_inputs_ids():
    table = {"t": np.ones((9, 3), np.float32)}
    steps = [Step("rows", "embedding", ["input"], {}, {"weight": "t"}), Step("mean", "global_avg_pool", ["rows"])]
    net = Packed(Graph(steps), table, InputContract((5,), vocabulary=9))
    assert net(np.zeros((2, 5), np.int64)).tolist() == [[1, 1, 1]] * 2
    assert (net.layers()[0].in_shape, net.layers()[0].out_shape) == ((1, 1, 5), (3, 1, 5))
    with pytest.raises(LeveretFormatError, match=r"step 'rows' \(embedding\).*at least 10 tokens"):
        Packed(Graph(steps), table, InputContract((5,), vocabulary=10))
    with pytest.raises(LeveretFormatError, match="takes ids, got floats"):
        Packed(Graph(steps), table, InputContract((3, 5, 5)))
    with pytest.raises(LeveretFormatError, match="takes floats, got ids"):
        Packed(Graph([Step("max", "global_max_pool", ["input"])]), {}, InputContract((5,), vocabulary=9))
    with pytest.raises(LeveretFormatError, match=r"step 'twice'.*takes ids"):
        Packed(Graph([*steps[:1], Step("twice", "embedding", ["rows"], {}, {"weight": "t"})]), table, net.input)


def test_a_file_of_format_1_0_still_loads(tmp_path):
    from lvr_files import small_packed, write_small

    from leveret import runtime

    images = np.random.default_rng(0).integers(0, 256, (2, 2, 6, 8), dtype=np.uint8)
    old = runtime.load(write_small(tmp_path / "old.lvr", version="1.0"))
    assert old.format_version == "1.0"
    np.testing.assert_array_equal(old(images), small_packed()(images))
