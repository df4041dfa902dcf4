"""Files that hold a tree of classes: what is wrong in them is said, before anything runs."""

import copy
import json

import numpy as np
import pytest
from lvr_files import signed
from routed_files import step

from leveret import runtime
from leveret.errors import LeveretFormatError

SHAPE = [1, 2, 2]


def part(name, classes):
    steps = [
        step(f"{name}.flat", "flatten", ["input"]),
        step(f"{name}.head", "linear", [f"{name}.flat"], weight=f"{name}.weight"),
    ]
    return {"takes": "images", "shape": SHAPE, "steps": steps}, {
        f"{name}.weight": np.eye(4, dtype=np.float32)[:classes]
    }


def content():
    """A root of four classes over a leaf of two, another of one, and a leaf of one class without a part."""
    parts, tensors = {}, {}
    for name, classes in (("root", 4), ("root-0", 2)):
        parts[name], own = part(name, classes)
        tensors |= own
    tree = {
        "part": "root",
        "outputs": [0, 1, 2, 3],
        "children": [
            {"part": "root-0", "outputs": [2, 0]},
            {"part": "", "outputs": [1]},
            {"part": "", "outputs": [3]},
        ],
    }
    return parts, {"name": "class_tree", "tree": tree, "beams": 1, "blend": 0.0}, tensors


def written(path, parts, route, tensors):
    texts = {
        "format": "leveret",
        "version": "1.4",
        "graph": json.dumps({"steps": [step("class_tree", "class_tree", ["input"])]}),
        "parts": json.dumps(parts),
        "route": json.dumps(route),
        "input": json.dumps({"dtype": "float32", "shape": SHAPE}),
        "classes": json.dumps(list("abcd")),
        "provenance": "{}",
    }
    path.write_bytes(signed(texts, tensors))
    return path


def test_a_tree_by_hand(tmp_path):
    packed = runtime.load(written(tmp_path / "t.lvr", *content()))
    x = np.array([[3, 0, 2.5, 0], [0, 2, 0, 0]], np.float32).reshape(2, 1, 2, 2)
    p = np.exp(x.reshape(2, 4))
    p /= p.sum(1, keepdims=True)
    # the leaf tells class 2 by the first pixel and class 0 by the second
    q = np.exp(x.reshape(2, 4)[:, :2])
    q /= q.sum(1, keepdims=True)
    both = p[:, 0] + p[:, 2]
    said = packed(x)
    inside = np.array([both[0] * q[0, 1], p[0, 1], both[0] * q[0, 0], p[0, 3]])
    np.testing.assert_allclose(np.exp(said[0]), inside / inside.sum(), rtol=1e-4)
    # b was picked, a leaf of its own
    assert said.argmax(1).tolist() == [2, 1]
    packed.beams = None
    expected = np.stack([both * q[:, 1], p[:, 1], both * q[:, 0], p[:, 3]], 1)
    np.testing.assert_allclose(np.exp(packed(x)), expected, rtol=1e-4)


def wrong(change):
    parts, route, tensors = copy.deepcopy(content())
    change(parts, route, tensors)
    return parts, route, tensors


def children(route):
    return route["tree"]["children"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p, r, t: r.update(beams=0), "beams must be"),
        (lambda p, r, t: r.update(beams="many"), "beams must be"),
        (lambda p, r, t: r.update(blend=1.0), "blend must be"),
        (lambda p, r, t: r.update(blend=None), "blend must be"),
        (lambda p, r, t: r.update(more=1), "setting 'more' is not known"),
        (lambda p, r, t: r.pop("tree"), "setting 'tree' is missing"),
        (lambda p, r, t: r.update(tree=[]), "a node must have a part"),
        (lambda p, r, t: r["tree"].update(outputs=[1, 0, 2, 3]), "classes in their order"),
        (lambda p, r, t: r["tree"].update(outputs=[0, 1, 2, 2]), "must be different"),
        (lambda p, r, t: r["tree"].update(outputs=[0, 1, 2, -3]), "counted from 0"),
        (lambda p, r, t: r["tree"].update(outputs=[0, 1, 2, True]), "counted from 0"),
        (lambda p, r, t: r["tree"].update(part=7), "a part's name"),
        (lambda p, r, t: r["tree"].update(children=children(r)[:1]), "no child or several"),
        (lambda p, r, t: r["tree"].update(children=children(r)[:2]), "each of its classes once"),
        (lambda p, r, t: children(r)[1].update(outputs=[3]), "each of its classes once"),
        (lambda p, r, t: children(r)[0].update(part=""), "only a leaf of one class has no part"),
        (lambda p, r, t: children(r)[1].update(part="root-0"), "each part once"),
        (lambda p, r, t: children(r)[0].update(part="root-9"), "each part once"),
        (lambda p, r, t: p.pop("root"), "part 'root' is missing"),
        (lambda p, r, t: p["root-0"].update(shape=[1, 1, 4]), "part 'root-0' must take images of"),
        (lambda p, r, t: p["root-0"].update(takes="features"), "part 'root-0' must take images of"),
        (lambda p, r, t: t.update({"root-0.weight": np.eye(4, dtype=np.float32)[:3]}), r"gives \(3,\), its node has 2"),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path, change, said):
    with pytest.raises(LeveretFormatError, match=said):
        runtime.load(written(tmp_path / "t.lvr", *wrong(change)))


def test_a_tree_without_end_is_refused(tmp_path):
    parts, route, tensors = content()
    node = {"part": "", "outputs": [0]}
    for depth in range(1, 40):
        node = {"part": "root", "outputs": list(range(depth + 1)), "children": [node, {"part": "", "outputs": [depth]}]}
    route["tree"] = node
    with pytest.raises(LeveretFormatError, match="deeper than"):
        runtime.load(written(tmp_path / "t.lvr", parts, route, tensors))
