"""What is written is read back, by us and by anyone who follows docs/lvr-format.md; a save is whole or not at all."""

import json

import numpy as np
import pytest
from lvr_files import digest, small_packed, small_tensors, small_texts, write_small
from safetensors import safe_open
from safetensors.numpy import load_file

import leveret
from leveret import runtime
from leveret.errors import LeveretError, LeveretFormatError
from leveret.runtime import Packed


@pytest.fixture
def images():
    return np.random.default_rng(1).integers(0, 256, (7, 2, 6, 8), dtype=np.uint8)


def test_a_saved_net_loads_with_everything_it_had(tmp_path, images):
    net = small_packed()
    net.save(tmp_path / "net.lvr")
    for load in (runtime.load, Packed.load, leveret.Packed.load):
        again = load(tmp_path / "net.lvr")
        assert np.array_equal(again(images), net(images))
        assert again.input == net.input
        assert again.classes == ("a", "b", "ç")
        assert again.provenance == {"made by": "hand", "epochs": 3}
        assert again.format_version == "1.4"
        assert again.layers() == net.layers()
        assert again.nbytes == net.nbytes == sum(array.nbytes for array in small_tensors().values())


def test_a_file_written_by_hand_from_the_documentation_is_the_same_net(tmp_path, images):
    path = write_small(tmp_path / "hand.lvr")
    assert np.array_equal(runtime.load(path)(images), small_packed()(images))


def test_any_safetensors_reader_gets_the_tensors_and_the_documented_hash(tmp_path):
    path = tmp_path / "net.lvr"
    small_packed().save(path)
    tensors = load_file(path)
    assert tensors.keys() == small_tensors().keys()
    for name, array in small_tensors().items():
        assert np.array_equal(tensors[name], array)
    raw = path.read_bytes()
    texts = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]
    assert texts["sha256"] == digest(texts, tensors)
    assert texts.keys() == {*small_texts(), "sha256"}


def test_loading_and_saving_again_changes_nothing_that_is_hashed(tmp_path):
    path, second = write_small(tmp_path / "a.lvr"), tmp_path / "b.lvr"
    runtime.load(path).save(second)
    third = tmp_path / "c.lvr"
    runtime.load(second).save(third)
    hashes = [safe_open(p, framework="numpy").metadata()["sha256"] for p in (second, third)]
    assert hashes[0] == hashes[1]


def test_newer_minor_versions_and_unknown_metadata_load(tmp_path, images):
    path = write_small(tmp_path / "newer.lvr", version="1.7", invented="later")
    net = runtime.load(path)
    assert net.format_version == "1.7"
    assert np.array_equal(net(images), small_packed()(images))


@pytest.mark.parametrize("version", ["2.0", "10.3", "0.9"])
def test_other_major_versions_say_so(tmp_path, version):
    path = write_small(tmp_path / "other.lvr", version=version)
    with pytest.raises(LeveretFormatError, match=rf"other\.lvr is of format {version}; this Leveret reads 1\.x"):
        runtime.load(path)


@pytest.mark.parametrize("version", ["", "1", "one.two", "1.", "-1.0", "1.0.0", "9" * 5000 + ".0"])
def test_versions_that_are_none(tmp_path, version):
    with pytest.raises(LeveretFormatError, match=r"v\.lvr"):
        runtime.load(write_small(tmp_path / "v.lvr", version=version))


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LeveretError, match=r"net\.lvr could not be written"):
        small_packed().save(tmp_path / "file" / "net.lvr")
