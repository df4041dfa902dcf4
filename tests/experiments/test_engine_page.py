"""The engine's page: figures and words that follow from what benchmarks gave."""

import pytest

from leveret.experiments import engine


def test_how_much_faster_a_training_step_is(monkeypatch):
    def layer(floats, bits):
        both = {"floats": floats, "bits": bits}
        return {"channels": 64, "outputs": 32, "side": 8, "step": both, "evaluation": both}

    found = {"batch": 16, "layers": [layer(8.0, 2.0), {**layer(1.0, 1.0), "side": 0}]}
    monkeypatch.setattr(engine, "_run", lambda name, setting: found)
    figures, details = engine._step(engine.FULL)
    assert figures == {"step_vs_floats": pytest.approx(2.0)}
    table = "\n".join(engine._step_table(details))
    assert "| 64 to 32, 3x3, 8x8 | 8.00 | 2.00 | 4.00 | 8.00 | 2.00 | 4.00 |" in table
    assert "| 64 to 32, linear | 1.00 | 1.00 | 1.00 |" in table


@pytest.mark.parametrize(("openvino", "beyond"), [(1.0, ""), (0.5, "On 1 of 1 shapes that is beyond the peak")])
def test_whether_what_is_asked_is_beyond_the_peak(openvino, beyond):
    # a million products in a thousandth of a millisecond are 1000 GMAC/s; 1.5 times that is three quarters of the peak
    shape = {"macs": 1e6, "done": 1.0, "row": {"openvino": 1e-3 * openvino}}
    found = {"peak_gmacs": 2000.0, "shapes": [shape]}
    assert engine._needed(shape, found) == pytest.approx(0.75 / openvino)
    assert beyond in " ".join(engine._beyond(found))
    assert bool(engine._beyond(found)) == bool(beyond)
