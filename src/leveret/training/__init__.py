"""Training: one loop, what it minimises, and how its outcome is measured."""

from leveret import _with_torch as _with_torch
from leveret.metrics import Evaluation
from leveret.training._adadelta import Adadelta
from leveret.training._augment import Augment, Augmentation
from leveret.training._batch import Batch
from leveret.training._buckets import LengthBuckets
from leveret.training._checkpoints import has_damaged_checkpoint, load_weights
from leveret.training._evaluate import evaluate, logits_of
from leveret.training._features import RawFeatures, features_of, raw_features
from leveret.training._fit import FitResult, fit
from leveret.training._history import History
from leveret.training._joint import JointAugment, JointAugmentation
from leveret.training._labelled import LabelledSampler
from leveret.training._objectives import CrossEntropy, Distillation, Objective, StoredLogits, TakesSampleWeights
from leveret.training._parallel import parallel
from leveret.training._progress import duration
from leveret.training._staged import StagedTraining
from leveret.training._tags import TagLikelihood
from leveret.training._task import Task

__all__ = [
    "Adadelta",
    "Augment",
    "Augmentation",
    "Batch",
    "CrossEntropy",
    "Distillation",
    "Evaluation",
    "FitResult",
    "History",
    "JointAugment",
    "JointAugmentation",
    "LabelledSampler",
    "LengthBuckets",
    "Objective",
    "RawFeatures",
    "StagedTraining",
    "StoredLogits",
    "TagLikelihood",
    "TakesSampleWeights",
    "Task",
    "duration",
    "evaluate",
    "features_of",
    "fit",
    "has_damaged_checkpoint",
    "load_weights",
    "logits_of",
    "parallel",
    "raw_features",
]
