"""Data: a user's images, tables, texts or tagged sentences in three parts (train, val, test), fetched batch by batch.

Cluttered images are made as they are fetched, and images of any size are read by regions (`TiledImage`).

Importing this room is cheap; `datasets`, scikit-learn and the like load when a source needs them.
"""

from leveret.data._arrays import from_arrays
from leveret.data._classes import joined, of_classes
from leveret.data._export import write_folder
from leveret.data._fewlabels import few_labels
from leveret.data._load import load
from leveret.data._longtail import long_tailed
from leveret.data._tiles import TiledImage
from leveret.data._types import Data, LoadReport, Normalization, Skipped, Split
from leveret.data.clutter import Clutter, ClutteredSplit, cluttered
from leveret.data.images import decode_image
from leveret.data.segmentation import SegmentationData, load_segmentation, median_frequency_weights
from leveret.data.tagging import TaggingData, TagSplit, from_sentences, load_tagging

__all__ = [
    "Clutter",
    "ClutteredSplit",
    "Data",
    "LoadReport",
    "Normalization",
    "SegmentationData",
    "Skipped",
    "Split",
    "TagSplit",
    "TaggingData",
    "TiledImage",
    "cluttered",
    "decode_image",
    "few_labels",
    "from_arrays",
    "from_sentences",
    "joined",
    "load",
    "load_segmentation",
    "load_tagging",
    "long_tailed",
    "median_frequency_weights",
    "of_classes",
    "write_folder",
]
