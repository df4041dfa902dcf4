"""Weights that a file stores smaller than kernels take them: nothing is lost, and no lie about them is believed."""

import json

import numpy as np
import pytest
from coded_files import HOSTILE, coded_content, coded_net, hostile_file, with_attribute
from lvr_files import signed, small_packed
from safetensors import safe_open

from leveret import runtime
from leveret.errors import LeveretFormatError
from leveret.runtime import Packed, codings, kernels


@pytest.fixture(scope="module")
def net():
    return coded_net()


@pytest.fixture(scope="module")
def file(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("coded") / "net.lvr"
    net.save(path)
    return path


def images(n=3):
    return np.random.default_rng(0).integers(0, 256, (n, 2, 6, 8), np.uint8)


def test_every_coding_is_chosen_where_it_serves(net):
    assert {name: coding.kind for name, coding in net.codings.items()} == {
        "s0.weight": "hashed",
        "s1.weight": "product",
        "s2.weight": "table",
        "s3.weight": "sparse",
        "s5.weight": "planes",
        "s7.weight": "table",
        "s9": "sparse",
        "s10": "table",
    }


@pytest.mark.parametrize("isa", kernels.available_isas())
def test_a_file_gives_back_every_bit(net, file, isa):
    with kernels.using_isa(isa):
        again = runtime.load(file)
        assert again.tensors.keys() == net.tensors.keys()
        for name, tensor in net.tensors.items():
            assert again.tensors[name].dtype == tensor.dtype
            assert again.tensors[name].tobytes() == tensor.tobytes(), name
        assert np.array_equal(again(images()), Packed(net.graph, net.tensors, net.input)(images()))


def test_a_loaded_file_is_saved_as_it_was(file, tmp_path):
    runtime.load(file).save(tmp_path / "again.lvr")
    with safe_open(file, "numpy") as first, safe_open(tmp_path / "again.lvr", "numpy") as second:
        assert first.metadata() == second.metadata()  # and the hash is of the tensors, too


def test_bytes_are_those_of_the_file(net, file):
    stored = file.stat().st_size - int.from_bytes(file.read_bytes()[:8], "little") - 8
    assert net.nbytes == stored == runtime.load(file).nbytes
    assert sum(layer.bytes for layer in net.layers()) == net.nbytes
    assert net.nbytes < 0.25 * sum(tensor.nbytes for tensor in net.tensors.values())


def test_a_net_without_such_weights_is_stored_as_it_is(tmp_path):
    small_packed().save(tmp_path / "plain.lvr")
    with safe_open(tmp_path / "plain.lvr", "numpy") as opened:
        assert "codings" not in opened.metadata()


def test_a_known_coding_of_other_weights_is_passed_over(net):
    other = dict(net.tensors)
    other["s0.weight"] = other["s0.weight"] + np.float32(1)
    assert Packed(net.graph, other, net.input, codings=net.codings).codings["s0.weight"].kind == "table"


def test_signs_of_zero_and_infinities_are_kept(tmp_path):
    steps, tensors = small_packed().graph.steps, dict(small_packed().tensors)
    odd = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40], np.float32)
    weight = odd[np.random.default_rng(0).integers(0, 6, (5, 3, 3, 2))]
    wide = np.tile(weight, (60, 1, 1, 1))
    (coding,) = codings.choose(
        [steps[0]], [type("Stem", (), {"inputs": [], "values": {}})()], {**tensors, "stem.weight": wide}, {}
    ).values()
    assert coding.tensors("w")["w"].tobytes() == wide.tobytes()


@pytest.mark.parametrize("which", HOSTILE)
def test_hostile_files(tmp_path, which):
    path = tmp_path / "hostile.lvr"
    path.write_bytes(hostile_file(which))
    with pytest.raises(LeveretFormatError, match=r"hostile\.lvr"):
        runtime.load(path)


def test_errors_name_the_coding_and_what_is_wrong(tmp_path):
    texts, tensors = coded_content()
    path = tmp_path / "hostile.lvr"
    path.write_bytes(signed(with_attribute(texts, "s5.weight", "planes", 9), tensors))
    with pytest.raises(LeveretFormatError, match=r"coding of 's5.weight': attribute 'planes' must be .* 0\.\.8, got 9"):
        runtime.load(path)
    codings = json.loads(texts["codings"])
    del codings["s9"]
    path.write_bytes(signed({**texts, "codings": json.dumps(codings)}, tensors))
    with pytest.raises(LeveretFormatError, match=r"step 's9' .*tensor 's9.values' is not in the file"):
        runtime.load(path)
