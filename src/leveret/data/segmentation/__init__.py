"""Images with masks, a class for each pixel: read from disk as they are needed, with names and colours."""

from leveret.data.segmentation._classes import Entry, read_classes
from leveret.data.segmentation._data import SegmentationData
from leveret.data.segmentation._load import load_segmentation
from leveret.data.segmentation._masks import MaskReader
from leveret.data.segmentation._overlay import colored
from leveret.data.segmentation._pairs import is_segmentation
from leveret.data.segmentation._palette import default_palette
from leveret.data.segmentation._split import SegmentationSplit, median_frequency_weights, window

__all__ = [
    "Entry",
    "MaskReader",
    "SegmentationData",
    "SegmentationSplit",
    "colored",
    "default_palette",
    "is_segmentation",
    "load_segmentation",
    "median_frequency_weights",
    "read_classes",
    "window",
]
