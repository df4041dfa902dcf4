"""Files appear whole or not at all."""

import os

import pytest

from leveret._files import replacing, write_json, write_text
from leveret.errors import LeveretError


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "new" / "a.json"
    write_json(path, {"ä": 1})
    write_json(path, {"ä": 2})
    assert path.read_text() == '{\n  "ä": 2\n}\n'
    assert os.listdir(path.parent) == ["a.json"]


def test_an_error_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def stopped_halfway():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_halfway()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_full_disk_is_named_and_loses_nothing(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LeveretError, match=r"a\.txt could not be written: No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]
