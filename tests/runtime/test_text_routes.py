"""Files of nets for texts whose parts or settings make no sense; recurrences and paths against plain loops."""

import copy
import dataclasses
import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.errors import LeveretFormatError
from leveret.runtime import InputContract, PackedBag, PackedTagger, PackedTextConv
from leveret.runtime._graph import Graph, Step
from leveret.runtime.routes import Part, _recurrent, parts_from_json
from leveret.runtime.routes._part import parts_to_json
from leveret.runtime.routes._sequence import pieces

RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def one(name, op, tensors, shape, ids=0, attributes=None):
    names = {role: f"{name}.{role}" for role in tensors}
    step = Step(f"{name}.step", op, ["input"], attributes or {}, names)
    return Part(Graph([step]), shape, not ids, ids), {names[role]: value for role, value in tensors.items()}


def assembled(*pieces):
    parts = {name: part for name, (part, _) in pieces}
    return parts, {key: value for _, (_, tensors) in pieces for key, value in tensors.items()}


def conv(name, out, channels, k=1, **more):
    weight = {"weight": floats(out, 1, k, channels)}
    return name, one(name, "conv2d", weight | more, (channels, 1, k))


def relu(n):
    return {"slope": np.zeros(n, np.float32)}


TEXT = {"tokenizer": {"split": "spaces", "lowercase": True}, "words": ["a", "b"]}
SPELLED = {**TEXT, "characters": ["a", "b", "c"]}


def text_conv():
    steps = [
        Step("top.flatten", "flatten", ["input"]),
        Step("top.linear", "linear", ["top.flatten"], {}, {"weight": "top.w"}),
    ]
    parts, tensors = assembled(
        ("words", one("words", "embedding", {"weight": floats(4, 3)}, (1, 1, 1), ids=4)),
        conv("filters0", 2, 3, 2, **relu(2)),
        ("top", (Part(Graph(steps), (2, 1, 1), True), {"top.w": floats(3, 2)})),
    )
    return PackedTextConv, parts, {"text": TEXT}, tensors


def tagger():
    parts, tensors = assembled(
        ("words", one("words", "embedding", {"weight": floats(4, 3)}, (1, 1, 1), ids=4)),
        ("letters", one("letters", "embedding", {"weight": floats(5, 2)}, (1, 1, 1), ids=5)),
        conv("spell", 2, 2, 3, **relu(2)),
        conv("ahead", 8, 5),
        conv("ahead_step", 8, 2),
        conv("behind", 8, 5),
        conv("behind_step", 8, 2),
        conv("emissions", 3, 4),
    )
    chain = {"start": [0.0] * 3, "transitions": [[0.0] * 3] * 3, "end": [0.0] * 3}
    return PackedTagger, parts, {"text": SPELLED, **chain}, tensors


def made(make, change=lambda parts, settings, tensors: None, classes=()):
    kind, parts, settings_, tensors = make()
    settings_ = copy.deepcopy(settings_)
    change(parts, settings_, tensors)
    return kind(parts, settings_, tensors, InputContract((1,), vocabulary=4), classes)


def test_they_run_as_they_are():
    assert made(text_conv)(["a b c", ""]).shape == (2, 3)
    assert [len(path) for path in made(tagger).predict([["a", "c"], []])] == [2, 0]


def part(name, **values):
    return lambda parts, *_: parts.update({name: dataclasses.replace(parts[name], **values)})


def setting(name, value):
    return lambda parts, settings, tensors: settings.update({name: value})


def without(name):
    def change(parts, settings, tensors):
        for step in parts.pop(name).graph.steps:
            for tensor in step.tensors.values():
                del tensors[tensor]

    return change


def tensor(name, value):
    return lambda parts, settings, tensors: tensors.update({name: value})


def attribute(name, **values):
    return lambda parts, *_: parts[name].graph.steps[0].attributes.update(values)


CASES = [
    (text_conv, without("top"), "look at 'top'"),
    (text_conv, without("filters0"), "look at 'filters0'"),
    (text_conv, setting("more", 1), "setting 'more' is not known"),
    (text_conv, lambda p, s, t: s.clear(), "setting 'text' is missing"),
    (text_conv, setting("text", {**TEXT, "words": ["a"]}), "part 'words' knows 4 ids, and the encoder has 3"),
    (text_conv, setting("text", {**TEXT, "words": 3}), "words must be a list"),
    (text_conv, part("words", ids=9), "at least 9 tokens"),
    (text_conv, part("filters0", shape=(4, 1, 2)), "weight must end in 4"),
    (text_conv, tensor("filters0.slope", np.ones(2, np.float32)), "must end in a ReLU"),
    (text_conv, attribute("filters0", padding=[0, 1]), "padding must be"),
    (text_conv, attribute("filters0", stride=[1, 2]), "stride must be"),
    (text_conv, part("filters0", shape=(3, 1, 5)), "must take one window, it gives"),
    (text_conv, part("top", shape=(3, 1, 1)), "top"),
    (tagger, without("ahead_step"), "part 'ahead_step' is missing"),
    (tagger, without("spell"), "letters are read by letters with spell"),
    (tagger, setting("text", TEXT), "just where the net has letters"),
    (tagger, setting("start", [0.0] * 2), "start must be numbers of shape"),
    (tagger, setting("transitions", [[0.0] * 3, [0.0]]), "transitions must be numbers of shape"),
    (tagger, setting("end", [0.0, 1e39, 0.0]), "end must be numbers of shape"),
    (tagger, setting("end", "abc"), "end must be numbers of shape"),
    (tagger, tensor("ahead_step.weight", floats(7, 1, 1, 2)), "must give 8 gates"),
    (tagger, tensor("ahead.weight", floats(7, 1, 1, 5)), "gives 7 gates, four for each unit"),
    (tagger, tensor("emissions.weight", floats(4, 1, 1, 4)), "start must be numbers of shape"),
]


@pytest.mark.parametrize(("make", "change", "what"), CASES, ids=range(len(CASES)))
def test_what_makes_no_sense_is_refused(make, change, what):
    with pytest.raises(LeveretFormatError, match=what):
        made(make, change)


def test_other_contracts_and_classes_are_refused():
    kind, parts, settings_, tensors = text_conv()
    with pytest.raises(LeveretFormatError, match="takes token ids, not images"):
        kind(parts, settings_, tensors, InputContract((1, 4, 4)))
    with pytest.raises(LeveretFormatError, match="3 logits for 2 classes"):
        made(text_conv, classes=("x", "y"))
    parts, tensors = assembled(("words", one("words", "embedding", {"weight": floats(4, 3)}, (1, 1, 1), ids=4)))
    for hashed, what in (({"buckets": 4}, "two whole numbers"), ({"buckets": 0, "ngrams": 1}, "must be in")):
        top = dict(text_conv()[1])["top"]
        with pytest.raises(LeveretFormatError, match=what):
            PackedBag(
                {**parts, "top": top}, {"hashed": hashed}, {**tensors, "top.w": floats(3, 2)},
                InputContract((1,), vocabulary=4),
            )  # fmt: skip


def test_parts_of_ids_come_back_from_json():
    _, parts, _, _ = text_conv()
    assert parts_from_json(parts_to_json(parts)) == parts
    for change in ({"vocabulary": 0}, {"vocabulary": "4"}, {"shape": [1, 1, 2]}):
        value = json.loads(parts_to_json(parts))
        value["words"] |= change
        with pytest.raises(LeveretFormatError, match="takes ids: its shape must be"):
            parts_from_json(json.dumps(value))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("backward", [False, True])
def test_the_lstm_against_a_plain_loop(backward):
    lengths = np.array([3, 0, 5, 1])
    entering, recurrent = floats(9, 12), floats(12, 3)
    found = _recurrent.lstm(entering, lengths, recurrent, backward=backward)
    begin = 0
    for n in lengths:
        h = c = np.zeros(3)
        for t in range(n)[:: -1 if backward else 1]:
            i, f, g, o = np.split(entering[begin + t] + recurrent @ h, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            np.testing.assert_allclose(found[begin + t], h, atol=1e-5)
        begin += n


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3), st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_best_paths_against_all_of_them(seed, tags, lengths):
    rng = np.random.default_rng(seed)
    emissions = rng.normal(size=(sum(lengths), tags)).astype(np.float32)
    start, end, transitions = (rng.normal(size=s).astype(np.float32) for s in (tags, tags, (tags, tags)))
    begin = 0
    for n, path in zip(
        lengths, _recurrent.best_paths(emissions, np.array(lengths), start, transitions, end), strict=True
    ):

        def score(tags_, own=emissions[begin : begin + n]):
            steps = sum(transitions[a, b] for a, b in itertools.pairwise(tags_))
            return start[tags_[0]] + end[tags_[-1]] + steps + sum(own[t, tag] for t, tag in enumerate(tags_))

        assert len(path) == n
        if n:
            best = max(itertools.product(range(tags), repeat=n), key=score)
            assert score(path.tolist()) == pytest.approx(score(best), abs=1e-5)
        begin += n


def test_every_window_lies_in_a_piece(monkeypatch):
    monkeypatch.setattr("leveret.runtime.routes._sequence._PIECE", 8)
    for length, k in itertools.product((0, 1, 7, 8, 9, 30), (1, 2, 5)):
        found = list(pieces(np.array([length]), k - 1))
        windows = {start + t for _, start, size in found for t in range(size - k + 1)}
        assert windows == set(range(length - k + 1))
        assert max(size for _, _, size in found) <= 8
