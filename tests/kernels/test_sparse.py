"""Products with pruned weights, on every instruction set, against numpy's dense ones."""

import numpy as np
import pytest
from cases import floats, steps
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.errors import LeveretUsageError
from leveret.runtime import kernels, reference


def pruned(rng, outputs, inputs, kept):
    weight = floats(rng, outputs, inputs)
    weight[rng.random(weight.shape) >= kept] = 0
    return weight


@pytest.mark.usefixtures("isa")
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([1, 2, 3, 5, 17, 70]), min_size=0, max_size=2),
    st.sampled_from([1, 2, 7, 64, 130]),
    st.sampled_from([1, 3, 4, 16, 17, 33]),
    st.sampled_from([0, 0.05, 0.3, 1]),
    st.integers(0, 2**31),
    st.integers(1, 3),
)
def test_product(rows, inputs, outputs, kept, seed, threads):
    rng = np.random.default_rng(seed)
    weight, x = pruned(rng, outputs, inputs, kept), floats(rng, *rows, inputs)
    layer = kernels.SparseLinear(*kernels.sparse_rows(weight), inputs)
    expected = x @ weight.T
    np.testing.assert_allclose(layer(x, threads=threads), expected, rtol=1e-4, atol=1e-4)
    after = steps(rng, expected.shape)
    np.testing.assert_allclose(
        layer(x, threads=threads, **after), reference.affine(expected, **after), rtol=1e-3, atol=1e-3
    )


@pytest.mark.usefixtures("isa")
def test_a_row_does_not_depend_on_its_company():
    rng = np.random.default_rng(0)
    weight, x = pruned(rng, 19, 300, 0.2), floats(rng, 400, 300)
    layer = kernels.SparseLinear(*kernels.sparse_rows(weight), 300)
    if kernels.isa() == "reference":
        pytest.skip("numpy's product is another one for other numbers of rows")
    together = layer(x, threads=1)
    np.testing.assert_array_equal(layer(x, threads=2), together)
    for count in (1, 2, 3, 4, 15, 16, 17, 40, 65):
        np.testing.assert_array_equal(layer(x[:count]), together[:count])


def test_what_is_kept():
    weight = np.array([[0, 2, 0], [0, 0, 0], [1, 0, -3]], np.float32)
    values, columns, starts = kernels.sparse_rows(weight)
    assert values.tolist() == [2, 1, -3]
    assert columns.tolist() == [1, 0, 2]
    assert starts.tolist() == [0, 1, 1, 3]
    np.testing.assert_array_equal(reference.dense_rows(values, columns, starts, 3), weight)


@pytest.mark.usefixtures("isa")
def test_no_rows():
    layer = kernels.SparseLinear(*kernels.sparse_rows(np.ones((2, 3), np.float32)), 3)
    assert layer(np.zeros((0, 4, 4, 3), np.float32)).shape == (0, 4, 4, 2)


def made(values=2, columns=(0, 1), starts=(0, 1, 2), inputs=2):
    rows = np.zeros(values, np.float32), np.array(columns, np.uint32), np.array(starts, np.uint32)
    return kernels.SparseLinear(*rows, inputs)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: made(columns=(0, 2)), "columns must be below 2, got 2"),
        (lambda: made(columns=(0, 2**32 - 1)), "below 2, got 4294967295"),
        (lambda: made(columns=(0,)), r"got \(2,\) and \(1,\)"),
        (lambda: made(starts=(0, 1, 3)), "from 0 to 2"),
        (lambda: made(starts=(1, 1, 2)), "from 0 to 2"),
        (lambda: made(starts=(2,)), "from 0 to 2"),
        (lambda: made(starts=(0, 3, 2)), "must not fall"),
        (
            lambda: kernels.SparseLinear(np.zeros(1, np.float32), np.zeros(1, np.int64), np.zeros(2, np.uint32), 1),
            "int64",
        ),
        (lambda: made()(np.zeros((3, 3), np.float32)), r"x must be \(…, 2\), got \(3, 3\)"),
        (lambda: made()(np.zeros((3, 2), np.float32), add=np.zeros((2, 3), np.float32)), r"add must be \(3, 2\)"),
        (lambda: kernels.sparse_rows(np.zeros(3, np.float32)), r"\(out, in\), got \(3,\)"),
    ],
)
def test_errors(call, says):
    with pytest.raises(LeveretUsageError, match=says):
        call()
