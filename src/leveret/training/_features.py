"""Features: what enters a net's last linear layer, or the inputs themselves, as rows to be clustered or compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.nets import Ensemble, entering
from leveret.training._evaluate import Part
from leveret.training._loader import evaluation_loader
from leveret.training._parts import part_of

__all__ = ["RawFeatures", "features_of", "raw_features"]

_MOST_RAW = 256  # features of an image or a text, after PCA
_FITTED = 5000  # samples that it is fitted to, at most
_VALUES = 1 << 26  # pixels held as floats at once: 256 MiB
_HASHED = 1 << 16  # places that words are hashed to


def features_of(
    net: nn.Module, data: Any, part: Part = "train", *, batch_size: int | None = None
) -> NDArray[np.float32]:
    """What enters the net's last linear layer for each sample of a part, `(n, features)` float32.

    The last layer is the one that ran last of those with weights: a `Linear`, or a 1x1 convolution, before which maps
    are averaged over their places. An `Ensemble` has the features of all its nets, side by side. Memory is that of the
    result and a batch.

    Args:
        net: put in eval mode meanwhile.
        data: from `leveret.load`.
        part: "train", "val" or "test".
        batch_size: samples at once; default as for `evaluate`.

    Raises:
        LeveretUsageError: no such part, or it is empty; or the net doesn't end with a linear layer that takes a row a
            sample.
        LeveretDataError: features that aren't finite; names the first such sample.
    """
    if isinstance(net, Ensemble):
        return np.concatenate([features_of(member, data, part, batch_size=batch_size) for member in net.nets], axis=1)
    split = part_of(data, part)
    loader = evaluation_loader(split, data.normalization, batch_size=batch_size)
    was_training = net.training
    net.eval()
    try:
        with torch.no_grad(), entering(net) as entered:
            for batch in loader:
                net(batch.inputs)
    finally:
        net.train(was_training)
    rows = torch.cat([found.float() for found in entered.rows]).numpy()
    if len(rows) != len(split):
        raise LeveretUsageError(
            f"the last linear layer of {type(net).__name__} takes {len(rows)} rows for {len(split)} samples; features "
            "are a row a sample"
        )
    return _finite(rows, part)


def raw_features(data: Any, part: Part = "train", *, seed: int = 0) -> NDArray[np.float32]:
    """The samples themselves as rows, `(n, features)` float32; see `RawFeatures`, which is fitted once for many parts.

    Args:
        data: from `leveret.load` or `leveret.data.from_arrays`.
        part: "train", "val" or "test".
        seed: of the samples that the reduction is fitted to, and of its own draws.

    Raises:
        LeveretUsageError: no such part, or it is empty.
        LeveretDataError: features that aren't finite; names the first such sample.
    """
    part_of(data, part)
    return RawFeatures(data, seed=seed).of(part)


class RawFeatures:
    """Samples themselves as rows of numbers.

    Tables as they are normalised; pixels, normalised, one after the other; of texts tf-idf of their hashed words.
    Images of more than 256 pixels, and texts, are brought to 256 numbers by PCA, texts by truncated SVD, fitted to
    some thousand samples of the training part. Memory is that of the result and a block of samples.

    Args:
        data: from `leveret.load` or `leveret.data.from_arrays`.
        seed: of the samples that the reduction is fitted to, and of its own draws.
    """

    def __init__(self, data: Any, *, seed: int = 0) -> None:
        self.data = data
        self.kind = getattr(data, "kind", "image")
        order = np.random.default_rng(seed).permutation(len(data.train))
        if self.kind == "text":
            self._weigh = _Weights(data.train.fetch(np.sort(order[:_FITTED])), seed)
            return
        width = _rows(data, data.train, np.arange(1)).shape[1]
        self._at_once = max(1, _VALUES // width)
        self._reduce = None
        if self.kind == "image" and width > _MOST_RAW and len(order) > 1:
            from sklearn.decomposition import PCA

            fitted = _rows(data, data.train, np.sort(order[: min(_FITTED, max(_MOST_RAW, self._at_once))]))
            self._reduce = PCA(min(_MOST_RAW, len(fitted)), random_state=seed).fit(fitted)

    def of(self, part: Part) -> NDArray[np.float32]:
        """A part's samples, `(n, features)`.

        Raises:
            LeveretUsageError: no such part, or it is empty.
            LeveretDataError: features that aren't finite; names the first such sample.
        """
        split = part_of(self.data, part)
        if self.kind == "text":
            starts = range(0, len(split), 4096)
            blocks = (split.fetch(np.arange(start, min(start + 4096, len(split)))) for start in starts)
            return _finite(np.concatenate([self._weigh(block) for block in blocks]), part)
        found = []
        for start in range(0, len(split), min(self._at_once, 2048)):
            rows = _rows(self.data, split, np.arange(start, min(start + self._at_once, start + 2048, len(split))))
            found.append((self._reduce.transform(rows) if self._reduce is not None else rows).astype(np.float32))
        return _finite(np.concatenate(found), part)


def _rows(data: Any, split: Any, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    values = data.normalization.apply(split.fetch(indices))
    return values.reshape(len(values), -1)


class _Weights:
    """Tf-idf of hashed words, brought to few numbers by what it is fitted to."""

    def __init__(self, fitted: list[str], seed: int) -> None:
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
        from sklearn.pipeline import make_pipeline

        # hashed, so that there is a place for every word, also of texts that share none with those it is fitted to
        self._weigh = make_pipeline(
            HashingVectorizer(n_features=_HASHED, token_pattern=r"(?u)\b\w+\b", alternate_sign=False, norm=None),
            TfidfTransformer(sublinear_tf=True),
        )
        weights = self._weigh.fit_transform(fitted)
        # places without a word have no part in any direction, and would cost the most time
        self._places = np.flatnonzero(weights.getnnz(0))
        self._reduce = None
        if len(self._places):
            few = min(_MOST_RAW, len(fitted), max(1, len(self._places) - 1))
            with np.errstate(invalid="ignore", divide="ignore"):  # texts without a word have no variance to explain
                self._reduce = TruncatedSVD(few, random_state=seed).fit(weights[:, self._places])

    def __call__(self, texts: list[str]) -> NDArray[np.float32]:
        if self._reduce is None:
            return np.zeros((len(texts), 1), np.float32)
        return self._reduce.transform(self._weigh.transform(texts)[:, self._places]).astype(np.float32)


def _finite(rows: NDArray[np.float32], part: str) -> NDArray[np.float32]:
    bad = ~np.isfinite(rows).all(1)
    if bad.any():
        raise LeveretDataError(
            f"the features of sample {int(np.flatnonzero(bad)[0])} of the {part} part aren't finite ({int(bad.sum())} "
            "in all): the net diverged, or the data holds infinite or missing values"
        )
    return rows
