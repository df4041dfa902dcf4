"""How large and how long: all that the experiment decides for each dataset."""

from __future__ import annotations

from dataclasses import dataclass, replace

from leveret.distill import ConvTeachers
from leveret.training import Augment

__all__ = ["DATASETS", "QUICK", "Dataset"]


@dataclass(frozen=True)
class Dataset:
    """One dataset's teachers, transfer set and students.

    Attributes:
        title: of the page.
        teachers: how they are searched, and how many there are.
        passes: views of the transfer set for each training image.
        augment: what views go through.
        conv_layers, params, steps: of the students: each with each; steps of lateral links, 0 for none.
        epochs: passes of a student over the transfer set.
        trials: hyper-parameters tried for each kind of student, on the first seed.
        seeds: of the students without links.
        linked_seeds: of those with links, by size, 0 for none: links make the larger ones slow.
    """

    title: str
    teachers: ConvTeachers
    members: int
    passes: int
    augment: Augment
    conv_layers: tuple[int, ...] = (0, 1, 2, 3, 4)
    params: tuple[int, ...] = (30_000, 100_000)
    steps: tuple[int, ...] = (0, 1, 2, 3)
    epochs: int = 2
    trials: int = 2
    seeds: int = 1
    linked_seeds: tuple[int, ...] = (1, 1)


DATASETS = {
    "fashion": Dataset(
        title="Fashion-MNIST",
        teachers=ConvTeachers(epochs=6, widths=(24, 48)),
        members=8,
        passes=2,
        augment=Augment(shift=2),
        seeds=3,
        linked_seeds=(3, 1),
    ),
    "cifar": Dataset(
        title="CIFAR-10 (JPEG)",
        teachers=ConvTeachers(epochs=5, widths=(16, 32), depths=(4, 6)),
        members=8,
        passes=2,
        augment=Augment(flip=True, shift=4),
        linked_seeds=(1, 0),
    ),
}

_TINY = Dataset(
    title="",
    teachers=ConvTeachers(epochs=1, widths=(8, 16), depths=(2, 3)),
    members=2,
    passes=1,
    augment=Augment(shift=1),
    conv_layers=(0, 1),
    params=(12_000,),
    steps=(0, 1),
    epochs=1,
    trials=1,
)
QUICK = {
    "fashion": replace(_TINY, title="Digits in the place of Fashion-MNIST"),
    "cifar": replace(_TINY, title="Coloured digits in the place of CIFAR-10", conv_layers=(0, 1), params=(40_000,)),
}
