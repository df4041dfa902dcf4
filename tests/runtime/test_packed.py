"""Packed nets: inputs, files, and what a damaged or hostile file gets."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

import leveret
from leveret import runtime
from leveret.data import Normalization
from leveret.errors import LeveretError, LeveretFormatError, LeveretUsageError
from leveret.runtime import _format
from leveret.runtime._graph import Graph, Step
from leveret.runtime._packed import InputContract, Packed
from leveret.shrink.binary import BiRealBlock


@pytest.fixture(scope="module")
def packed():
    torch.manual_seed(0)
    net = leveret.ConvNet(1, 3, depth=3, widths=(8, 16), block=BiRealBlock)
    return leveret.pack(
        net,
        torch.randn(2, 1, 8, 8),
        normalization=Normalization((0.3,), (0.4,)),
        classes=("a", "b", "c"),
        provenance={"by": "test"},
    )


@pytest.fixture(scope="module")
def file(packed, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.lvr"
    packed.save(path)
    return path


def test_a_file_holds_everything(packed, file):
    again = Packed.load(file)
    images = np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8), dtype=np.uint8)
    np.testing.assert_array_equal(again(images), packed(images))
    assert (again.classes, again.provenance, again.input) == (packed.classes, packed.provenance, packed.input)
    assert again.format_version == "1.4"
    assert again.nbytes <= file.stat().st_size


def test_pixels_are_normalised_as_in_training(packed):
    images = np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8), dtype=np.uint8)
    floats = Normalization((0.3,), (0.4,)).apply(images)
    np.testing.assert_array_equal(packed(images), packed(floats))
    # one row and several go different ways through BLAS
    np.testing.assert_allclose(packed(images[0]), packed(images)[:1], rtol=1e-5, atol=1e-6)
    assert packed.predict(images).tolist() == packed(images).argmax(1).tolist()


def test_batches_are_cut_to_bounded_memory(packed, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (9, 1, 8, 8), dtype=np.uint8)
    whole = packed(images)
    monkeypatch.setattr("leveret.runtime._packed._MEMORY", 1)
    np.testing.assert_allclose(packed(images), whole, rtol=1e-5, atol=1e-6)
    assert packed(images[:0]).shape == (0, 3)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_nothing(packed, threads):
    images = np.random.default_rng(0).integers(0, 256, (9, 1, 8, 8), dtype=np.uint8)
    np.testing.assert_array_equal(packed(images, threads=threads), packed(images))


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (np.zeros((1, 1, 8, 8)), "uint8 or float32 array, got float64"),
        ([[0]], "got list"),
        (np.zeros((1, 3, 8, 8), np.uint8), r"must be \(n, 1, 8, 8\), got \(1, 3, 8, 8\)"),
        (np.zeros((8, 8), np.uint8), r"got \(8, 8\)"),
    ],
)
def test_wrong_inputs(packed, images, says):
    with pytest.raises(LeveretUsageError, match=says):
        packed(images)
    with pytest.raises(LeveretUsageError, match="threads"):
        packed(np.zeros((1, 1, 8, 8), np.uint8), threads=0)


def test_pixels_need_a_normalisation():
    net = leveret.pack(leveret.ConvNet(1, 3), torch.randn(2, 1, 8, 8))
    with pytest.raises(LeveretUsageError, match="without a normalisation"):
        net(np.zeros((1, 1, 8, 8), np.uint8))


def test_layers_add_up(packed):
    layers = packed.layers()
    assert sum(layer.bytes for layer in layers) == packed.nbytes
    binary = [layer for layer in layers if layer.bits == 1]
    assert [layer.binary_macs for layer in binary] == [8 * 8 * 9 * 16, 8 * 16 * 9 * 4]
    stem = layers[0]
    assert (stem.op, stem.in_shape, stem.out_shape, stem.macs) == ("conv2d", (1, 8, 8), (8, 8, 8), 8 * 9 * 64)
    assert layers[-1].out_shape == (3,)


def test_running_imports_no_torch(file):
    code = """
        import sys
        import numpy as np
        from leveret import runtime
        print(runtime.load(sys.argv[1])(np.zeros((1, 1, 8, 8), np.uint8)).shape)
        print([name for name in ("torch", "pytorch_lightning", "datasets", "PIL", "sklearn") if name in sys.modules])
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(file)], capture_output=True, text=True, check=True
    )
    assert run.stdout == "(1, 3)\n[]\n"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_cut_off_anywhere(file, tmp_path_factory, data):
    whole = file.read_bytes()
    path = tmp_path_factory.mktemp("cut") / "cut.lvr"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(LeveretFormatError, match=r"cut\.lvr"):
        runtime.load(path)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_flipped_bit_is_found(file, tmp_path_factory, data):
    whole = bytearray(file.read_bytes())
    header = int.from_bytes(whole[:8], "little") + 8
    # half of the flips in the header, which is the smaller and the more dangerous part
    place = data.draw(st.one_of(st.integers(0, header - 1), st.integers(0, len(whole) - 1)))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("flip") / "flipped.lvr"
    path.write_bytes(whole)
    with pytest.raises(LeveretFormatError, match=r"flipped\.lvr"):
        runtime.load(path)


def rewrite(file, path, change):
    """The file with its metadata changed and its hash made right again."""
    content = _format.read(file)
    texts, tensors = dict(content.metadata), dict(content.tensors)
    change(texts, tensors)
    texts["sha256"] = _format._digest(texts, tensors)
    save_file(tensors, path, texts)
    return path


def in_graph(edit):
    def change(texts, tensors):
        graph = json.loads(texts["graph"])
        edit(graph["steps"])
        texts["graph"] = json.dumps(graph)

    return change


def in_input(**values):
    def change(texts, tensors):
        texts["input"] = json.dumps({**json.loads(texts["input"]), **values})

    return change


def set_text(**values):
    return lambda texts, tensors: texts.update(values)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (set_text(format="other"), "not a .lvr one"),
        (set_text(version="2.0"), r"format 2\.0; this Leveret reads 1\.x: install a newer one"),
        (set_text(version="one"), "no valid format version"),
        (set_text(graph="{"), "graph is not valid JSON"),
        (set_text(graph='{"steps": NaN}'), "NaN is not a number"),
        (set_text(graph="[" * 100_000), "not valid JSON"),
        (set_text(graph='{"steps": []}'), "1 to 20000 steps"),
        (set_text(classes='["a"]'), "3 logits for 1 classes"),
        (set_text(classes="[1, 2, 3]"), "list of names"),
        (set_text(provenance="[]"), "provenance must be an object"),
        (in_input(shape=[1, 8]), "channels, height, width"),
        (in_input(shape=[1, 8, 10**9]), r"1\.\.16384"),
        (in_input(shape=[1, 8, -8]), r"1\.\.16384"),
        (in_input(shape=[True, 8, 8]), r"1\.\.16384"),
        (in_input(std=[0.0]), "std above 0"),
        (in_input(mean=[1, 2]), "a number per channel"),
        (in_graph(lambda s: s[0].update(op="exec")), "unknown operation 'exec'"),
        (in_graph(lambda s: s[0].update(name="../x y")), "no valid name"),
        (in_graph(lambda s: s[0].update(inputs=[s[-1]["name"]])), "no earlier step gives"),
        (in_graph(lambda s: s[1].update(name=s[0]["name"])), "two steps are called|no earlier step"),
        (in_graph(lambda s: s[0]["attributes"].update(stride=[0, 1])), r"'stride' must be a whole number in 1\.\.4096"),
        (in_graph(lambda s: s[0]["attributes"].update(stride=[-1, 1])), "'stride'"),
        (in_graph(lambda s: s[0]["attributes"].update(stride=1)), "pair of whole numbers"),
        (in_graph(lambda s: s[0]["attributes"].update(padding=[4096, 4096], stride=[1, 1])), "far too large"),
        (in_graph(lambda s: s[0]["attributes"].update(dilation=[9, 9])), "too small for kernel"),
        (in_graph(lambda s: s[0]["attributes"].update(groups=3)), "don't divide by 3 groups"),
        (in_graph(lambda s: s[0]["attributes"].update(colour=1)), "unknown attributes: colour"),
        (in_graph(lambda s: s[0]["tensors"].update(weight="nothing")), "'nothing' is not in the file"),
        (in_graph(lambda s: s[0]["tensors"].pop("weight")), "'weight' is missing"),
        (in_graph(lambda s: s[0]["tensors"].update(scale=s[0]["tensors"]["weight"])), "'scale' must be"),
        (in_graph(lambda s: s[0]["tensors"].update(weight=s[3]["tensors"]["weight"])), "must be float32, got uint64"),
        (in_graph(lambda s: s.pop()), "one row a sample|no step uses|logits for"),
        (lambda t, tensors: tensors.update(extra=np.zeros(3, np.float32)), "no step uses tensor 'extra'"),
        (lambda t, tensors: tensors.update(extra=np.zeros(3, np.int64)), "is int64"),
    ],
)
def test_hostile_files(file, tmp_path, change, says):
    path = rewrite(file, tmp_path / "bad.lvr", change)
    with pytest.raises(LeveretFormatError, match=says) as error:
        runtime.load(path)
    assert "bad.lvr" in str(error.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "only 0 bytes"),
        ((1 << 63).to_bytes(8, "little") + b"{}", "header would be"),
        ((1 << 20).to_bytes(8, "little") + b"{}", "cut off"),
        ((2).to_bytes(8, "little") + b"{}", "not a .lvr"),
        ((4).to_bytes(8, "little") + b"null", "damaged or not"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "header would be"),
    ],
)
def test_other_files(tmp_path, content, says):
    path = tmp_path / "other.lvr"
    path.write_bytes(content)
    with pytest.raises(LeveretFormatError, match=says):
        runtime.load(path)
    with pytest.raises(LeveretFormatError, match="No such file"):
        runtime.load(tmp_path / "missing.lvr")


def test_newer_minor_versions_load(file, tmp_path):
    path = rewrite(file, tmp_path / "newer.lvr", set_text(version="1.7", novelty="{}"))
    assert runtime.load(path).format_version == "1.7"


def test_a_full_disk_leaves_the_old_file(packed, tmp_path, monkeypatch):
    path = tmp_path / "model.lvr"
    packed.save(path)
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("leveret.runtime._format.save_file", full)
    with pytest.raises(LeveretError, match=r"model\.lvr could not be written: No space left"):
        packed.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.lvr"]


def test_a_graph_by_hand():
    """y = relu(2 · mean(x) − 1) of a 2x2 image, worked on paper."""
    graph = Graph(
        [
            Step("mean", "global_avg_pool", ["input"]),
            Step("y", "affine", ["mean"], {}, {"scale": "s", "shift": "b", "slope": "z"}),
        ]
    )
    one = np.ones(1, np.float32)
    net = Packed(graph, {"s": 2 * one, "b": -one, "z": 0 * one}, InputContract((1, 2, 2)))
    images = np.array([[[[0, 1], [1, 2]]], [[[0, 0], [0, 1]]]], np.float32)
    assert net(images).tolist() == [[1.0], [0.0]]
