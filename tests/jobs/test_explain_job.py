"""`leveret fit --net dcn` and `leveret explain` as jobs: what they leave, say and refuse."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

import leveret
from leveret import LeveretUsageError
from leveret.errors import LeveretDataError, LeveretFormatError
from leveret.jobs import balance, explain
from leveret.jobs import fit as fit_job
from leveret.jobs._occlusion import occluded
from leveret.jobs._trained import load_run

QUIET = {"progress": False, "threads": 1}


@pytest.fixture(scope="module")
def data(digits):
    return dataclasses.replace(
        digits, train=digits.train.subset(np.arange(400)), test=digits.test.subset(np.arange(100))
    )


@pytest.fixture(scope="module")
def fitted(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "out"
    return fit_job.run(data, out, net="dcn", patches=3, hint_weight=0.02, epochs=2, **QUIET)


@pytest.fixture
def photo(data, tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(data.test.fetch([5])[0, 0]).save(path)
    return path


def test_the_report_says_what_the_closer_look_gains_and_costs(fitted, data):
    found = fitted.metrics["capacity"]
    assert found["patches"] == 3
    assert found["places"] == 16
    assert found["samples"] == 100
    curve = {point["patches"]: point for point in found["curve"]}
    assert list(curve) == [0, 1, 2, 3, 4, 8, 16]
    assert curve[0]["accuracy"] == found["accuracy"]["coarse"]
    assert curve[3]["accuracy"] == found["accuracy"]["refined"]
    assert found["accuracy"]["refined"] == pytest.approx(fitted.metrics["figures"]["accuracy"])
    assert curve[16]["accuracy"] == pytest.approx(found["accuracy"]["fine"], abs=0.011)  # every place is fine
    assert curve[3]["operations"] == found["operations"]["refined"]
    assert json.loads((fitted.out / "metrics.json").read_text())["capacity"] == found
    page = (fitted.out / "report.html").read_text()
    for text in ("The closer look", "fine layers everywhere", "fine everywhere", "leveret explain"):
        assert text in page


def test_the_run_is_described_by_its_objective_and_goes_on(fitted, data):
    recipe = json.loads((fitted.out / "config.json").read_text())["run"]["recipe"]
    assert recipe["net"] == "dcn"
    assert recipe["objective"].startswith("Hinted(0.02")
    same = {"net": "dcn", "patches": 3, "epochs": 2, **QUIET}
    again = fit_job.run(data, fitted.out, hint_weight=0.02, resume=True, **same)
    assert again.metrics == json.loads((fitted.out / "metrics.json").read_text())
    with pytest.raises(LeveretUsageError, match=r"recipe\.objective was"):
        fit_job.run(data, fitted.out, hint_weight=0.5, resume=True, **same)


def test_the_folder_gives_the_trained_net(fitted, data):
    net = load_run(fitted.out)
    assert net.shape == data.image_shape
    said = leveret.evaluate(net, data)
    assert said.accuracy == pytest.approx(fitted.metrics["figures"]["accuracy"])
    net.k = 0
    coarse = fitted.metrics["capacity"]["accuracy"]["coarse"]
    assert leveret.evaluate(net, data).accuracy == pytest.approx(coarse)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"net": "dcn", "patches": 17}, r"17 patches .* 16 places"),
        ({"net": "dcn", "patches": -1}, "patches must be at least 0"),
        ({"net": "dcn", "hint_weight": -1.0}, "hint_weight"),
        ({"net": "dcn", "balance": "focal"}, "goes with plain, frequency-sampling, square-root-sampling"),
        ({"patches": 3}, "patches is an option of the net 'dcn'"),
        ({"net": "convnet", "hint_weight": 0.1}, "hint_weight is an option of the net 'dcn'"),
        ({"net": "dnc"}, "or dcn, which looks closer"),
    ],
)
def test_what_does_not_go_together_is_refused(data, tmp_path, options, message):
    with pytest.raises(LeveretUsageError, match=message):
        fit_job.run(data, tmp_path / "out", **options, **QUIET)
    assert not (tmp_path / "out").exists()


def test_tables_are_refused(tmp_path):
    rows = np.random.default_rng(0).random((60, 3))
    table = leveret.data.from_arrays(rows, np.arange(60) % 2, val_fraction=0.1, test_fraction=0.2)
    with pytest.raises(LeveretUsageError, match="holds tables; a dynamic capacity net"):
        fit_job.run(table, tmp_path / "out", net="dcn", **QUIET)


def test_a_comparison_of_objectives_takes_no_net_with_its_own(data, tmp_path):
    with pytest.raises(LeveretUsageError, match="leveret fit --net dcn"):
        balance.run(data, tmp_path / "out", net="dcn", **QUIET)


def test_a_picture_of_a_closer_look(fitted, photo, data, tmp_path):
    (found,) = explain.run(fitted.out, [photo], tmp_path / "where.png", threads=1)
    assert found.picture == tmp_path / "where.png"
    with Image.open(found.picture) as picture:
        assert picture.format == "PNG"
    look = load_run(fitted.out).look(data.test.fetch([5]))
    np.testing.assert_array_equal(found.explanation.boxes, look.boxes[0])
    np.testing.assert_allclose(found.explanation.heat, look.saliency[0], rtol=1e-3, atol=1e-5)
    said = found.as_dict()
    assert len(said["patches"]) == 3
    assert said["class"] == data.classes[int(look.logits.argmax())]
    assert said["before"]["class"] == data.classes[int(look.coarse_logits.argmax())]
    assert f"before {said['before']['class']} " in found.in_words


def test_many_pictures_and_images_that_cannot_be_read(fitted, photo, tmp_path):
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for place in ("a.png", "more/a.png"):
        (folder / place).write_bytes(photo.read_bytes())
    Image.new("RGB", (40, 30), "red").save(folder / "colour.jpg")
    (folder / "cut.png").write_bytes(photo.read_bytes()[:60])
    (folder / "text.png").write_text("no image")
    np.savez(tmp_path / "rows.npz", x=np.zeros((1, 9, 9), np.uint8))
    found = list(explain.run(fitted.out, [folder, tmp_path / "rows.npz"], tmp_path / "out", patches=1, threads=1))
    drawn = {one.picture.name: one for one in found if one.picture}
    assert sorted(drawn) == ["a-2.png", "a.png", "colour.png"]
    note = drawn["colour.png"].explanation.note
    assert "40x30 pixels, scaled and cropped to 8x8" in note
    assert "in grey" in note
    assert [len(one.explanation.boxes) for one in drawn.values()] == [1, 1, 1]
    errors = [one.error for one in found if one.error]
    assert len(errors) == 3
    assert any("damaged" in error for error in errors)
    assert any("not an image" in error for error in errors)
    assert any("shape (1, 9, 9), the model takes (1, 8, 8)" in error for error in errors)


def test_what_explain_refuses(fitted, photo, tmp_path):
    cases = [
        ((fitted.out, [photo], "x.png", {"patches": 17}), LeveretUsageError, "16 places"),
        ((fitted.out, [photo], "x.png", {"patches": -1}), LeveretUsageError, "at least 0"),
        ((fitted.out, [photo], "x.jpg", {}), LeveretUsageError, "a folder"),
        ((fitted.out, [photo, photo], "x.png", {}), LeveretUsageError, "one picture, and there are 2 images"),
        ((tmp_path, [photo], "x.png", {}), LeveretUsageError, "holds no run"),
        ((photo, [photo], "x.png", {}), LeveretFormatError, "lvr"),
    ]
    for (model, paths, out, options), error, message in cases:
        with pytest.raises(error, match=message):
            list(explain.run(model, paths, tmp_path / out, **options))


def test_runs_that_cannot_be_asked(fitted, tmp_path):
    folder = tmp_path / "run"
    (folder / "net").mkdir(parents=True)
    config = json.loads((fitted.out / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(LeveretUsageError, match="isn't finished"):
        load_run(folder)
    (folder / "net" / "net.safetensors").write_bytes(b"cut")
    with pytest.raises(LeveretDataError, match="doesn't hold the weights"):
        load_run(folder)
    (folder / "config.json").write_text(json.dumps(config | {"model": None}))
    with pytest.raises(LeveretUsageError, match="can't be made anew"):
        load_run(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(LeveretDataError, match="damaged"):
        load_run(folder)


def test_occlusion_finds_the_part_that_counts():
    """A model that is the surer of its second class the brighter the square at (20, 8) is."""
    pixels = np.full((1, 28, 28), 10, np.uint8)
    pixels[:, 20:24, 8:12] = 250

    def said(images):
        bright = images[:, 0, 20:24, 8:12].mean((1, 2)) / 255
        return np.stack([1 - bright, bright], 1)

    found = occluded(said, pixels, ("dark", "bright"))
    assert found.said == "bright"
    assert found.before is None
    assert found.heat.shape == (13, 13)
    top, left, bottom, right = found.boxes[0]
    assert top <= 20 < 24 <= bottom
    assert left <= 8 < 12 <= right
    # all of it hidden: as bright as the mean colour
    mean = round(pixels.mean())
    assert found.heat.max() == pytest.approx((250 - mean) / 255)
    # where nothing counts, nothing is lost
    assert found.heat[0].max() == 0
