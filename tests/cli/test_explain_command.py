"""`leveret explain` as a user types it, of a packed model without dynamic capacity."""

import dataclasses
import json
import subprocess
import sys

from leveret import runtime
from leveret.runtime import Packed


def test_a_picture_and_a_line(run, model, pictures, tmp_path):
    code, out, err = run("explain", model, pictures / "a.png", "-o", tmp_path / "where.png", "--threads", "1")
    assert (code, err) == (0, "")
    assert out == f"{pictures / 'a.png'}\ttop {out.split()[2]}\t{tmp_path / 'where.png'}\n"
    assert (tmp_path / "where.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_of_the_zoo(run, pictures, tmp_path):
    code, out, err = run("explain", "zoo:digits", pictures / "a.png", "-o", tmp_path / "where.png")
    assert (code, err) == (0, "")
    assert out.startswith(f"{pictures / 'a.png'}\t")
    code, _, err = run("explain", "zoo:nothing", pictures / "a.png", "-o", tmp_path / "w.png")
    assert code == 2
    assert "digits" in err


def test_a_folder_and_what_cannot_be_read(run, model, pictures, tmp_path):
    code, out, err = run("explain", model, pictures, "-o", tmp_path / "out", "--json")
    assert code == 0
    assert "1 of 3 images could not be read" in err
    rows = [json.loads(line) for line in out.splitlines()]
    assert {"class", "probability", "picture", "patches", "entropy"} <= set(rows[0])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]
    code, _, err = run("explain", model, pictures, "-o", tmp_path / "out", "--strict")
    assert code == 1


def test_patches_of_a_model_without_any_are_refused(run, model, pictures, tmp_path):
    code, _, err = run("explain", model, pictures / "a.png", "-o", tmp_path / "w.png", "--patches", "2")
    assert code == 2
    assert "leveret fit --net dcn" in err
    assert not (tmp_path / "w.png").exists()


def test_a_model_without_normalisation_lacks_just_that(run, model, pictures, tmp_path):
    packed = runtime.load(model)
    contract = dataclasses.replace(packed.input, mean=None, std=None)
    Packed(packed.graph, packed.tensors, contract, packed.classes).save(tmp_path / "floats.lvr")
    code, _, err = run("explain", tmp_path / "floats.lvr", pictures / "a.png", "-o", tmp_path / "w.png")
    assert code == 2
    assert "was packed without a normalisation, which it lacks" in err


def test_a_packed_model_is_explained_without_torch(model, pictures, tmp_path):
    code = (
        f"import sys; sys.argv = ['leveret', 'explain', {str(model)!r}, {str(pictures / 'a.png')!r}, '-o', "
        f"{str(tmp_path / 'w.png')!r}]\n"
        "from leveret.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
