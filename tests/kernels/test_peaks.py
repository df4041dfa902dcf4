"""What a core can do at best: measured on every set, and above what any kernel gets out of it."""

import pytest

from leveret.runtime import kernels

SETS = [name for name in kernels.available_isas() if name != "reference"]


@pytest.fixture(params=SETS)
def isa(request):
    before = kernels.isa()
    kernels.set_isa(request.param)
    yield request.param
    kernels.set_isa(before)


@pytest.mark.usefixtures("isa")
def test_peaks_are_rates():
    found = kernels.peaks(0.001)
    # a loop that the compiler had removed would do its work in no time; no core has 16,384 bits to a cycle
    assert 1e6 < found.binary_macs < 1e14
    assert 1e6 < found.float_macs < 1e13


def test_numpy_has_no_peak():
    before = kernels.isa()
    kernels.set_isa("reference")
    try:
        assert kernels.peaks() is None
    finally:
        kernels.set_isa(before)
