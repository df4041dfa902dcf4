"""The coder of symbols: what comes out is what went in, compiled and plain write the same bytes, and they are few."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from leveret.errors import LeveretFormatError
from leveret.runtime import kernels
from leveret.runtime.codings import _symbols
from leveret.runtime.reference import symbols as plain

compiled = pytest.mark.skipif(kernels.isa() == "reference", reason="no kernels were compiled")


@st.composite
def grids(draw):
    levels = draw(st.sampled_from([1, 2, 3, 4, 5, 9, 17, 255, 256, 4097, 65536]))
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 40)))
    symbols = draw(arrays.arrays(np.uint16, shape, elements=st.integers(0, levels - 1), fill=st.just(0)))
    return symbols, levels, draw(st.integers(0, 9))


@settings(deadline=None)
@given(grids())
def test_both_sides_agree_and_nothing_is_lost(grid):
    symbols, levels, line = grid
    coded = plain.encode_symbols(symbols, levels, line)
    assert np.array_equal(plain.decode_symbols(coded, symbols.shape, levels, line), symbols)
    found = _symbols.code(symbols, levels, line)
    assert found.tobytes() == coded
    assert np.array_equal(_symbols.decode(found, symbols.shape, levels, line), symbols)


def test_a_case_worked_by_hand():
    # one symbol that is not 0, of two levels: a chance of 1/2 leaves the lower half of 2^32, whose ends share no byte
    assert plain.encode_symbols(np.array([[1]], np.uint16), 2, 0) == bytes([0, 0, 0, 0])
    # 0 leaves the upper half
    assert plain.encode_symbols(np.array([[0]], np.uint16), 2, 0) == bytes([0x80, 0, 0, 0])
    # another 0: the decision falls in the same context, which has seen one no. A yes has 1/4, so that the no leaves
    # three quarters of the upper half
    low = 0x80000000 + (0x7FFFFFFF * 16384 >> 16) + 1
    assert plain.encode_symbols(np.array([[0, 0]], np.uint16), 2, 0) == low.to_bytes(4, "big")


@compiled
@pytest.mark.parametrize("levels", [2, 17, 300])
def test_many_symbols(levels):
    """Rows and columns that differ, as in a pruned layer."""
    rng = np.random.default_rng(levels)
    chance = rng.random((1, 800)) ** 3 * rng.random((150, 1))
    symbols = np.where(rng.random((150, 800)) < chance, rng.integers(1, levels, (150, 800)), 0).astype(np.uint16)
    coded = _symbols.code(symbols, levels, 28)
    assert coded.tobytes() == plain.encode_symbols(symbols, levels, 28)
    assert np.array_equal(_symbols.decode(coded, symbols.shape, levels, 28), symbols)
    # no worse than the zeros' and the values' entropies by themselves, as columns differ
    share = np.count_nonzero(symbols) / symbols.size
    flags = -share * np.log2(share) - (1 - share) * np.log2(1 - share) + share * np.log2(max(levels - 1, 1))
    assert len(coded) * 8 < symbols.size * flags


@compiled
def test_more_decisions_of_a_kind_than_its_counters_hold():
    rng = np.random.default_rng(0)
    # below the first 127 rows all places are of one context: 80 x 800 decisions, where 32767 fill the counters
    symbols = (rng.random((207, 800)) < 0.002).astype(np.uint16)
    coded = _symbols.code(symbols, 2)
    assert coded.tobytes() == plain.encode_symbols(symbols, 2, 0)
    assert np.array_equal(_symbols.decode(coded, symbols.shape, 2), symbols)


@pytest.mark.parametrize("isa", ["reference", kernels.isa()])
def test_bytes_that_no_coder_wrote(isa):
    symbols = np.random.default_rng(0).integers(0, 5, (9, 11)).astype(np.uint16)
    coded = _symbols.code(symbols, 5)
    with kernels.using_isa(isa):
        for wrong in (coded[:-1], np.append(coded, np.uint8(0)), coded[:4], np.zeros(0, np.uint8)):
            with pytest.raises(LeveretFormatError, match="9 x 11 numbers below 5"):
                _symbols.decode(wrong, symbols.shape, 5)
        with pytest.raises(LeveretFormatError, match="numbers below"):
            _symbols.decode(coded, (9, 12), 5)
        # symbol 4 of four levels
        with pytest.raises(LeveretFormatError, match="numbers below 4"):
            _symbols.decode(_symbols.code(np.full((1, 9), 4, np.uint16), 5), (1, 9), 4)
