"""Context: classify each place with the whole picture in view. ParseNet, what it is made of, and the dense CRF."""

from leveret import _with_torch as _with_torch
from leveret.context._backbone import Stages, Taps
from leveret.context._crf import DenseCRF, LearnedCRF
from leveret.context._fcn import FCN
from leveret.context._global import ContextClassifier, GlobalContext
from leveret.context._l2norm import L2Norm
from leveret.context._objective import StridedCrossEntropy
from leveret.context._parsenet import ParseNet
from leveret.context._pyramid import PyramidPooling
from leveret.context._refined import Refined
from leveret.context._street import street_backbone
from leveret.context._upsample import BilinearUpsample

__all__ = [
    "FCN",
    "BilinearUpsample",
    "ContextClassifier",
    "DenseCRF",
    "GlobalContext",
    "L2Norm",
    "LearnedCRF",
    "ParseNet",
    "PyramidPooling",
    "Refined",
    "Stages",
    "StridedCrossEntropy",
    "Taps",
    "street_backbone",
]
