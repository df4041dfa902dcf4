"""Sentences with a tag for each token: read from CoNLL files and tables, checked against their scheme."""

from leveret.data.tagging._data import TaggingData
from leveret.data.tagging._detect import is_tagging
from leveret.data.tagging._load import from_sentences, load_tagging
from leveret.data.tagging._split import SentenceSource, TagSplit

__all__ = ["SentenceSource", "TagSplit", "TaggingData", "from_sentences", "is_tagging", "load_tagging"]
