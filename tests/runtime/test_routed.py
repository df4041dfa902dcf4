"""Nets of several parts: what their files hold, the route of dynamic capacity by hand, and files that make no sense."""

import copy
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lvr_files import signed, small_tensors
from routed_files import (
    GRID,
    SHAPE,
    by_hand,
    routed_parts,
    routed_route,
    routed_tensors,
    routed_texts,
    step,
    write_routed,
)

from leveret import runtime
from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.runtime import Budget, InputContract, Packed, PackedCapacity, UntilSure, kernels
from leveret.runtime._graph import Graph

PIXELS = np.random.default_rng(1).integers(0, 256, (5, *SHAPE), dtype=np.uint8)


@pytest.fixture
def net(tmp_path):
    return runtime.load(write_routed(tmp_path / "net.lvr"))


def test_logits_and_places_by_hand(tmp_path, isa):
    net = runtime.load(write_routed(tmp_path / "net.lvr"))
    assert isinstance(net, PackedCapacity)
    for k in (0, 1, 2, 15, 16):
        net.k = k
        logits, chosen = by_hand(PIXELS, k)
        look = net.look(PIXELS)
        np.testing.assert_allclose(net(PIXELS), logits, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(look.logits, logits, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(look.coarse_logits, by_hand(PIXELS, 0)[0], rtol=1e-4, atol=1e-4)
        assert [places.tolist() for places in look.chosen] == [[[p // 4, p % 4] for p in best] for best in chosen]
        assert look.counts.tolist() == [k] * 5
        # a patch costs 54 operations, an image 16 times as much
        assert (look.patches, look.images) == ((0, 5) if k == 16 else (5 * k, 0))
        for places, boxes in zip(look.chosen, look.boxes, strict=True):
            assert np.array_equal(boxes, np.concatenate([2 * places, 2 * places + 3], 1))
    assert (net.predict(PIXELS) == net(PIXELS).argmax(1)).all()
    np.testing.assert_array_equal(net(PIXELS[0]), net(PIXELS[:1]))
    assert net(PIXELS[:0]).shape == (0, 4)
    normalised = (PIXELS - 255 * np.array([0.4, 0.5])[:, None, None]) / (255 * np.array([0.2, 0.3])[:, None, None])
    np.testing.assert_allclose(net(normalised.astype(np.float32)), net(PIXELS), rtol=1e-4, atol=1e-4)


def test_a_budget_goes_to_the_highest_scores_of_all_images(net):
    net.k = Budget(patches=1.5)
    look = net.look(PIXELS)
    assert look.counts.sum() == 7
    best = np.sort(look.saliency.ravel())[::-1][:7]
    scores = look.saliency.reshape(5, -1)[look.sample, look.place]
    assert sorted(scores, reverse=True) == best.tolist()
    np.testing.assert_allclose(look.logits, by_hand(PIXELS, look.counts.tolist())[0], rtol=1e-4, atol=1e-4)
    for nothing in (Budget(patches=0), Budget(operations=0), Budget(operations=10)):
        net.k = nothing
        np.testing.assert_allclose(net(PIXELS), by_hand(PIXELS, 0)[0], rtol=1e-4, atol=1e-4)
    net.k = Budget(operations=54 * 3)
    assert net.look(PIXELS).counts.sum() == 15
    net.k = Budget(operations=864)
    assert net.look(PIXELS).counts.tolist() == [16] * 5


def entropy(logits):
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    return -(shares * np.log(shares)).sum()


@pytest.mark.parametrize(("sure", "fall"), [(0.3, 0.05), (0.0, 0.2), (0.9, 0.0)])
def test_until_sure_stops_where_the_entropy_does(net, sure, fall):
    net.k = UntilSure(5, sure=sure, step=2, fall=fall)
    pixels = np.random.default_rng(7).integers(0, 256, (16, *SHAPE), dtype=np.uint8)
    look = net.look(pixels)
    falls = []
    for i, image in enumerate(pixels):
        rounds = [0, 2, 4, 5]
        entropies = [entropy(by_hand(image[None], count)[0][0]) for count in rounds]
        falls += list(-np.diff(entropies))
        stop = 0
        while entropies[stop] > sure and stop < 3 and (stop == 0 or entropies[stop - 1] - entropies[stop] > fall):
            stop += 1
        assert look.counts[i] == rounds[stop]
    np.testing.assert_allclose(look.logits, by_hand(pixels, look.counts.tolist())[0], rtol=1e-4, atol=1e-4)
    assert len(set(look.counts.tolist())) > 1
    assert min(falls) < 0 < max(falls)


def test_saved_and_loaded_it_is_the_same(net, tmp_path):
    for k in (3, UntilSure(4, step=2), Budget(patches=2.5), Budget(operations=100)):
        net.k = k
        net.save(tmp_path / "again.lvr")
        again = runtime.load(tmp_path / "again.lvr")
        assert again.k == k
        assert again.layers() == net.layers()
        assert again.nbytes == net.nbytes == sum(array.nbytes for array in routed_tensors().values())
        np.testing.assert_array_equal(again(PIXELS), net(PIXELS))


def test_what_it_says_of_itself(net):
    layers = {layer.name: layer for layer in net.layers()}
    assert layers["fine.conv"].macs == 2 * 54
    assert layers["whole.conv"].macs == 0
    assert layers["whole.conv"].bytes == 0
    net.k = 16
    layers = {layer.name: layer for layer in net.layers()}
    assert (layers["fine.conv"].macs, layers["whole.conv"].macs) == (0, 16 * 54)
    assert net.output_shape == (4,)
    assert "coarse, saliency, fine, whole, top" in repr(net)
    assert (net.route, net.grid) == ("dynamic_capacity", GRID)
    with pytest.raises(LeveretUsageError, match=r"k is 17, and images of 9x10 have a grid of 4x4, 16 places"):
        net.k = 17
    for wrong in (-1, 1.5, True, None, "8"):
        with pytest.raises(LeveretUsageError, match="k must be a whole number"):
            net.k = wrong
    with pytest.raises(LeveretUsageError, match=r"\(n, 2, 9, 10\)"):
        net(PIXELS[:, :, 1:])
    with pytest.raises(LeveretUsageError, match="threads"):
        net.look(PIXELS, threads=0)


def test_profile(net):
    for k, parts in ((2, ["coarse", "saliency", "fine", "top"]), (0, ["coarse", "top"])):
        net.k = k
        steps = net.profile(PIXELS, repeats=2)
        assert list(dict.fromkeys(s.name.partition(".")[0] for s in steps)) == [*parts, "dynamic_capacity"]
        assert all(s.seconds >= 0 for s in steps)
    assert sum(s.macs for s in steps) == 5 * (16 * 54 + 48 * 4)


def test_windows_that_are_held_inside_or_go_on_in_zeros(tmp_path):
    """The fine layers pad: on windows inside the image as on the image itself; on crops each by itself."""
    parts, route = routed_parts(), routed_route()
    padded = {"stride": [2, 2], "padding": [1, 1]}
    for name in ("coarse", "fine", "whole"):
        parts[name]["steps"][0]["attributes"] = padded
    for name in ("saliency", "top"):
        parts[name]["shape"] = [3, 5, 5]
    parts["fine"]["shape"] = [2, 5, 6]
    tensors = routed_tensors() | {"head.weight": np.random.default_rng(0).normal(size=(4, 75)).astype(np.float32)}
    for name in ("rows", "columns"):
        # place 0's window begins at −2, and is moved to 0: its second place is meant, then the first
        route[name] |= {"first": -2, "middle": 1, "held": True, "start": -1}
    held = runtime.load(write_routed(tmp_path / "held.lvr", parts, route, tensors))
    held.k = 25
    everywhere = held.look(PIXELS)
    assert (everywhere.patches, everywhere.images) == (0, 5)
    sample, place = np.repeat(np.arange(5), 25), np.tile(np.arange(25), 5)
    np.testing.assert_allclose(
        held.vectors(PIXELS, sample, place), held.vectors(PIXELS, sample, place, "whole"), rtol=1e-5, atol=1e-5
    )
    parts["fine"] |= {"shape": [2, 3, 3], "steps": copy.deepcopy(parts["fine"]["steps"])}
    parts["fine"]["steps"][0]["attributes"] = {"stride": [2, 2]}
    for name in ("rows", "columns"):
        route[name] |= {"first": -1, "middle": 0, "held": False}
    zeros = runtime.load(write_routed(tmp_path / "zeros.lvr", parts, route, tensors))
    np.testing.assert_allclose(
        zeros.vectors(PIXELS, sample, place), held.vectors(PIXELS, sample, place), rtol=1e-5, atol=1e-5
    )


def test_images_that_are_cut_into_pieces_and_one_by_one(net, monkeypatch):
    expected = net(PIXELS)
    monkeypatch.setattr("leveret.runtime.routes._refining._PIECE", 1)
    np.testing.assert_allclose(net(PIXELS), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([net(one) for one in PIXELS]), expected, rtol=1e-5, atol=1e-5)


def refused(path, *says):
    with pytest.raises(LeveretFormatError) as caught:
        runtime.load(path)
    for word in (path.name, *says):
        assert word in str(caught.value)
    assert len(str(caught.value)) < 3000


def route_with(**changes):
    route = routed_route()
    for key, value in changes.items():
        if isinstance(value, dict) and key in ("rows", "columns"):
            route[key] |= value
        elif value is None:
            del route[key]
        else:
            route[key] = value
    return route


@pytest.mark.parametrize(
    ("route", "says"),
    [
        ([], ("unknown route",)),
        ({}, ("unknown route null",)),
        (route_with(name="exec"), ('unknown route "exec"', "dynamic_capacity")),
        (route_with(name="x" * 10_000), ("unknown route",)),
        (route_with(name=["dynamic_capacity"]), ("unknown route",)),
        (route_with(k=None), ("'k' is missing",)),
        (route_with(evil=1), ("'evil' is not known",)),
        (route_with(k=17), ("k is 17", "4x4")),
        (route_with(k=-1), ("k must be",)),
        (route_with(k=True), ("k must be",)),
        (route_with(k="8"), ("k must be",)),
        (route_with(k={"until_sure": {}}), ("at_most",)),
        (route_with(k={"until_sure": {"at_most": 0}}), ("at_most", "at least 1")),
        (route_with(k={"until_sure": {"at_most": 2, "fall": -1}}), ("fall",)),
        (route_with(k={"until_sure": {"at_most": 2, "sure": "x"}}), ("sure",)),
        (route_with(k={"until_sure": 3}), ("route",)),
        (route_with(k={"budget": {}}), ("budget",)),
        (route_with(k={"budget": {"patches": -1}}), ("budget",)),
        (route_with(k={"budget": {"patches": 1, "operations": 1}}), ("budget",)),
        (route_with(k={"luck": {}}), ("until_sure, budget",)),
        (route_with(costs=[54]), ("costs",)),
        (route_with(costs=[0, 1]), ("costs",)),
        (route_with(costs=[1.5, 1]), ("costs",)),
        (route_with(costs=[1, 10**30]), ("costs",)),
        (route_with(rows=[]), ("rows must be an object",)),
        (route_with(rows={"evil": 1}), ("rows must be an object",)),
        (route_with(rows={"stride": 0}), ("stride of rows", "1..")),
        (route_with(rows={"stride": True}), ("stride of rows",)),
        (route_with(columns={"first": 10**9}), ("first of columns",)),
        (route_with(columns={"first": -(1 << 20)}, rows={"first": -(1 << 20)}), ("far from an image",)),
        (route_with(rows={"stride": 1 << 20}), ("far from an image",)),
        (route_with(rows={"whole": 1 << 20}, columns={"whole": 1 << 20}), ("far from an image",)),
        (route_with(rows={"middle": 1}), ("place 1 to 1 of a window of 1",)),
        (route_with(rows={"middle": -1}), ("middle of rows",)),
        (route_with(rows={"held": 1}), ("held of rows",)),
        (route_with(rows={"held": True, "first": -2}), ("place -1 to 0 of a window of 1",)),
        (route_with(rows={"held": True, "first": -1}), ("between two strides",)),
    ],
)
def test_routes_that_make_no_sense(tmp_path, route, says):
    refused(write_routed(tmp_path / "route.lvr", route=route), *says)


def parts_with(name, value=None, **changes):
    parts = routed_parts()
    if value is not None:
        parts[name] = value
    elif changes:
        parts[name] |= changes
    else:
        del parts[name]
    return parts


SMALLER = [step("fine.conv", "conv2d", ["input"], {"stride": [2, 2], "padding": [1, 1]}, weight="fine.weight")]


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ([], ("parts",)),
        ({}, ("parts",)),
        ({"coarse": 3}, ("part 'coarse'", "object")),
        ({"a b": routed_parts()["coarse"]}, ("part's name",)),
        (parts_with("fine"), ("part 'fine' is missing",)),
        (parts_with("saliency"), ("part 'saliency' is missing",)),
        (
            parts_with("finer", {**routed_parts()["fine"], "steps": [step("f", "flatten", ["input"])]}),
            ("no part 'finer'",),
        ),
        (parts_with("coarse", steps=[]), ("part 'coarse'", "steps")),
        (parts_with("coarse", takes="bytes"), ("part 'coarse'", "images or features")),
        (parts_with("coarse", takes="features"), ("part 'coarse' must take",)),
        (parts_with("coarse", shape=[2, 9]), ("part 'coarse'", "shape")),
        (parts_with("coarse", shape=[2, 9, -1]), ("part 'coarse'", "whole numbers")),
        (parts_with("coarse", shape=[2, 9, True]), ("part 'coarse'", "shape")),
        (parts_with("coarse", shape=[2, 10, 10]), ("part 'coarse' must take (2, 9, 10)",)),
        (parts_with("fine", shape=[1, 3, 3]), ("part 'fine'", "1 channels")),
        (parts_with("fine", shape=[2, 2, 2]), ("part 'fine'", "step 'fine.conv'", "too small")),
        (parts_with("fine", shape=[2, 11, 3]), ("windows of 11 pixels are larger than an image of 9",)),
        (parts_with("fine", takes="features"), ("part 'fine' must take images",)),
        (parts_with("fine", steps=[step("f", "flatten", ["input"])]), ("part 'fine' gives features of (18,)",)),
        (parts_with("whole", shape=[2, 7, 9]), ("part 'whole' gives features of (3, 3, 4)",)),
        (parts_with("top", shape=[3, 4, 5]), ("part 'top'",)),
        (parts_with("top", steps=[step("f", "affine", ["input"])]), ("part 'top' must give logits",)),
        (parts_with("saliency", steps=[step("f", "flatten", ["input"])]), ("part 'saliency' must give 16 scores",)),
        (
            parts_with("coarse", steps=[*routed_parts()["coarse"]["steps"], step("f", "flatten", ["coarse.conv"])]),
            ("part 'coarse' must give features",),
        ),
        (parts_with("coarse", steps=[step("f", "conv2d", ["input"])]), ("part 'coarse': step 'f'", "weight")),
        (parts_with("top", steps=routed_parts()["saliency"]["steps"]), ("another part's step",)),
        (parts_with("top", steps=[step("f", "exec", ["input"])]), ("part 'top'", "unknown operation 'exec'")),
        (parts_with("whole", shape=[2, 16_384, 16_384]), ("part 'whole'",)),
    ],
)
def test_parts_that_make_no_sense(tmp_path, parts, says):
    refused(write_routed(tmp_path / "parts.lvr", parts), *says)


def test_other_texts_that_make_no_sense(tmp_path):
    path = tmp_path / "texts.lvr"
    refused(write_routed(path, parts={}, route=routed_route()), "parts")
    for broken in (None, "", "{", "[" * 100_000, "NaN"):
        refused(write_routed(path, graph=broken), "graph")
    for key in ("parts", "route"):
        for broken in ("", "{", "[" * 100_000, "NaN", '{"k": NaN}'):
            path.write_bytes(signed(routed_texts() | {key: broken}, routed_tensors()))
            refused(path, key)
    other = json.dumps({"steps": [step("net", "flatten", ["input"])]})
    refused(write_routed(path, graph=other), "one step of that name")
    refused(write_routed(path, classes='["a"]'), "4 logits for 1 classes")
    refused(write_routed(path, tensors={**routed_tensors(), "more": np.zeros(3, np.float32)}), "no step uses", "'more'")
    less = {name: array for name, array in routed_tensors().items() if name != "head.shift"}
    refused(write_routed(path, tensors=less), "'head.shift' is not in the file")
    refused(write_routed(path, input=json.dumps({"shape": [9], "dtype": "int64", "vocabulary": 7})), "token ids")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 1 << 70) | st.floats(-1e9, 1e9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


def places_of(value, way=()):
    """The way to every value in nested lists and objects."""
    yield way
    for key, own in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places_of(own, (*way, key))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_in_any_place_gives_a_net_or_a_format_error(tmp_path, data):
    texts = {"parts": routed_parts(), "route": routed_route()}
    way = data.draw(st.sampled_from([way for way in places_of(texts) if len(way) > 1]))
    value = data.draw(JSON)
    inner = texts
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = value
    path = write_routed(tmp_path / "odd.lvr", **texts)
    try:
        net = runtime.load(path)
    except LeveretFormatError:
        return
    with np.errstate(all="ignore"):
        assert net(PIXELS[:2]).shape == (2, 4)


def test_work_without_end_is_refused(tmp_path):
    """Each part by itself is small enough, all places refined are not."""
    image = [1, 4096, 4096]
    weight = np.ones((1, 1, 1, 1), np.float32)
    conv = [step("coarse.conv", "conv2d", ["input"], {"stride": [1, 1]}, weight="w")]
    features = [1, 4096, 4096]
    parts = {
        "coarse": {"takes": "images", "shape": image, "steps": conv},
        "saliency": {"takes": "features", "shape": features, "steps": [step("saliency.row", "flatten", ["input"])]},
        "fine": {
            "takes": "images",
            "shape": [1, 1024, 1024],
            "steps": [step("fine.pool", "max_pool2d", ["input"], {"kernel": [1024, 1024], "stride": [1, 1]})],
        },
        "top": {"takes": "features", "shape": features, "steps": [step("top.pool", "global_max_pool", ["input"])]},
    }
    axis = {"stride": 1, "first": 0, "middle": 0, "held": False, "whole": 0, "start": 0, "size": 1}
    route = {"name": "dynamic_capacity", "k": 1, "costs": [1, 1], "rows": axis, "columns": axis}
    contract = json.dumps({"shape": image, "dtype": "float32"})
    path = write_routed(tmp_path / "slow.lvr", parts, route, {"w": weight}, input=contract, classes="[]")
    refused(path, "operations; at most")


def test_readers_that_know_no_routes_name_it(tmp_path):
    """As of format 1.3: what they make of the graph."""
    with pytest.raises(LeveretFormatError, match="unknown operation 'dynamic_capacity'"):
        Packed(Graph.from_json(routed_texts()["graph"]), small_tensors(), InputContract(SHAPE))


def test_numpys_kernels_give_the_same(net, tmp_path):
    with kernels.using_isa("reference"):
        reference = runtime.load(write_routed(tmp_path / "again.lvr"))
        assert reference.parts["coarse"]._engine is None
        np.testing.assert_allclose(reference(PIXELS), net(PIXELS), rtol=1e-4, atol=1e-4)
