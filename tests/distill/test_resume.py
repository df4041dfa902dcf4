"""A build that was stopped goes on, makes only what is missing, and ends as one that was never stopped."""

import errno
import resource

import numpy as np
import pytest
from test_transfer import assert_same
from transfer_fakes import Stops, noisy

from leveret.distill import TransferSet
from leveret.errors import LeveretDataError, LeveretError, LeveretUsageError
from leveret.training import Augment


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npy")}


def remade(before, folder):
    """Files written anew; a file is renamed into its place, so its time is that of its making."""
    return sorted(name for name, made in times(folder).items() if before.get(name) != made)


def test_a_finished_set_is_opened_at_once(build, capsys):
    build()
    before = times(build().folder)
    transfer = build(progress=True, batch_size=5)
    assert not remade(before, transfer.folder)
    assert "is finished: 450 views" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("store", ["seeds", "pixels"])
def test_only_missing_and_damaged_shards_are_made(build, tmp_path, store):
    whole = build(path=tmp_path / "whole", store=store)
    folder = build(store=store).folder
    (folder / "logits-00001.npy").unlink()
    (folder / "logits-00003.npy").write_bytes((folder / "logits-00003.npy").read_bytes()[:-8])
    before = times(folder)
    assert_same(build(store=store), whole)
    names = ["logits-00001.npy", "logits-00003.npy"]
    assert remade(before, folder) == names + ["pixels-00001.npy", "pixels-00003.npy"] * (store == "pixels")


@pytest.mark.parametrize("augment", [Augment(shift=1), noisy])
def test_ctrl_c_loses_the_shard_under_way_alone(build, teachers, few_digits, tmp_path, augment, capsys):
    stopping = Stops(teachers[0], KeyboardInterrupt(), after=1 + 2 * 4 + 2)
    with pytest.raises(KeyboardInterrupt):
        build(teachers=stopping, augment=augment, progress=True)
    assert "2 of 5 shards are there" in capsys.readouterr().err
    folder = tmp_path / "set"
    assert not list(folder.glob(".*"))
    with pytest.raises(LeveretUsageError, match=r"not finished: 2 of 5 shards are there; the same call of"):
        TransferSet.open(folder, few_digits)
    before = times(folder)
    stopping.left = 1000
    transfer = build(teachers=stopping, augment=augment)
    assert [name for name in remade(before, folder) if "logits" in name] == [f"logits-0000{i}.npy" for i in (2, 3, 4)]
    assert_same(transfer, build(teachers=stopping, augment=augment, path=tmp_path / "at once"))


def test_a_kill_before_the_manifest_is_finished(build, few_digits, tmp_path, monkeypatch):
    def killed(logits):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("leveret.distill._transfer.moments", killed)
        with pytest.raises(KeyboardInterrupt):
            build()
    with pytest.raises(LeveretUsageError, match="not finished: 5 of 5 shards"):
        TransferSet.open(tmp_path / "set", few_digits)
    before = times(tmp_path / "set")
    assert_same(build(), build(path=tmp_path / "at once"))
    assert not remade(before, tmp_path / "set")


def test_what_a_killed_process_half_wrote_is_cleared_away(build):
    folder = build().folder
    for name in (".logits-00001.npy.x1.tmp", ".pixels-00001.npy.x2.tmp", ".transfer.json.x3.tmp"):
        (folder / name).write_text("half")
    build()
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("store", ["seeds", "pixels"])
def test_a_set_grows(build, tmp_path, few_digits, store):
    folder = build(store=store).folder
    before = times(folder)
    grown = build(size=630, store=store)
    assert all("00000" not in name and "00003" not in name for name in remade(before, folder))
    assert_same(grown, build(size=630, store=store, path=tmp_path / "at once"))
    assert_same(TransferSet.open(folder, few_digits), grown)
    with pytest.raises(LeveretUsageError, match=r"other size \(630 there, 450 here\)"):
        build(store=store)


def test_a_full_disk_keeps_finished_shards(build, tmp_path):
    whole = build(path=tmp_path / "whole", store="pixels")
    folder = build(size=200, store="pixels").folder
    before = times(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # a shard of pixels has 6,528 bytes, the manifest less than two thousand
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        says = r"pixels-0000\d.npy could not be written: File too large.* finished shards are kept; make room"
        with pytest.raises(LeveretError, match=says):
            build(store="pixels")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(path.name for path in folder.iterdir()) == sorted([*before, "transfer.json"])
    assert_same(build(store="pixels"), whole)
    assert not set(before) & set(remade(before, folder))


def test_a_disk_that_fills_in_the_middle_of_logits(build, tmp_path, monkeypatch):
    header, begun = np.lib.format.write_array_header_1_0, []

    def fills(file, content):
        header(file, content)
        begun.append(file)
        if len(begun) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np.lib.format, "write_array_header_1_0", fills)
        with pytest.raises(LeveretError, match=r"logits-00002.npy could not be written: No space left on device"):
            build()
    folder = tmp_path / "set"
    assert sorted(path.name for path in folder.iterdir()) == ["logits-00000.npy", "logits-00001.npy", "transfer.json"]
    assert_same(build(), build(path=tmp_path / "whole"))


@pytest.mark.parametrize("name", ["logits-00002.npy", "pixels-00002.npy"])
def test_damaged_shards_are_named(build, few_digits, name):
    folder = build(store="pixels").folder
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    with pytest.raises(LeveretDataError, match=rf"{name} is not a whole .npy file .*build the transfer set again"):
        TransferSet.open(folder, few_digits)
    np.save(folder / name, np.zeros((3, 3), np.float32))
    with pytest.raises(LeveretDataError, match=rf"{name} holds \(3, 3\) float32, not \(100, "):
        TransferSet.open(folder, few_digits)
