"""Sentences with tags, and a tagger small enough to enumerate all of its tag sequences."""

from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

TAGS = ("O", "B-per", "I-per", "B-loc", "I-loc")
SENTENCES = [
    ["I", "met", "Ann", "Lee"],
    ["Rome", ",", "Oslo", ",", "Bern"],
    ["Hello"],
    ["in", "Oslo"],
]
LABELS = [[0, 0, 1, 2], [3, 0, 3, 0, 3], [0], [0, 3]]


class Tokens:
    """A part whose samples are lists of tokens."""

    def __init__(self, sentences):
        self.sentences = sentences
        self.columns = {}

    def __len__(self):
        return len(self.sentences)

    def fetch(self, indices):
        return [self.sentences[int(i)] for i in indices]


def sentences():
    part = Tokens(SENTENCES)
    return SimpleNamespace(kind="tag", classes=TAGS, train=part, val=part, test=part)


def labels_of(indices):
    longest = max(len(LABELS[i]) for i in indices)
    return torch.tensor([LABELS[i] + [-100] * (longest - len(LABELS[i])) for i in indices])


class Crf(nn.Module):
    def __init__(self, tags):
        super().__init__()
        self.start, self.end = nn.Parameter(torch.randn(tags)), nn.Parameter(torch.randn(tags))
        self.transitions = nn.Parameter(torch.randn(tags, tags))

    def scores(self):
        return self.start, self.transitions, self.end

    def log_partition(self, emissions, lengths):
        totals = []
        for row, n in zip(emissions, lengths.tolist(), strict=True):
            alpha = self.start + row[0]
            for t in range(1, n):
                alpha = torch.logsumexp(alpha[:, None] + self.transitions, 0) + row[t]
            totals.append(torch.logsumexp(alpha + self.end, 0))
        return torch.stack(totals)


class TinyTagger(nn.Module):
    """Emissions by a word's number alone."""

    def __init__(self, tags=5):
        super().__init__()
        self.words = {word: i for i, word in enumerate(sorted({w for s in SENTENCES for w in s}))}
        self.table = nn.Embedding(len(self.words), tags)
        self.crf = Crf(tags)

    def lengths(self, x):
        return torch.tensor([len(one) for one in x])

    def forward(self, x):
        ids = np.zeros((len(x), max(map(len, x))), np.int64)
        for i, one in enumerate(x):
            ids[i, : len(one)] = [self.words[word] for word in one]
        return self.table(torch.from_numpy(ids))
