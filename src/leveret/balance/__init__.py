"""Balance: learning when some class is rare. Samplers, losses, priors, clusters and ensembles, each on its own.

`leveret.balance.catalogue` has all of them as methods with one budget, of which `leveret fit --balance` takes one and
`leveret compare --balance` many.
"""

from leveret import _with_torch as _with_torch
from leveret.balance._adjusted import LogitAdjusted, adjust_logits, tune_tau
from leveret.balance._bootstraps import balanced_bootstraps
from leveret.balance._centres import ClusterCentres
from leveret.balance._clusters import cluster
from leveret.balance._counts import class_weights, effective_number_weights
from leveret.balance._diagnosis import Diagnosis
from leveret.balance._frequency import FrequencySampler
from leveret.balance._ldam import LDAM, cosine_classifier
from leveret.balance._members import train_subsets
from leveret.balance._mining import HardMining
from leveret.balance._pseudo import PseudoClasses, pseudo_classes
from leveret.balance._refit import refit_classifier
from leveret.balance._retrain import retrain_classifier, tau_normalize
from leveret.balance._stream import BalancedStream, balanced_stream
from leveret.balance._subsets import balanced_subsets
from leveret.balance._weighted import FocalLoss, WeightedCrossEntropy

__all__ = [
    "LDAM",
    "BalancedStream",
    "ClusterCentres",
    "Diagnosis",
    "FocalLoss",
    "FrequencySampler",
    "HardMining",
    "LogitAdjusted",
    "PseudoClasses",
    "WeightedCrossEntropy",
    "adjust_logits",
    "balanced_bootstraps",
    "balanced_stream",
    "balanced_subsets",
    "class_weights",
    "cluster",
    "cosine_classifier",
    "effective_number_weights",
    "pseudo_classes",
    "refit_classifier",
    "retrain_classifier",
    "tau_normalize",
    "train_subsets",
    "tune_tau",
]
