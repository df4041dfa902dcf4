"""`explain`: where a model looked in an image, and what it made of that, as a picture. Without torch, of an .lvr."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leveret.data.images import decode_image, probe_image
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.jobs._inputs import Item, inputs
from leveret.jobs._looks import looked_at, shares
from leveret.jobs._occlusion import occluded
from leveret.report.explanation import Explanation

__all__ = ["Explained", "run"]


@dataclasses.dataclass(frozen=True)
class Explained:
    """What became of one image.

    Attributes:
        source: the file, or `file.npz:name[row]`.
        picture: the PNG that was written; None if the image could not be read.
        explanation: what it shows.
        error: why the image could not be read, or None.
    """

    source: str
    picture: Path | None = None
    explanation: Explanation | None = None
    error: str | None = None

    @property
    def in_words(self) -> str:
        """The prediction, and the one before the closer look: "7 0.9812, before 1 0.5203"."""
        if self.explanation is None:
            return self.error or ""
        found = self.explanation
        said = f"{found.said} {found.after.max():.4f}"
        return said if found.before is None else f"{said}, before {found.said_before} {found.before.max():.4f}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        if self.explanation is None:
            return {"path": self.source, "error": self.error}
        found = self.explanation
        before, after = found.entropies
        told: dict[str, Any] = {
            "path": self.source,
            "picture": str(self.picture),
            "class": found.said,
            "probability": round(float(found.after.max()), 6),
            "entropy": round(after, 6),
            "patches": found.boxes.tolist(),
        }
        if found.before is not None:
            told["before"] = {
                "class": found.said_before,
                "probability": round(float(found.before.max()), 6),
                "entropy": round(before, 6),
            }
        return told


def run(
    model: str | os.PathLike[str] | Any,
    paths: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    patches: int | None = None,
    threads: int | None = None,
) -> Iterator[Explained]:
    """Draw for each image where the model looked closely and what it then said, one PNG each.

    A dynamic capacity net shows its saliency, the patches that it chose, and its prediction before and after. Of any
    other classifier of images an occlusion map is drawn: by how much the class loses where a part is hidden.

    Args:
        model: a folder of `leveret fit`, the path of a `.lvr` file, or what `leveret.runtime.load` gives.
        paths: image files; folders, searched for images at any depth; `.npz` files of images.
        out: a PNG for one image; a folder for several, where each picture has its image's name.
        patches: of a dynamic capacity net: look at so many, rather than as trained.
        threads: of the model; None takes `LEVERET_THREADS` or all cores.

    Yields:
        An `Explained` an image; one with `error` set for each that could not be read.

    Raises:
        LeveretUsageError: `patches` or `threads` out of range; a model that isn't one, or doesn't classify images; one
            PNG for several images. As far as the paths needn't be read for it, raised at once, as is:
        LeveretFormatError: the model is not a whole, valid .lvr file.
        LeveretDataError: the run's files are damaged.
        LeveretError: a picture can't be written.
    """
    if patches is not None and patches < 0:
        raise LeveretUsageError(f"patches must be at least 0, got {patches}")
    if threads is not None and threads < 1:
        raise LeveretUsageError(f"threads must be at least 1, got {threads}")
    target = Path(out)
    if target.suffix and target.suffix.lower() != ".png" and not target.is_dir():
        raise LeveretUsageError(f"{target} must be a .png file, or a folder")
    asked = _Asked(_opened(model), patches, threads)
    return _explained(asked, list(inputs(paths)) if target.suffix.lower() == ".png" else inputs(paths), target)


class _Asked:
    """A model of either kind, and how it is asked."""

    def __init__(self, model: Any, patches: int | None, threads: int | None) -> None:
        self.model = model
        self.threads = threads
        self.dynamic = getattr(model, "dynamic", hasattr(model, "look"))
        if patches is not None:
            if not self.dynamic:
                raise LeveretUsageError(
                    "patches are those of a dynamic capacity net, as leveret fit --net dcn trains; this model has none"
                )
            model.k = patches
        self.shape, self.classes = _contract(model)

    def about(self, pixels: NDArray[np.uint8]) -> Explanation:
        if self.dynamic:
            return looked_at(self.model.look(pixels[None], threads=self.threads), pixels[None], self.classes)[0]
        return occluded(self._said, pixels, self.classes)

    def _said(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        found = self.model(images, threads=self.threads)
        if hasattr(self.model, "layers") and self.model.layers()[-1].op == "softmax":  # shares already
            return np.asarray(found, np.float64)
        return shares(found)


def _opened(model: Any) -> Any:
    if not isinstance(model, str | os.PathLike):
        return model
    path = Path(model)
    packed = path / "model.lvr" if path.is_dir() else path
    if path.is_dir() and not packed.exists():
        from leveret.jobs._trained import load_run

        return load_run(path)
    from leveret import runtime

    return runtime.load(packed)


def _contract(model: Any) -> tuple[tuple[int, int, int], tuple[str, ...]]:
    """The shape of its images, and its classes.

    Raises:
        LeveretUsageError: it doesn't classify images.
    """
    if hasattr(model, "shape"):
        return model.shape, model.classes
    takes = model.input.shape
    if len(takes) == 3 and len(model.output_shape) == 1 and model.input.mean is None:
        raise LeveretUsageError(
            "explain reads pixels, and this model was packed without a normalisation, which it lacks for that: pack it "
            "with leveret.pack(net, example, normalization=data.normalization)"
        )
    if len(takes) != 3 or len(model.output_shape) != 1:
        raise LeveretUsageError(
            "explain works on classifiers of images; this model "
            f"takes inputs of shape {tuple(takes)} and gives {tuple(model.output_shape)}"
        )
    return tuple(takes), tuple(model.classes) or tuple(map(str, range(model.output_shape[0])))


def _explained(asked: _Asked, items: Iterable[Item], target: Path) -> Iterator[Explained]:
    single = target.suffix.lower() == ".png" and not target.is_dir()
    if isinstance(items, list) and single and len(items) > 1:
        raise LeveretUsageError(f"{target} is one picture, and there are {len(items)} images: name a folder")
    name: Callable[[str], Path] = (lambda source: target) if single else _Names(target)
    for item in items:
        try:
            pixels, note = _pixels(item, asked.shape)
        except LeveretDataError as error:
            yield Explained(item.source, error=str(error))
            continue
        from leveret.report.draw_explanation import write_explanation

        found = dataclasses.replace(asked.about(pixels), title=os.path.basename(item.source), note=note)
        picture = name(item.source)
        write_explanation(found, picture)
        yield Explained(item.source, picture, found)


def _pixels(item: Item, shape: tuple[int, int, int]) -> tuple[NDArray[np.uint8], str]:
    """An image as the model takes it, and what was done to it for that.

    Raises:
        LeveretDataError: it can't be read, or is a row of an array of another shape.
    """
    if item.error is not None:
        raise LeveretDataError(item.error)
    if item.pixels is not None:
        if item.pixels.shape != shape:
            raise LeveretDataError(f"an image of shape {item.pixels.shape}, the model takes {shape}")
        return item.pixels, ""
    pixels = decode_image(item.source, shape)
    height, width, grey = probe_image(item.source)
    done = []
    if (height, width) != shape[1:]:
        done.append(f"from {width}x{height} pixels, scaled and cropped to {shape[2]}x{shape[1]} as in training")
    if shape[0] == 1 and not grey:
        done.append("in grey, as the model sees it")
    return pixels, ("Shown " + ", ".join(done)) if done else ""


class _Names:
    """Pictures' paths in a folder: each image's own name, with a number where two have the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken: set[str] = set()

    def __call__(self, source: str) -> Path:
        stem = os.path.splitext(os.path.basename(source))[0] if "[" not in source else os.path.basename(source)
        stem = "".join("-" if c in ":[]/\\" else c for c in stem).strip("-") or "image"
        name, number = stem, 2
        while name.lower() in self.taken:
            name, number = f"{stem}-{number}", number + 1
        self.taken.add(name.lower())
        return self.folder / f"{name}.png"
