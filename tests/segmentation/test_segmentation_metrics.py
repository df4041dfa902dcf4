"""Figures of masks: by hand, against torchmetrics and scipy, streaming, with pixels that have no label."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt
from torch.nn import functional as F
from torchmetrics.classification import MulticlassJaccardIndex

from leveret.errors import LeveretUsageError
from leveret.training.metrics import SegmentationMeter, iou_per_class, mean_iou
from leveret.training.metrics._segmentation import boundary_f1, near


def test_by_hand():
    meter = SegmentationMeter(["a", "b", "c"], tolerance=None)
    labels = np.array([[[0, 0, 1, -100], [0, 1, 1, -100]]])
    said = np.array([[[0, 1, 1, 2], [0, 1, 0, 2]]])
    meter.update(said, labels)
    found = meter.compute()
    assert found.confusion.tolist() == [[2, 1, 0], [1, 2, 0], [0, 0, 0]]
    assert found.iou[:2].tolist() == [0.5, 0.5]
    assert np.isnan(found.iou[2])
    assert found.miou == 0.5
    assert found.pixel_accuracy == pytest.approx(4 / 6)
    assert found.mean_class_accuracy == pytest.approx(2 / 3)
    assert found.frequency_weighted_iou == 0.5
    assert np.isnan(found.boundary_f1)
    assert found.as_dict()["per_class"][2]["iou"] is None


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_iou_is_that_of_torchmetrics_and_batches_do_not_matter(seed, k):
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(5, k, 6, 7)).astype(np.float32)
    labels = generator.integers(0, k, (5, 6, 7))
    labels[generator.random(labels.shape) < 0.2] = -100
    whole, parts = (SegmentationMeter(k, tolerance=0.1) for _ in range(2))
    whole.update(logits, labels)
    for start in (0, 2, 3):
        parts.update(logits[start : {0: 2, 2: 3, 3: 5}[start]], labels[start : {0: 2, 2: 3, 3: 5}[start]])
    one, other = whole.compute(), parts.compute()
    assert (one.confusion == other.confusion).all()
    assert np.array_equal(one.image_iou, other.image_iou, equal_nan=True)
    assert one.boundary_f1 == other.boundary_f1
    assert one.loss == pytest.approx(other.loss)
    theirs = MulticlassJaccardIndex(k, average=None, ignore_index=-100)
    theirs.update(torch.from_numpy(logits), torch.from_numpy(labels))
    assert np.allclose(np.nan_to_num(one.iou), theirs.compute().numpy(), atol=1e-6)
    loss = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels), ignore_index=-100)
    assert one.loss == pytest.approx(float(loss), abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 12), st.integers(1, 12))
def test_near_is_a_disc_by_the_distance_transform(seed, radius, height, width):
    pixels = np.random.default_rng(seed).random((height, width)) < 0.1
    expected = distance_transform_edt(~pixels) <= radius if pixels.any() else np.zeros_like(pixels)
    assert (near(pixels, radius) == expected).all()


def test_boundary_f1_of_a_shifted_square():
    labels = np.zeros((40, 40), np.int64)
    labels[10:30, 10:30] = 1
    assert boundary_f1(labels, labels, 1) == 1
    shifted = np.roll(labels, 3, axis=1)
    assert boundary_f1(shifted, labels, 3) == 1
    # the two upright sides lie 3 beside the true ones, and the others hit them but for their ends
    assert 0.4 < boundary_f1(shifted, labels, 1) < 0.7
    assert boundary_f1(np.zeros_like(labels), labels, 2) == 0


def test_boundaries_towards_what_has_no_label_are_none():
    labels = np.zeros((10, 10), np.int64)
    labels[:, 5:] = -100
    said = np.zeros_like(labels)
    said[:, 5:] = 1
    assert np.isnan(boundary_f1(said, labels, 1))


def test_trimap_accuracy_looks_along_boundaries_alone():
    labels = np.zeros((1, 30, 30), np.int64)
    labels[:, :, 15:] = 1
    said = labels.copy()
    said[:, 0, 0] = 1  # far off
    meter = SegmentationMeter(2, tolerance=0.05)
    meter.update(said, labels)
    assert meter.compute().trimap_accuracy == 1
    meter.update(1 - labels, labels)
    assert meter.compute().trimap_accuracy == 0.5


def test_one_pixel_and_no_label_at_all():
    meter = SegmentationMeter(2)
    meter.update(np.array([[[1]]]), np.array([[[1]]]))
    meter.update(np.array([[[1]]]), np.array([[[-100]]]))
    found = meter.compute()
    assert found.miou == 1
    assert np.isnan(found.image_iou[1])
    assert np.isnan(mean_iou(np.zeros((2, 2))))
    assert np.isnan(iou_per_class(np.zeros((2, 2)))).all()


@pytest.mark.parametrize(
    ("outputs", "labels"),
    [
        (np.zeros((1, 3, 4, 4)), np.zeros((1, 4, 4), int)),
        (np.zeros((1, 4, 5), int), np.zeros((1, 4, 4), int)),
        (np.full((1, 4, 4), 2), np.zeros((1, 4, 4), int)),
        (np.zeros((1, 4, 4), int), np.full((1, 4, 4), 2)),
    ],
)
def test_what_does_not_fit_is_refused(outputs, labels):
    with pytest.raises(LeveretUsageError):
        SegmentationMeter(2).update(outputs, labels)
    with pytest.raises(LeveretUsageError):
        SegmentationMeter(2, tolerance=0)
