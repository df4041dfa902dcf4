"""What can't be right is refused before any work, and the error says what was wrong and what would be right."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from transfer_fakes import Inverted, Stops, cropped, noisy, teacher

from leveret.distill import TransferSet
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.training import Augment


def changed(data, **fields):
    return SimpleNamespace(**vars(data) | fields)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"size": 0}, "size must be at least 1, got 0"),
        ({"shard_size": 0}, "shard_size must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"seed": -1}, "seed must be from 0"),
        ({"store": "both"}, "'auto', 'seeds' or 'pixels', got 'both'"),
        ({"store": "seeds", "augment": noisy}, r"needs an augmentation with views.*take store='pixels'"),
        ({"teachers": []}, "at least one teacher"),
        ({"teachers": [teacher(0), len]}, "must be torch.nn.Modules, got builtin"),
        ({"teachers": teacher(0, 7)}, "teacher Sequential has 7 outputs, and few digits has 10 classes"),
        ({"teachers": [teacher(0), teacher(0, 12)]}, "Sequential 2 of 2 has 12 outputs"),
        ({"teachers": nn.Conv2d(1, 10, 3)}, r"Conv2d has \(10, 6, 6\) outputs"),
        ({"unlabelled": np.zeros((3, 1, 9, 8), np.uint8)}, r"uint8 \(n, 1, 8, 8\).* got \(n, 1, 9, 8\) uint8"),
        ({"unlabelled": np.zeros((3, 1, 8, 8))}, r"got \(n, 1, 8, 8\) float64"),
    ],
)
def test_arguments(build, tmp_path, arguments, says):
    with pytest.raises(LeveretUsageError, match=says):
        build(**arguments)
    assert not (tmp_path / "set").exists()


def test_data_without_images(build, few_digits):
    with pytest.raises(LeveretUsageError, match="transfer sets are of images, and few digits holds text"):
        build(data=changed(few_digits, kind="text"))
    with pytest.raises(LeveretUsageError, match="training part of few digits is empty"):
        build(data=changed(few_digits, train=few_digits.train.subset([])))


def test_augmentations_that_change_the_shape(build, tmp_path):
    with pytest.raises(LeveretUsageError, match=r"must keep images uint8 \(100, 1, 8, 8\), it gave uint8 \(100, 1"):
        build(augment=cropped)
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["transfer.json"]


def test_teachers_that_give_nan(build, teachers):
    class Broken(nn.Module):
        def forward(self, x):
            return torch.full((len(x), 10), torch.nan if len(x) == 18 else 0.0)

    # the last batch of the last shard: 50 views in batches of 32
    with pytest.raises(LeveretUsageError, match="logits for view 432 are infinite or NaN"):
        build(teachers=Broken())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"teachers": teacher(3)}, "other teachers .number 2 there, 1 here; sha256"),
        ({"teachers": [teacher(1), teacher(3)]}, r"other teachers .sha256 [0-9a-f]{12}… there, [0-9a-f]{12}… here.;"),
        ({"augment": None}, "other augment"),
        ({"augment": Augment(shift=1)}, r"other augment .settings {'flip': True.* there, {'flip': False"),
        ({"augment": Inverted()}, "augment .name leveret.* there, transfer_fakes.Inverted here"),
        ({"seed": 5}, r"other seed \(0 there, 5 here\)"),
        ({"size": 449}, r"other size \(450 there, 449 here\)"),
        ({"shard_size": 99}, r"other shard_size \(100 there, 99 here\)"),
        ({"store": "pixels"}, r"other store \(seeds there, pixels here\)"),
        ({"unlabelled": np.zeros((3, 1, 8, 8), np.uint8)}, "other unlabelled"),
        ({"teachers": teacher(3), "seed": 2, "size": 3}, r"other size .*, seed .*, teachers .*name another folder, or"),
    ],
)
def test_another_set_stands_there(build, arguments, says):
    folder = build().folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(LeveretUsageError, match=says):
        build(**arguments)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_teachers_are_known_by_their_buffers_too(build, teachers):
    build()
    teachers[1][1].running_mean += 0.5
    with pytest.raises(LeveretUsageError, match="other teachers"):
        build()


def test_another_data(build, few_digits):
    folder = build().folder
    relabelled = few_digits.train.subset(np.arange(200))
    relabelled.labels = relabelled.labels[::-1].copy()
    for other, says in (
        (changed(few_digits, classes=tuple("abcdefghij")), "classes .*there, .*here"),
        (changed(few_digits, train=relabelled), "sha256"),
        (changed(few_digits, train=few_digits.train.subset(np.arange(199))), "samples 200 there, 199 here"),
        (changed(few_digits, train=few_digits.train.subset(np.arange(200)[::-1])), "sha256"),
    ):
        with pytest.raises(LeveretUsageError, match=rf"other data \(.*{says}"):
            build(data=other)
        with pytest.raises(LeveretUsageError, match=rf"other data \(.*{says}"):
            TransferSet.open(folder, other)


def test_unlabelled_images_belong_to_it(build, few_digits, more):
    folder = build(unlabelled=more).folder
    with pytest.raises(LeveretUsageError, match=r"30 unlabelled images belong to .*give them as unlabelled="):
        TransferSet.open(folder, few_digits)
    with pytest.raises(LeveretUsageError, match="other unlabelled"):
        TransferSet.open(folder, few_digits, unlabelled=255 - more.pixels)


def test_folders_that_are_no_transfer_set(few_digits, build, tmp_path):
    with pytest.raises(LeveretUsageError, match="no such folder"):
        TransferSet.open(tmp_path / "nowhere", few_digits)
    with pytest.raises(LeveretUsageError, match="is an empty folder"):
        TransferSet.open(tmp_path, few_digits)
    folder = build().folder
    (folder / "transfer.json").unlink()
    with pytest.raises(LeveretUsageError, match=r"has no transfer.json"):
        TransferSet.open(folder, few_digits)
    with pytest.raises(LeveretUsageError, match=r"holds shards \(logits-0000\d.npy\) but no transfer.json"):
        build()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda found: "{", "transfer.json is damaged"),
        (lambda found: "[]", "transfer.json is damaged"),
        (lambda found: json.dumps(found | {"format": "other"}), "doesn't begin with the format"),
        (lambda found: json.dumps(found | {"version": 2}), "is of version 2; this Leveret reads version 1"),
        (lambda found: json.dumps({k: v for k, v in found.items() if k != "seed"}), "damaged .*'seed'"),
        (lambda found: json.dumps(found | {"more": 1}), "damaged .*'more'"),
        (lambda found: json.dumps(found | {"size": "450"}), "size, shard_size, seed or store"),
        (lambda found: json.dumps(found | {"shard_size": 0}), "size, shard_size, seed or store"),
        (lambda found: json.dumps(found | {"data": {}}), "damaged"),
        (lambda found: json.dumps(found | {"mean": [0.0]}), "1 means or deviations for 10 classes"),
    ],
)
def test_damaged_manifests(build, few_digits, change, says):
    path = build().folder / "transfer.json"
    path.write_text(change(json.loads(path.read_text())))
    for call in (lambda: TransferSet.open(path.parent, few_digits), build):
        with pytest.raises(LeveretDataError, match=says):
            call()


def test_indices_beyond_the_last_view(build):
    transfer = build()
    for fetch in (transfer.train.fetch, transfer.logits.fetch):
        with pytest.raises(LeveretUsageError, match="450 rows, from 0, and row 450"):
            fetch([0, 450])


def test_a_teachers_own_errors_are_its_own(build):
    with pytest.raises(RuntimeError, match="of its own"):
        build(teachers=Stops(teacher(0), RuntimeError("of its own"), 3))
