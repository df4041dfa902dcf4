"""Odd shapes and random values that kernels are tested with."""

import numpy as np
from hypothesis import strategies as st

from leveret.runtime._geometry import Window

sizes = st.integers(1, 9)
small = st.integers(1, 3)


def floats(rng, *shape):
    x = rng.normal(size=shape).astype(np.float32)
    x[rng.random(shape) < 0.1] = 0  # signs of zero are +1
    return x


def steps(rng, shape):
    """A random choice of the epilogue's steps."""
    c = shape[-1]
    made = {
        "scale": floats(rng, c),
        "shift": floats(rng, c),
        "add": floats(rng, *shape),
        "before": floats(rng, c),
        "slope": floats(rng, c),
        "after": floats(rng, c),
    }
    return {name: value for name, value in made.items() if rng.random() < 0.6}


def geometry(draw):
    kernel = (draw(small), draw(small))
    stride, dilation = (draw(small), draw(small)), (draw(small), draw(small))
    padding = (draw(st.integers(0, 3)), draw(st.integers(0, 3)))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    height = max(draw(sizes), reach[0] - 2 * padding[0])
    width = max(draw(sizes), reach[1] - 2 * padding[1])
    return Window(kernel, stride, padding, dilation), height, width


@st.composite
def convolutions(draw):
    window, height, width = geometry(draw)
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    own = draw(st.sampled_from([1, 3, 4, 7, 17, 63, 64, 65, 130]))
    outputs = draw(st.sampled_from([1, 2, 8, 31, 33, 64, 70]))
    batch, seed = draw(st.integers(1, 3)), draw(st.integers(0, 2**31))
    return window, (batch, height, width), own * groups, outputs * groups, groups, seed
