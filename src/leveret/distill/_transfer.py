"""`TransferSet`: any number of views of the data with what an ensemble of teachers says of them, kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console
from torch import nn

from leveret.distill import _fingerprints as fingerprints
from leveret.distill._build import ShardJob, check_outputs, clear_leftovers, make_shards, missing_shards, moments
from leveret.distill._manifest import IDENTITY, Manifest
from leveret.distill._views import KeyedViews, Samples, TransferSplit, ViewLabels, as_samples
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.training import Augment, Distillation
from leveret.training._keyed import view_keys

__all__ = ["TransferSet"]

Store = Literal["auto", "seeds", "pixels"]


class TransferSet:
    """Views of the training images with a teacher ensemble's mean logits, as a dataset for `leveret.fit`.

    A student learns best from many more examples than there are labels for: augmented ones, or unlabelled ones, which
    the teachers label (Ba & Caruana, "Do deep nets really need to be deep?", NIPS 2014, section 2; Urban et al., "Do
    deep convolutional nets really need to be deep and convolutional?", ICLR 2017, section 2: the logits of an ensemble,
    computed once and kept). The set may be larger than memory: it stands in a folder, in shards that are mapped when
    they are read.

    View j shows sample j mod n of the n samples, which are the training part's and then the unlabelled ones, so that
    each comes equally often. All views are augmented, those of the first pass too. What becomes of the sample depends
    on the seed and j alone where the augmentation has `views`, as `Augment` has.

        transfer = TransferSet.build(data, teachers, 1_000_000, Augment(shift=1), "transfer")
        leveret.fit(student, transfer, objective=transfer.objective())

    In the folder stand `transfer.json`, the logits `logits-00000.npy`, … `(shard_size, num_classes)` float32, and,
    where they are stored, the views `pixels-00000.npy`, … uint8.

    Attributes:
        folder: where it stands.
        data: as it was given.
        train: the views: `fetch(indices)`, `labels` (−100 for those of unlabelled images), `len`.
        logits: `(size, num_classes)` float32, a `ShardedArray`: a row for each view.
        mean, std: of the logits per class, `(num_classes,)` float64; a constant class has the deviation 1.
        store: "seeds" or "pixels".
        identity: of what it was built, as plain values; two equal ones hold the same views and logits.
        name, source, kind, val, test, classes, image_shape, num_classes, normalization, report: the data's.

    Goes to other processes by its paths, but for the data.
    """

    def __init__(self, folder: Path, manifest: Manifest, data: Any, samples: Samples, augment: Any) -> None:
        # made by `build` and `open`, which have checked all this
        self.folder = folder
        self.data = data
        self.store = manifest.store
        self.identity = manifest.identity()
        self.logits = manifest.logits(folder)
        self.mean, self.std = np.array(manifest.mean), np.array(manifest.std)
        self.name, self.val, self.test = data.name, data.val, data.test
        self.classes, self.image_shape = tuple(data.classes), tuple(data.image_shape)
        self.num_classes, self.normalization = len(data.classes), data.normalization
        # a user's own data may lack what only titles and pages show
        self.source, self.kind = getattr(data, "source", ""), getattr(data, "kind", "image")
        self.report = getattr(data, "report", None)
        views = manifest.pixels(folder) or KeyedViews(samples, augment, manifest.seed, manifest.size)
        labels = ViewLabels(data.train.labels, manifest.samples, manifest.size)
        self.train = TransferSplit(views, labels, self.num_classes)

    @classmethod
    def build(
        cls,
        data: Any,
        teachers: nn.Module | Sequence[nn.Module],
        size: int,
        augment: Any,
        path: str | Path,
        *,
        unlabelled: Any = None,
        seed: int = 0,
        shard_size: int = 16384,
        store: Store = "auto",
        batch_size: int = 256,
        workers: int | None = None,
        progress: bool = True,
    ) -> TransferSet:
        """Build the set in the folder `path`, or what is missing there; a finished one is opened at once.

        Ctrl-C or a kill loses only the shards under way: the same call goes on. A larger `size` makes a set grow, at
        the cost of the new views and of a last shard that wasn't full; it can be opened again when that is done. One
        call at a time may build in a folder.

        Args:
            data: images from `leveret.load`, or anything with `train`, `val`, `test`, `classes`, `image_shape`,
                `normalization` and `name`.
            teachers: a net (an `Ensemble` is one) or several, run in eval mode without gradient; the mean of their
                logits is kept. All see the same view.
            size: number of views, at least 1.
            augment: an `Augment`; or anything with `views(pixels, keys)`; or a function of uint8 pixels
                `(batch, channels, height, width)` and a numpy generator, which gives pixels of the same shape; or None.
            path: the folder, made where there is none.
            unlabelled: more images, uint8 `(n, channels, height, width)` or with `fetch(indices)` and a length.
            seed: of the views, from 0 to 2⁶⁴ − 1.
            shard_size: views in a file. With more than a hundred files, maps are opened anew as they are read, which
                takes a time that larger shards save.
            store: "seeds" keeps the logits alone and makes the views anew whenever they are read, which an augmentation
                with `views`, or none, allows; "pixels" keeps the views too; "auto" takes "seeds" where it can. Both
                hold the same views of an augmentation with `views`.
            batch_size: views that go through the teachers at once. Another changes logits only by rounding.
            workers: processes, through joblib; None: what an outer `joblib.parallel_config` says, else this one alone.
            progress: show a bar with the time left, on a terminal, and say so where there was nothing to do.

        Raises:
            LeveretUsageError: an argument out of range; a teacher with other outputs than the data's classes; a folder
                in which another set stands, which names what differs.
            LeveretError: the disk is full, or a process died; finished shards are kept, and the same call goes on.
        """
        nets = _as_teachers(teachers)
        _check(data, size, shard_size, batch_size, store)
        if workers is not None and workers < 1:
            raise LeveretUsageError(f"workers must be at least 1, got {workers}")
        view_keys(seed, [0])
        keyed = augment is None or hasattr(augment, "views")
        if store == "seeds" and not keyed:
            raise LeveretUsageError(
                f"store='seeds' needs an augmentation with views(pixels, keys), as Augment has, and {augment!r} has "
                "none; take store='pixels'"
            )
        samples = Samples(data.train, as_samples(unlabelled, data.image_shape))
        check_outputs(nets, data)
        asked = Manifest(
            size=int(size),
            shard_size=int(shard_size),
            seed=int(seed),
            store=("seeds" if keyed else "pixels") if store == "auto" else store,
            data=fingerprints.of_data(data),
            unlabelled=fingerprints.of_samples(samples.unlabelled),
            teachers=fingerprints.of_teachers(nets),
            augment=fingerprints.of_augment(augment, keyed),
        )
        folder = Path(path).absolute()
        found = Manifest.read(folder) if Manifest.stands_in(folder) else None
        if found is not None:
            found.refuse(folder, asked, _identity_but_growth(found, asked))
        clear_leftovers(folder)
        missing = missing_shards(asked.arrays(folder))
        if found is not None and found.size == size and found.mean is not None and not missing:
            if progress:
                Console(stderr=True, soft_wrap=True).print(f"{folder} is finished: {size:,} views", highlight=False)
            return cls(folder, found, data, samples, augment)
        asked.write(folder)
        views = KeyedViews(samples, augment if keyed else None, asked.seed, asked.size)
        job = ShardJob(
            nets,
            views,
            None if keyed else augment,
            data.normalization,
            asked.logits(folder),
            asked.pixels(folder),
            batch_size,
        )
        make_shards(job, missing, workers, progress)
        mean, std = moments(asked.logits(folder))
        finished = replace(asked, mean=mean, std=std)
        finished.write(folder)
        return cls(folder, finished, data, samples, augment)

    @classmethod
    def open(cls, path: str | Path, data: Any, *, augment: Any = None, unlabelled: Any = None) -> TransferSet:
        """The finished set in the folder `path`, without its teachers.

        Args:
            data: that it was built of.
            augment: needed where the views are made anew by another augmentation than `Augment`.
            unlabelled: needed where the views are made anew and some show unlabelled images.

        Raises:
            LeveretUsageError: no set stands there, or one of other data, augmentation or unlabelled images; or it isn't
                finished, which says how many shards are there.
            LeveretDataError: a file is damaged; names it.
        """
        folder = Path(path).absolute()
        manifest = Manifest.read(folder)
        _check(data, manifest.size, manifest.shard_size, 1, "auto")
        more = as_samples(unlabelled, data.image_shape)
        asked = replace(manifest, data=fingerprints.of_data(data), unlabelled=fingerprints.of_samples(more))
        manifest.refuse(folder, asked, ("data",))
        if manifest.store == "seeds" or more is not None:
            if manifest.unlabelled is not None and more is None:
                raise LeveretUsageError(
                    f"{manifest.unlabelled['samples']:,} unlabelled images belong to the transfer set in {folder}; "
                    "give them as unlabelled="
                )
            manifest.refuse(folder, asked, ("unlabelled",))
        if manifest.store == "seeds":
            augment = _augment_of(folder, manifest, augment)
        _check_shards(folder, manifest)
        return cls(folder, manifest, data, Samples(data.train, more), augment)

    def objective(
        self,
        form: Literal["logits", "temperature"] = "logits",
        *,
        standardize: bool = True,
        temperature: float = 4.0,
        hard_weight: float = 0.0,
    ) -> Distillation:
        """What a student of this set minimises.

        Args:
            form, temperature, hard_weight: as for `Distillation`.
            standardize: for "logits", divide by the logits' deviation per class, as in the paper; "temperature" has
                its own scale and leaves it.
        """
        standard = (self.mean, self.std) if standardize and form == "logits" else None
        return Distillation(self.logits, form, temperature=temperature, hard_weight=hard_weight, standardize=standard)

    def __len__(self) -> int:
        return len(self.train)

    def __repr__(self) -> str:
        return f"TransferSet({str(self.folder)!r}, {len(self):,} views of {self.name}, store={self.store!r})"


def _as_teachers(teachers: Any) -> list[nn.Module]:
    nets = [teachers] if isinstance(teachers, nn.Module) else list(teachers)
    if not nets:
        raise LeveretUsageError("a transfer set needs at least one teacher")
    for net in nets:
        if not isinstance(net, nn.Module):
            raise LeveretUsageError(f"teachers must be torch.nn.Modules, got {type(net).__name__}")
    return nets


def _check(data: Any, size: int, shard_size: int, batch_size: int, store: str) -> None:
    if getattr(data, "kind", "image") != "image":
        raise LeveretUsageError(f"transfer sets are of images, and {data.name} holds {data.kind}")
    if not len(data.train):
        raise LeveretUsageError(f"the training part of {data.name} is empty")
    for name, value in (("size", size), ("shard_size", shard_size), ("batch_size", batch_size)):
        if value < 1:
            raise LeveretUsageError(f"{name} must be at least 1, got {value}")
    if store not in ("auto", "seeds", "pixels"):
        raise LeveretUsageError(f"store must be 'auto', 'seeds' or 'pixels', got {store!r}")


def _identity_but_growth(found: Manifest, asked: Manifest) -> tuple[str, ...]:
    return tuple(name for name in IDENTITY if name != "size" or asked.size < found.size)


def _augment_of(folder: Path, manifest: Manifest, given: Any) -> Any:
    """The augmentation that makes a set's views: the one given, or an `Augment` of the settings in the manifest."""
    known = manifest.augment
    if given is None and known is not None:
        if known["name"] != fingerprints.of_augment(Augment(), True)["name"]:  # type: ignore[index]
            raise LeveretUsageError(f"the views in {folder} are made by {known['name']}; give it as augment=")
        try:
            given = Augment(**known["settings"])
        except TypeError as error:
            raise LeveretDataError(f"{folder} was built by an Augment of another Leveret ({error})") from error
    manifest.refuse(folder, replace(manifest, augment=fingerprints.of_augment(given, True)), ("augment",))
    return given


def _check_shards(folder: Path, manifest: Manifest) -> None:
    arrays = manifest.arrays(folder)
    shards, there = arrays[0].shards, 0
    for shard in range(shards):
        try:
            faults = {array.path(shard): array.fault(shard) for array in arrays}
        except FileNotFoundError:
            continue
        for path, fault in faults.items():
            if fault is not None:
                raise LeveretDataError(
                    f"{path} {fault}; build the transfer set again by the same call, which makes only what is missing "
                    "or damaged"
                )
        there += 1
    if there < shards or manifest.mean is None or manifest.std is None:
        raise LeveretUsageError(
            f"the transfer set in {folder} is not finished: {there} of {shards} shards are there; the same call of "
            "TransferSet.build goes on"
        )
