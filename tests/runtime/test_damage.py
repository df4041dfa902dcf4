"""Files that were cut, bitten or made up: always one `LeveretFormatError` that names the file, never anything else."""

import json
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lvr_files import container, signed, small_tensors, small_texts

from leveret import runtime
from leveret.errors import LeveretFormatError

WHOLE = signed(small_texts(), small_tensors())
HEADER = int.from_bytes(WHOLE[:8], "little")
quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refused(tmp_path, data, says=""):
    path = tmp_path / "broken.lvr"
    path.write_bytes(data)
    with pytest.raises(LeveretFormatError) as caught:
        runtime.load(path)
    message = str(caught.value)
    assert "broken.lvr" in message
    assert says in message
    assert len(message) < 2000
    return message


def test_the_whole_file_loads(tmp_path):
    path = tmp_path / "whole.lvr"
    path.write_bytes(WHOLE)
    assert len(runtime.load(path).layers()) == 6


def test_no_file(tmp_path):
    with pytest.raises(LeveretFormatError, match="could not be read"):
        runtime.load(tmp_path / "missing.lvr")


def test_a_folder_says_where_its_model_is(tmp_path):
    with pytest.raises(LeveretFormatError, match=r"is a folder without a model\.lvr.*leveret\.pack"):
        runtime.load(tmp_path)
    (tmp_path / "model.lvr").write_bytes(WHOLE)
    with pytest.raises(LeveretFormatError, match=r"is a folder: its packed model is .*model\.lvr"):
        runtime.load(tmp_path)


@quick
@given(st.integers(0, len(WHOLE) - 1))
def test_cut_anywhere(tmp_path, length):
    refused(tmp_path, WHOLE[:length])


@quick
@given(st.binary(min_size=1, max_size=50))
def test_longer_than_it_says(tmp_path, more):
    refused(tmp_path, WHOLE + more)


@settings(quick, max_examples=300)
@given(st.integers(0, len(WHOLE) * 8 - 1))
def test_any_bit_flipped(tmp_path, bit):
    data = bytearray(WHOLE)
    data[bit // 8] ^= 1 << bit % 8
    refused(tmp_path, bytes(data))


def test_every_bit_of_the_length_and_every_first_bit_of_the_rest(tmp_path):
    places = [(i, b) for i in range(8) for b in range(8)] + [(i, 0) for i in range(8, len(WHOLE), 7)]
    for i, b in places:
        data = bytearray(WHOLE)
        data[i] ^= 1 << b
        refused(tmp_path, bytes(data))


def says_the_same(data):
    """Whether nothing is changed, or white space between the header's words alone: a tab in a space's place."""
    if data[:8] != WHOLE[:8] or data[8 + HEADER :] != WHOLE[8 + HEADER :]:
        return False
    try:
        return json.loads(data[8 : 8 + HEADER]) == json.loads(WHOLE[8 : 8 + HEADER])
    except ValueError:
        return False


def test_other_white_space_is_no_damage(tmp_path):
    place = WHOLE.index(b'": ') + 2
    path = tmp_path / "tab.lvr"
    path.write_bytes(WHOLE[:place] + b"\t" + WHOLE[place + 1 :])
    assert says_the_same(path.read_bytes())
    runtime.load(path)


@quick
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 200), st.integers(0, 2**32))
def test_a_piece_overwritten(tmp_path, start, length, seed):
    piece = random.Random(seed).randbytes(min(length, len(WHOLE) - start))
    data = WHOLE[:start] + piece + WHOLE[start + len(piece) :]
    if not says_the_same(data):
        refused(tmp_path, data)


@quick
@given(st.binary(max_size=300))
def test_noise(tmp_path, noise):
    refused(tmp_path, noise)


@pytest.mark.parametrize("length", [HEADER + 1, 2**26 + 1, 2**31, 2**63, 2**64 - 1])
def test_a_header_of_another_length(tmp_path, length):
    refused(tmp_path, container(WHOLE[8 : 8 + HEADER], WHOLE[8 + HEADER :], length))


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"7",
        b'{"__metadata__": 3}',
        b'{"__metadata__": {"format": 3}}',
        b'{"__metadata__": {"format": "leveret"}}',
        b'{"__metadata__": {"format": "pt"}}',
        b'{"a": {"dtype": "F32", "shape": [1]}}',
        b'{"a": NaN}',
        b'{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"a": ' + b'{"a": ' * 50_000 + b"1" + b"}" * 50_001,
        b"\xff\xfe" * 20,
        b" " * 4096,
    ],
)
def test_hostile_headers(tmp_path, header):
    refused(tmp_path, container(header, b"\0" * 64))


def test_another_safetensors_file_is_recognised(tmp_path):
    header = json.dumps({"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})
    refused(tmp_path, container(header.encode(), b"\0" * 8), "not a .lvr one")


def with_entry(**changes):
    """The whole file, one tensor's entry in the header changed, the hash left as it was."""
    header = json.loads(WHOLE[8 : 8 + HEADER])
    header["head.weight"] |= changes
    return container(json.dumps(header).encode(), WHOLE[8 + HEADER :])


@pytest.mark.parametrize(
    "changes",
    [
        {"data_offsets": [0, 2**40]},
        {"data_offsets": [2**63, 2**63 + 60]},
        {"data_offsets": [60, 0]},
        {"data_offsets": [0, 60]},  # another tensor's place
        {"data_offsets": [-60, 0]},
        {"data_offsets": []},
        {"shape": [3, 6]},
        {"shape": [2**40, 2**40]},
        {"shape": [2**63, 2, 2**62]},
        {"shape": [-3, -5]},
        {"shape": [5, 3]},  # as many bytes, but not what was hashed
        {"shape": "35"},
        {"dtype": "F64"},
        {"dtype": "I32"},
        {"dtype": "BF16"},
        {"dtype": "F7"},
        {"dtype": None},
    ],
)
def test_entries_that_lie(tmp_path, changes):
    refused(tmp_path, with_entry(**changes))


def test_a_missing_or_wrong_hash(tmp_path):
    header = json.loads(WHOLE[8 : 8 + HEADER])
    for wrong in (None, "", "0" * 64, header["__metadata__"]["sha256"].upper()):
        texts = {**header["__metadata__"], "sha256": wrong}
        if wrong is None:
            del texts["sha256"]
        data = container(json.dumps({**header, "__metadata__": texts}).encode(), WHOLE[8 + HEADER :])
        refused(tmp_path, data, "SHA-256")


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.float16])
def test_dtypes_that_no_file_has(tmp_path, dtype):
    tensors = {**small_tensors(), "head.shift": np.zeros(3, dtype)}
    refused(tmp_path, signed(small_texts(), tensors), "'head.shift'")
