import numpy as np
import pytest

from leveret.runtime import InputContract, Packed
from leveret.runtime._graph import INPUT, Graph, Step


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A packed net for grey 4x4 images that compares the brightness of three bands: "top", "middle", "bottom"."""
    weight = np.zeros((3, 16), np.float32)
    for i, rows in enumerate((slice(0, 4), slice(6, 10), slice(12, 16))):
        weight[i, rows] = 1
    graph = Graph(
        [Step("flat", "flatten", [INPUT]), Step("scores", "linear", ["flat"], {}, {"weight": "scores.weight"})]
    )
    contract = InputContract((1, 4, 4), (0.5,), (0.25,))
    packed = Packed(graph, {"scores.weight": weight}, contract, ("top", "middle", "bottom"), {"data": "bands"})
    path = tmp_path_factory.mktemp("model") / "model.lvr"
    packed.save(path)
    return path


@pytest.fixture
def pictures(tmp_path):
    """A folder with two images, one of them in a folder below, and two files that are none."""
    from PIL import Image

    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    top = np.zeros((4, 4), np.uint8)
    top[0] = 255
    Image.fromarray(top).save(folder / "a.png")
    Image.fromarray(top[::-1].copy()).save(folder / "below" / "b.png")
    (folder / "broken.png").write_bytes(b"no image")
    (folder / "notes.txt").write_text("not looked at")
    (folder / ".hidden.png").write_bytes(b"not looked at")
    return folder
