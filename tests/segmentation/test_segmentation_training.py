"""`fit` and `evaluate` on images with masks: joint augmentation, weights, mIoU, resume."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from segmentation_files import SmallFCN
from torch import nn

import leveret
from leveret.data import load_segmentation, median_frequency_weights
from leveret.errors import LeveretUsageError
from leveret.training import Augment, CrossEntropy, JointAugment, evaluate, fit
from leveret.training._batch import Batch


def net(seed=0):
    torch.manual_seed(seed)
    return SmallFCN()


QUICK = {"batch_size": 4, "lr": 0.02, "progress": False, "precision": "float32"}


def test_training_learns_and_evaluate_measures(shapes, tmp_path):
    data = load_segmentation(shapes)
    weights = torch.from_numpy(median_frequency_weights(data.train))
    result = fit(
        net(),
        data,
        epochs=8,
        objective=CrossEntropy(class_weights=weights),
        augment=JointAugment(24, scale=(0.8, 1.25)),
        out=tmp_path / "run",
        **QUICK,
    )
    assert result.monitor == "miou"
    assert result.best_score == max(row["val_miou"] for row in result.history) > 0.6
    assert "val_miou" in (tmp_path / "run" / "history.csv").read_text().splitlines()[0]
    found = evaluate(result.net, data)
    assert found.miou > 0.6
    assert found.confusion.sum() == data.test.class_counts().sum()
    again = evaluate(result.net, data, "val")
    assert again.miou == pytest.approx(result.best_score, abs=1e-6)
    packed = leveret.pack(
        result.net.eval(),
        torch.from_numpy(data.normalization.apply(data.train.fetch([0, 1]))),
        normalization=data.normalization,
        classes=data.classes,
    )
    assert np.abs(evaluate(packed, data).confusion - found.confusion).sum() <= 4


def test_a_resumed_run_is_as_one_never_stopped(shapes, tmp_path):
    data = load_segmentation(shapes)
    options = {**QUICK, "augment": JointAugment((16, 24)), "schedule": "constant", "warmup": 0.0}
    whole = fit(net(), data, epochs=3, **options)
    fit(net(), data, epochs=2, out=tmp_path / "run", **options)
    resumed = fit(net(), data, epochs=3, out=tmp_path / "run", **options)
    assert [row["val_miou"] for row in resumed.history] == [row["val_miou"] for row in whole.history]
    assert all(torch.equal(a, b) for a, b in zip(whole.net.parameters(), resumed.net.parameters(), strict=True))


def test_wrong_nets_and_augmentations_say_so(shapes):
    data = load_segmentation(shapes)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 40, 3))
    with pytest.raises(LeveretUsageError, match=r"here \(5, classes, 32, 40\); got \(5, 3\)"):
        evaluate(flat, data)
    with pytest.raises(LeveretUsageError, match="give a JointAugment"):
        fit(net(), data, augment=Augment(flip=True), epochs=1, **QUICK)
    with pytest.raises(LeveretUsageError, match="for images with masks"):
        fit(
            nn.Sequential(nn.Flatten(), nn.Linear(64, 10)),
            leveret.load("digits"),
            augment=JointAugment(4),
            epochs=1,
            **QUICK,
        )
    with pytest.raises(LeveretUsageError, match="miou"):
        fit(nn.Linear(1, 1), leveret.load("digits"), monitor="miou", **QUICK)


def test_cross_entropy_of_masks_leaves_out_what_has_no_label():
    logits = torch.randn(2, 3, 4, 5, requires_grad=True)
    labels = torch.randint(0, 3, (2, 4, 5))
    labels[1] = -100
    batch = Batch(logits, labels, torch.arange(2))
    plain = CrossEntropy()(nn.Identity(), batch)["cross_entropy"]
    assert plain.item() == pytest.approx(nn.functional.cross_entropy(logits[:1], labels[:1]).item(), abs=1e-6)
    labels[0] = -100
    nothing = CrossEntropy()(nn.Identity(), batch)["cross_entropy"]
    nothing.backward()
    assert nothing.item() == 0
    labels[:] = 1
    weighted = CrossEntropy(sample_weights=[3.0, 1.0])(nn.Identity(), batch)["cross_entropy"]
    losses = nn.functional.cross_entropy(logits, labels, reduction="none").mean((1, 2))
    assert weighted.item() == pytest.approx(((1.5 * losses[0] + 0.5 * losses[1]) / 2).item(), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.floats(0.3, 1),
    st.floats(1, 3),
)
def test_images_and_masks_stay_together(seed, size, crop, least, largest):
    """The image is its own mask, so that what is done to one shows in the other."""
    generator = np.random.default_rng(seed)
    labels = np.kron(generator.integers(0, 2, (2, 2)), np.ones((15, 15), int))[: size[0], : size[1]].astype(np.int16)
    pixels = (labels * 200).astype(np.uint8)[None]
    augment = JointAugment(crop, scale=(least, largest))
    images, masks = augment.joint([(pixels, labels)] * 3, np.random.default_rng(seed))
    assert images.shape == (3, 1, *crop)
    assert masks.shape == (3, *crop)
    assert masks.dtype == np.int64
    known = masks >= 0
    assert known.any(axis=(1, 2)).all()
    # apart from edges, which are blended in the image, both agree
    clear = known & ((images[:, 0] < 20) | (images[:, 0] > 180))
    assert ((images[:, 0] > 100) == (masks == 1))[clear].all()
    again, _ = augment.joint([(pixels, labels)] * 3, np.random.default_rng(seed))
    assert (again == images).all()


def test_without_scaling_a_crop_is_a_window_and_may_be_mirrored():
    labels = np.arange(80, dtype=np.int16).reshape(8, 10)
    pixels = labels.astype(np.uint8)[None]
    augment = JointAugment((4, 5), scale=(1, 1))
    images, masks = augment.joint([(pixels, labels)] * 64, np.random.default_rng(0))
    assert (images[:, 0] == masks).all()
    steps = masks[:, 0, 1] - masks[:, 0, 0]
    assert set(steps) == {1, -1}
    corners = np.minimum(masks[:, 0, 0], masks[:, 0, -1])
    assert {corner // 10 for corner in corners} == set(range(5))
    assert {corner % 10 for corner in corners} == set(range(6))


@pytest.mark.parametrize("arguments", [{"crop": 0}, {"crop": 4, "scale": (0, 1)}, {"crop": 4, "scale": (2, 1)}])
def test_joint_augment_refuses(arguments):
    with pytest.raises(LeveretUsageError):
        JointAugment(**arguments)
