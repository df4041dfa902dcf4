"""`StridedCrossEntropy`: what an `FCN` is trained to minimise where time is short, the loss of some pixels for all.

A net with a stride of 4 says all that it knows at a sixteenth of the pixels; the last step to the image's size only
interpolates, and yet for small nets it takes, with the loss behind it and both backward, a third of a training step.
Neighbouring pixels have nearly the same loss, so that one of each 2x2 will do.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leveret.context._fcn import FCN
from leveret.errors import LeveretUsageError
from leveret.nets._checks import positive
from leveret.training import Batch

__all__ = ["StridedCrossEntropy"]


class StridedCrossEntropy:
    """Cross-entropy with the label of one pixel in each cell of `stride` x `stride`, from logits of that resolution.

    Which pixel of the cells is drawn anew for each batch, with torch's seed, so that none is left out, and outlines
    aren't shifted. No `batch.logits` are left: what is validated are maps of the images' size, as ever.

    Args:
        stride: at least 1; one of those between 1 and the net's finest stride that divides it.
        class_weights: `(num_classes,)`, a weight per class; the mean is weighted likewise.

    Raises:
        LeveretUsageError: an argument out of range; when called, a net that is no `FCN`, or a finest stride that
            `stride` doesn't divide.

    Example:
        >>> leveret.fit(net, data, objective=StridedCrossEntropy(2), augment=JointAugment(crop=(180, 240)))

    Source: ours; sparse labels are common, as in Long, Shelhamer and Darrell, CVPR 2015, section 3.4 (patchwise
    training is loss sampling).
    """

    def __init__(self, stride: int = 2, class_weights: Tensor | None = None) -> None:
        positive(stride=stride)
        self.stride = stride
        self.class_weights = class_weights

    def __call__(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits = self._logits(net, batch.inputs)
        down, right = (int(n) for n in torch.randint(self.stride, (2,)))
        labels = batch.labels[:, down :: self.stride, right :: self.stride]
        logits = logits[:, :, : labels.shape[1], : labels.shape[2]]
        if not (labels >= 0).any():
            return {"cross_entropy": 0 * logits.sum()}
        return {"cross_entropy": F.cross_entropy(logits, labels, weight=self.class_weights)}

    def __repr__(self) -> str:
        return f"StridedCrossEntropy({self.stride})"

    def _logits(self, net: nn.Module, images: Tensor) -> Tensor:
        """Of cells, those of a border that the image only partly fills included."""
        if not isinstance(net, FCN):
            raise LeveretUsageError(f"StridedCrossEntropy trains an FCN or a ParseNet, got {type(net).__name__}")
        finest = net.strides[0]
        if finest % self.stride:
            raise LeveretUsageError(f"the loss's stride must divide the net's finest, {finest}; got {self.stride}")
        scores = net.scores(net.padded(images))
        times = finest // self.stride
        return scores if times == 1 else F.interpolate(scores, scale_factor=times, mode="bilinear", align_corners=False)
