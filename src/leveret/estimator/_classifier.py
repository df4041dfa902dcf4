"""`LeveretClassifier`: a net as a scikit-learn classifier."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from leveret.errors import LeveretDataError, LeveretUsageError, LeveretWarning
from leveret.estimator._reader import reader_for

__all__ = ["LeveretClassifier"]

# so many validation samples tell one epoch from another; fewer do it by chance
_ENOUGH_TO_CHOOSE = 100


class LeveretClassifier(ClassifierMixin, BaseEstimator):
    """A net on images, tables or texts, trained by `leveret.fit`.

    X may be
    - a table `(n, features)` of numbers, or a data frame;
    - images `(n, height, width)`, `(n, height, width, 1 or 3)` or `(n, 1 or 3, height, width)`, uint8 or floats in
      0..1; or flat rows of those, with `image_shape`, which is what imbalanced-learn's samplers give;
    - texts, a list or array `(n,)` of strings.

    Args:
        net: None takes one that suits the data (`leveret.nets.net_for`), a string that one of its names. A module is
            copied, weights and all, so that each fit begins from them. A function gets the training's `Data` and gives
            a module: `lambda data: MLP(len(data.features), data.num_classes, widths=(32,))`.
        objective: None for cross-entropy; an objective, which is copied; or a function of the data that gives one.
        sampler: None shows each sample once an epoch; a torch `Sampler` of the training part's indices, which is
            copied; or a function of the data that gives one.
        epochs: passes over the training part.
        batch_size: samples per step; "auto" takes 128, or fewer where an epoch would have less than ten steps, but at
            least 8.
        optimizer, lr, weight_decay, schedule, augment: as for `leveret.fit`.
        validation_fraction: share of the samples held out, class by class, to measure each epoch; 0 for none. The best
            epoch's weights are kept where at least 100 are held out, or with `early_stopping`; else the last one's.
        early_stopping: stop after so many epochs without a better validation accuracy.
        class_weight: None; "balanced" for `n / (classes · n_c)`; or a weight by class. Multiplies the samples' weights.
        image_shape: shape of the images that X holds as flat rows.
        warm_start: go on from the net of the last fit, which must have had the same classes and the same shape of X.
        random_state: of initial weights, held-out samples, order, augmentation and dropout. Torch's own generator is
            left as it was.
        verbose: 0 for silence, also of `LeveretWarning`s; 1 shows a line an epoch.

    Attributes:
        classes_: `(classes,)`, the labels in the order of the columns of `predict_proba`.
        net_: the trained module, in eval mode.
        history_: a dict an epoch, see `leveret.training.History`.
        n_iter_: epochs that were trained.
        n_features_in_: columns of X, or numbers in an image; absent for texts.
        feature_names_in_: where X was a data frame with names of strings.

    Weights: a sample of weight 0 is left out before anything else is done; the others' weights scale their losses
    (`CrossEntropy(sample_weights=…)`; another objective must have `with_sample_weights`). Normalisation and BatchNorm
    count each sample once, so that a weight of 2 is near to, but not the same as, standing twice in X.

    Example:
        >>> from sklearn.model_selection import cross_val_score
        >>> cross_val_score(LeveretClassifier(epochs=20, random_state=0), X, y, scoring="balanced_accuracy")
    """

    classes_: NDArray[Any]
    net_: Any
    history_: list[dict[str, Any]]
    n_iter_: int

    def __init__(
        self,
        net: Any = None,
        *,
        objective: Any = None,
        sampler: Any = None,
        epochs: int = 10,
        batch_size: int | str = "auto",
        optimizer: Any = "adamw",
        lr: float | None = None,
        weight_decay: float = 1e-4,
        schedule: str = "cosine",
        augment: Any = None,
        validation_fraction: float = 0.1,
        early_stopping: int | None = None,
        class_weight: Any = None,
        image_shape: tuple[int, ...] | None = None,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.net = net
        self.objective = objective
        self.sampler = sampler
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.augment = augment
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.class_weight = class_weight
        self.image_shape = image_shape
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> LeveretClassifier:
        """Train a net.

        Args:
            X: see the class.
            y: `(n,)`, a label a sample: numbers, names or booleans.
            sample_weight: `(n,)`, at least 0.

        Raises:
            ValueError: what can't be trained on: missing or infinite values, lengths that differ, a single class, …; or
                a parameter out of range (`LeveretUsageError`).
            LeveretTrainingError: the loss became infinite or NaN.
        """
        import torch

        from leveret.data import from_arrays
        from leveret.estimator._parts import make_net, make_objective, make_sampler

        before = self._learned() if self.warm_start and hasattr(self, "net_") else None
        reader, x = reader_for(self, X, self.image_shape)
        labels, weights = self._targets(x, y, sample_weight)
        if reader.kind == "text" and self.augment is not None:
            raise LeveretUsageError("augment is for images and tables; X holds texts")
        kept = np.arange(len(labels)) if weights is None else np.flatnonzero(weights > 0)
        classes, places = np.unique(labels[kept], return_inverse=True)
        if len(classes) < 2:
            raise LeveretDataError(
                f"a classifier needs samples of at least two classes (of a weight above 0), got {len(classes)} class"
            )
        if len(kept) < len(labels):
            x = [x[i] for i in kept] if isinstance(x, list) else x[kept]
        if before is not None and before != (classes.tolist(), reader.kind, np.shape(x)[1:]):
            raise LeveretUsageError("warm_start goes on only with the classes and the shape of X of the last fit")
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with _quiet(self.verbose), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            names = np.array([str(label) for label in classes.tolist()])
            data = from_arrays(
                x, names[places], classes=names.tolist(), val_fraction=self.validation_fraction, seed=seed, name="X"
            )
            mine = None if weights is None else weights[kept][data.train.places]
            net = make_net(self.net, data) if before is None else copy.deepcopy(self.net_)
            objective = make_objective(self.objective, data, mine)
            result = self._train(net, data, objective, make_sampler(self.sampler, data), seed)
        self.classes_ = classes
        self._reader, self._normalization, self._shape = reader, data.normalization, np.shape(x)[1:]
        self.net_ = net.eval()
        self.history_ = result.history
        self.n_iter_ = len(result.history)
        return self

    def decision_function(self, X: Any) -> NDArray[np.float32]:
        """The logits, `(n, classes)`; of two classes, how much the second's is above the first's, `(n,)`."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest class of each sample, `(n,)`, as `y` had them."""
        logits = self._logits(X)  # refuses first where nothing was fitted
        return self.classes_[logits.argmax(1)]

    def predict_log_proba(self, X: Any) -> NDArray[np.float32]:
        """Logarithms of `predict_proba`, exact also where those are 0."""
        from scipy.special import log_softmax

        return log_softmax(self._logits(X).astype(np.float64), axis=1).astype(np.float32)

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """The classes' probabilities, `(n, classes)`, in the order of `classes_`: the softmax of the logits."""
        from scipy.special import softmax

        return softmax(self._logits(X).astype(np.float64), axis=1).astype(np.float32)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.three_d_array = True
        return tags

    def _targets(self, x: Any, y: Any, sample_weight: Any) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """Labels as the user has them, and the samples' weights, `class_weight`'s included."""
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        shape: Any = getattr(y, "shape", ())
        if len(shape) == 2 and shape[1] > 1:
            raise LeveretDataError(
                f"y must be a label a sample, (n,), got shape {shape}: of one-hot rows give y.argmax(axis=1); "
                "for many labels a sample, fit a classifier per column with scikit-learn's MultiOutputClassifier"
            )
        check_classification_targets(y)
        labels = column_or_1d(y, warn=True)
        check_consistent_length(x, labels)
        if sample_weight is None and self.class_weight is None:
            return labels, None
        weights = _check_sample_weight(sample_weight, x, dtype=np.float64, ensure_non_negative=True)
        if self.class_weight is not None:
            seen = weights > 0
            weights[seen] *= compute_sample_weight(self.class_weight, labels[seen])
        return labels, weights

    def _train(self, net: Any, data: Any, objective: Any, sampler: Any, seed: int) -> Any:
        from leveret.training import fit

        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = min(128, max(8, len(data.train) // 10))
        elif not isinstance(batch_size, (int, np.integer)):
            raise LeveretUsageError(f"batch_size must be 'auto' or a whole number, got {batch_size!r}")
        with _threads(net, data, int(batch_size)):
            result = fit(
                net,
                data,
                objective=objective,
                sampler=sampler,
                epochs=self.epochs,
                batch_size=int(batch_size),
                optimizer=self.optimizer,
                lr=self.lr,
                weight_decay=self.weight_decay,
                schedule=self.schedule,  # type: ignore[arg-type]
                augment=self.augment,
                early_stopping=self.early_stopping,
                keep_best=self.early_stopping is not None or len(data.val) >= _ENOUGH_TO_CHOOSE,
                # tables and texts are little work, and gain nothing from fewer digits
                precision="auto" if data.kind == "image" else "float32",
                seed=seed,
                progress=self.verbose > 0,
            )
        if result.interrupted:
            # a search over many fits must stop too
            raise KeyboardInterrupt
        return result

    def _logits(self, x: Any) -> NDArray[np.float32]:
        check_is_fitted(self)
        from leveret.data import Split
        from leveret.data._pixels import ArraySource, TextSource
        from leveret.training import logits_of

        values = self._reader.read(self, x, reset=False)
        if self._reader.kind == "table":
            values = np.asarray(values, np.float32)
        source = TextSource(values) if isinstance(values, list) else ArraySource(values)
        places = np.arange(len(values))
        part = Split("test", source, places, np.zeros(len(values), np.int64), len(self.classes_))
        data = SimpleNamespace(name="X", train=part, test=part, normalization=self._normalization)
        with _threads(self.net_, data, 256):
            return logits_of(self.net_, data, "test").numpy()

    def _learned(self) -> tuple[Any, ...]:
        return self.classes_.tolist(), self._reader.kind, self._shape


@contextmanager
def _threads(net: Any, data: Any, batch_size: int) -> Iterator[None]:
    """One thread for little work; else those that torch may use."""
    import torch

    from leveret._threads import default_threads, limited_threads
    from leveret.training._threads import threads_for

    most = min(torch.get_num_threads(), default_threads())
    with limited_threads(threads_for(net, data, batch_size, most)):
        yield


@contextmanager
def _quiet(verbose: int) -> Iterator[None]:
    with warnings.catch_warnings():
        if not verbose:
            warnings.simplefilter("ignore", LeveretWarning)
        yield
