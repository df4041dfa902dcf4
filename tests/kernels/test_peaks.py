"""What a core can do at best: measured on every set, and above what any kernel gets out of it."""

from leveret.runtime import kernels


def test_peaks_are_rates(isa):
    found = kernels.peaks(0.001)
    assert (found is None) == (isa == "reference")
    if found is not None:
        # a loop that the compiler had removed would do its work in no time; no core has 16,384 bits to a cycle
        assert 1e6 < found.binary_macs < 1e14
        assert 1e6 < found.float_macs < 1e13
