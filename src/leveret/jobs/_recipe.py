"""How the main job trains: which nets, how long, and how, for data of a given size.

The teacher is a real net, trained on the labels. The student has binary blocks and learns the teacher's outputs in two
stages: binary activations with real weights, then everything binary (Martinez et al., ICLR 2020).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from leveret._files import replacing
from leveret.data import Data
from leveret.errors import LeveretUsageError, SkewWarning
from leveret.nets import ConvNet, ResNet, identity_start, whiten_stem
from leveret.shrink.binary import BiRealBlock, BiRealPair, reestimate_norms, set_binary_weights
from leveret.training import Augment, CrossEntropy, Distillation, FitResult, evaluate, fit, logits_of
from leveret.training._monitor import MONITORS

__all__ = ["NETS", "Recipe", "recipe_for"]

NETS = ("convnet", "resnet20", "resnet18")

_TEMPERATURE = 2.0
_SAMPLE = 4096
_BATCH = 256


@dataclass(frozen=True)
class Recipe:
    """Everything that the main job decides for the user.

    Attributes:
        net: "convnet", "resnet20" or "resnet18".
        in_channels, side, num_classes: of the data.
        teacher_epochs: passes over the data.
        student_epochs: of each of the student's two stages.
        batch_size, teacher_lr, student_lr, label_smoothing: of training.
        whiten: begin with a stem that whitens the training images and stays so.
        stored_targets: the teacher sees each training image once, and its mirror image if those are shown, rather than
            every augmented batch. A student's step then takes a third less time, spent on more epochs.
        settle: the student keeps its last epoch, where the learning rate has come to nothing, and the statistics of its
            norms are found anew: on training images as they are and in float32, as the packed net will see and compute.
            Training saw them shifted and cut, and on some CPUs in bfloat16.
        teacher_augment, student_augment: what each batch goes through. Nets for many colour images over-fit unless
            these are shifted and cut more.
        seed: of initial weights, order, augmentation.
    """

    net: str
    in_channels: int
    side: int
    num_classes: int
    teacher_epochs: int
    student_epochs: tuple[int, int]
    batch_size: int
    teacher_lr: float
    student_lr: float
    label_smoothing: float
    whiten: bool
    stored_targets: bool
    settle: bool
    teacher_augment: Augment
    student_augment: Augment
    seed: int

    def teacher(self) -> nn.Module:
        """A new real net."""
        torch.manual_seed(self.seed)
        if self.net == "resnet20":
            return ResNet.cifar(20, self.in_channels, self.num_classes, width=32)
        if self.net == "resnet18":
            return ResNet.imagenet18(self.in_channels, self.num_classes)
        if self.side <= 12:
            return ConvNet(self.in_channels, self.num_classes, depth=5, widths=(64, 128))
        if self.side <= 40:
            widths = (64, 256, 512) if self.in_channels == 3 else (32, 96, 192)
            return ConvNet(self.in_channels, self.num_classes, depth=7, widths=widths)
        return ConvNet(self.in_channels, self.num_classes, depth=9, widths=(32, 64, 128, 256), stem_pool=True)

    def student(self) -> nn.Module:
        """A new net with binary blocks between a real stem and a real classifier."""
        torch.manual_seed(self.seed + 1)
        if self.net == "resnet20":
            return ResNet.cifar(20, self.in_channels, self.num_classes, width=64, block=BiRealPair)
        if self.net == "resnet18":
            return ResNet.imagenet18(self.in_channels, self.num_classes, block=BiRealPair)
        options: dict[str, Any] = {"block": BiRealBlock}
        if self.side <= 12:
            options |= {"depth": 5, "widths": (128, 256)}
        elif self.side <= 40:
            wide = self.in_channels == 3
            widths = (128, 256, 512) if wide else (64, 128, 256)
            options |= {"depth": 8 if wide else 7, "widths": widths, "stem_pool": True}
        else:
            options |= {"depth": 9, "widths": (64, 128, 256, 256), "stem_pool": True}
        return ConvNet(self.in_channels, self.num_classes, **options)

    def train_teacher(self, data: Data, out: Path | None, *, resume: bool = False, progress: bool = True) -> FitResult:
        """Train the teacher; with `resume` a run that `out` holds goes on, or is only loaded if it was finished."""
        net = self.teacher()
        if self.whiten:
            whiten_stem(identity_start(net), _sample(data))
        return fit(
            net,
            data,
            objective=CrossEntropy(self.label_smoothing),
            epochs=self.teacher_epochs,
            optimizer="sgd",
            lr=self.teacher_lr,
            weight_decay=5e-4,
            schedule="one-cycle",
            warmup=0.2,
            stage="teacher",
            augment=self.teacher_augment,
            out=out,
            **self._common(resume, progress),
        )

    def train_student(
        self, teacher: nn.Module, data: Data, out: Path | None, *, resume: bool = False, progress: bool = True
    ) -> FitResult:
        """Train the student from the teacher, in two stages, each in a folder of its own under `out`."""
        net = self.student()
        if self.whiten:
            whiten_stem(net, _sample(data))
        targets: nn.Module | torch.Tensor = teacher
        if self.stored_targets:
            targets = self._stored_targets(teacher, data, out, resume=resume, progress=progress)
        history: list[dict[str, Any]] = []
        result = None
        for stage, epochs in zip(("activations", "weights"), self.student_epochs, strict=True):
            set_binary_weights(net, stage == "weights")
            if epochs == 0:
                continue
            seen = result.samples_seen if result else 0
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SkewWarning)  # the teacher's training said so
                result = fit(
                    net,
                    data,
                    objective=Distillation(targets, temperature=_TEMPERATURE, hard_weight=0.1),
                    epochs=epochs,
                    optimizer="adam",
                    lr=self.student_lr,
                    # decay pulls the real weights behind the signs towards zero, where they flip at random
                    weight_decay=1e-5 if stage == "activations" else 0.0,
                    schedule="cosine",
                    warmup=0.05,
                    stage=stage,
                    augment=self.student_augment,
                    keep_best=not (self.settle and stage == "weights"),
                    out=None if out is None else out / stage,
                    **self._common(resume, progress),
                )
            history += [{**row, "samples_seen": row["samples_seen"] + seen} for row in result.history]
            result = replace(result, history=history, samples_seen=result.samples_seen + seen)
            if result.interrupted:
                break
        assert result is not None
        if self.settle and not result.interrupted:
            result = self._settled(result, data)
        return replace(result, seconds=sum(row["seconds"] for row in history))

    def describe(self) -> dict[str, Any]:
        """The recipe as plain values, for JSON; two equal dicts train the same nets."""
        return {**asdict(self), "student_epochs": list(self.student_epochs)}

    def _settled(self, result: FitResult, data: Data) -> FitResult:
        """The last epoch's net, with the statistics of its norms found anew and its accuracy measured so."""
        net = reestimate_norms(result.net, self._as_they_are(data)).eval()
        accuracy = score = None
        if len(data.val):
            measured = evaluate(net, data, "val")
            accuracy, score = measured.accuracy, MONITORS[result.monitor].of(measured)
        epochs = [row["epoch"] for row in result.history if row["stage"] == "weights"]
        return replace(
            result,
            best_accuracy=accuracy,
            best_score=score,
            best_epoch=epochs[-1],
            best_checkpoint=result.last_checkpoint,
        )

    def _as_they_are(self, data: Data) -> Iterator[torch.Tensor]:
        """All training images once, in batches of all classes."""
        order = np.random.default_rng(self.seed).permutation(len(data.train))
        for start in range(0, len(order), _BATCH):
            pixels = data.train.fetch(np.sort(order[start : start + _BATCH]))
            yield torch.from_numpy(data.normalization.apply(pixels)).contiguous(memory_format=torch.channels_last)

    def _stored_targets(
        self, teacher: nn.Module, data: Data, out: Path | None, *, resume: bool, progress: bool
    ) -> torch.Tensor:
        """The teacher's logits for the training part, kept in `out` so that a resumed run needn't ask again."""
        path = None if out is None else out / "teacher-logits.npy"
        if path is not None and path.exists() and resume:
            stored = np.load(path)
            if stored.shape == (len(data.train), data.num_classes):
                return torch.from_numpy(stored)
        logits = logits_of(teacher, data, "train", mirrored=self.student_augment.flip, progress=progress)
        if path is not None:
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.save(file, logits.numpy())
        return logits

    def _common(self, resume: bool, progress: bool) -> dict[str, Any]:
        return {
            "batch_size": self.batch_size,
            "gradient_clip": 5.0,
            "seed": self.seed,
            "resume": "auto" if resume else False,
            "progress": progress,
        }


def _sample(data: Data) -> torch.Tensor:
    """Some thousand normalised training images, from the whole training part."""
    step = max(1, len(data.train) // _SAMPLE)
    pixels = data.train.fetch(range(0, len(data.train), step))
    return torch.from_numpy(data.normalization.apply(pixels))


def recipe_for(
    data: Data,
    *,
    net: str | None = None,
    epochs: int | None = None,
    flip: bool | None = None,
    quick: bool = False,
    seed: int = 0,
) -> Recipe:
    """The recipe for `data`.

    Args:
        data: images.
        net: one of `NETS`; default "convnet".
        epochs: of the teacher; the student trains as many over its two stages, or 1.5 times as many where the
            teacher's outputs are stored. Default: by the number and kind of the training images.
        flip: whether mirrored images are still of their class. Default: yes for colour images, no for grey ones,
            which may be letters or digits.
        quick: a fifth of the epochs, to see everything work.
        seed: of initial weights, order and augmentation.

    Raises:
        LeveretUsageError: texts instead of images, an unknown net, `epochs` below 1, or too few images.
    """
    if data.kind != "image":
        raise LeveretUsageError(f"{data.source} holds {data.kind}s; the main job shrinks nets for images")
    net = net or NETS[0]
    if net not in NETS:
        raise LeveretUsageError(f"net must be one of {', '.join(NETS)}, got {net!r}")
    if epochs is not None and epochs < 1:
        raise LeveretUsageError(f"epochs must be at least 1, got {epochs}")
    images = len(data.train)
    if images < 2 * data.num_classes:
        raise LeveretUsageError(f"{images} training images are too few for {data.num_classes} classes")
    channels, height, width = data.image_shape
    side = min(height, width)
    colour = channels == 3
    teacher_epochs = epochs
    if teacher_epochs is None:
        # colour takes longer to learn than grey
        teacher_epochs = (24 if colour else 10) if images >= 20_000 else 30 if images >= 4_000 else 40
        teacher_epochs = max(2, teacher_epochs // 5) if quick else teacher_epochs
    small = images < 4_000
    mirrored = colour if flip is None else flip
    shift = max(1, min(round(side / 15), 8))
    many = colour and images >= 20_000
    student = max(2, round(teacher_epochs * (1.5 if many else 1)))
    reach = min(side // 8, 8) if many else 0
    augment = Augment(flip=mirrored, shift=max(shift, reach), cutout=2 * reach)
    return Recipe(
        net=net,
        in_channels=channels,
        side=side,
        num_classes=data.num_classes,
        teacher_epochs=teacher_epochs,
        student_epochs=(student - round(0.6 * student), round(0.6 * student)),
        batch_size=32 if small else 128,
        teacher_lr=0.05 if small else 0.1,
        student_lr=2e-3,
        label_smoothing=0.1,
        whiten=net == "convnet" and colour and side <= 40 and not small,
        stored_targets=many,
        settle=many,
        teacher_augment=augment,
        student_augment=augment,
        seed=seed,
    )
