"""Metrics for skewed data: what a model is worth where accuracy isn't the answer.

Where one class in a hundred is rare, always saying the other is right for 99 %. What helps then: curves and their
areas, which ask how well the rare class is ranked above the rest; balanced accuracy, which gives each class the same
weight; and a threshold chosen for what mistakes cost. All take probabilities `(n, num_classes)` with labels `(n,)`, or
an `Evaluation`:

    from leveret.training import evaluate
    from leveret.training.metrics import choose_threshold, measure

    print(measure(evaluate(net, data), train_counts=data.train.class_counts()).as_dict())
    threshold = choose_threshold(evaluate(net, data, "val"), criterion=("recall", 0.9))
    threshold.measure(evaluate(net, data, "test"))

Which class is positive: of two, the rarer in the labels unless `positive` says otherwise; of many, each against the
rest, and the figure is the mean over the classes (macro). A class that the labels lack has no figure: NaN for itself,
and left out of means; one with all samples has no ROC curve.
"""

from leveret.training.metrics._bootstrap import Interval
from leveret.training.metrics._calibration import (
    Reliability,
    calibration_error,
    classwise_calibration_error,
    reliability,
)
from leveret.training.metrics._curves import (
    PrecisionRecallCurve,
    RocCurve,
    average_precision,
    precision_recall_curve,
    recall_at_precision,
    roc_auc,
    roc_curve,
)
from leveret.training.metrics._decisions import (
    MajorityVote,
    balanced_accuracy,
    f_beta,
    majority_vote,
    matthews_correlation,
    precision_per_class,
    recall_per_class,
)
from leveret.training.metrics._entities import EntityMeter, TagEvaluation, entity_f1
from leveret.training.metrics._inputs import positive_class
from leveret.training.metrics._measures import ClassMeasures, Measures, measure
from leveret.training.metrics._segmentation import (
    SegmentationEvaluation,
    SegmentationMeter,
    iou_per_class,
    mean_iou,
)
from leveret.training.metrics._shots import ShotAccuracy, shot_accuracy
from leveret.training.metrics._threshold import Threshold, choose_threshold

__all__ = [
    "ClassMeasures",
    "EntityMeter",
    "Interval",
    "MajorityVote",
    "Measures",
    "PrecisionRecallCurve",
    "Reliability",
    "RocCurve",
    "SegmentationEvaluation",
    "SegmentationMeter",
    "ShotAccuracy",
    "TagEvaluation",
    "Threshold",
    "average_precision",
    "balanced_accuracy",
    "calibration_error",
    "choose_threshold",
    "classwise_calibration_error",
    "entity_f1",
    "f_beta",
    "iou_per_class",
    "majority_vote",
    "matthews_correlation",
    "mean_iou",
    "measure",
    "positive_class",
    "precision_per_class",
    "precision_recall_curve",
    "recall_at_precision",
    "recall_per_class",
    "reliability",
    "roc_auc",
    "roc_curve",
    "shot_accuracy",
]
