"""`DynamicCapacityNet`: coarse layers look everywhere, fine layers where the answer is uncertain."""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor, nn

from leveret.capacity._amounts import Budget, UntilSure
from leveret.capacity._geometry import Geometry
from leveret.capacity._glance import Glance, entropy
from leveret.capacity._look import Look
from leveret.capacity._operations import Operations
from leveret.capacity._patches import Borders, Patches
from leveret.capacity._probe import channels_in, check_field, check_unpadded
from leveret.capacity._refining import Refining
from leveret.capacity._selectors import EntropyGradient, Selector
from leveret.capacity._twin import evaluating
from leveret.capacity._walk import derive
from leveret.errors import LeveretUsageError
from leveret.nets import layer_operations

__all__ = ["DynamicCapacityNet"]

Amount = int | UntilSure | Budget


class DynamicCapacityNet(nn.Module):
    """Coarse features of the whole image, fine ones at the places that matter, and top layers over both.

    Source: Almahairi, Ballas, Cooijmans, Zheng, Larochelle & Courville, "Dynamic Capacity Networks", ICML 2016,
    section 2 and 2.1:

    1. c = coarse(x), and the coarse prediction o = top(c);
    2. the saliency of place ij, `‖∂H/∂c_ij‖₂` with H the entropy of o, see `EntropyGradient`;
    3. at the k most salient places the fine vectors, from the patches that they stand for;
    4. the refined features, fine where computed, else coarse; the answer is top(refined).

    The choice isn't differentiated through. Gradients reach the fine layers at the chosen places and the coarse ones at
    all others; train with `Hinted`, or coarse and fine apart with `Separate`.

    What a patch is follows from the modules: both must be local (convolutions, pools, norms over the batch,
    activations, sums and concatenations of such), of one stride, and give the same channels and grid. All patches of a
    batch go through `fine` in one call. Where so many are asked for that whole images cost fewer operations, `fine`
    runs on the images, and the places are picked from its features: the numbers are the same, up to rounding.

    Where we deviate: the saliency is computed with the top layers in eval mode, also in training, so that an image's
    places depend neither on dropout nor on the other images. The paper's patches are images of their own, which its
    layers pad; that is `borders="crop"` with `patch_size=14`, while the default gives what `fine` gives on the whole
    image. In training, BatchNorm in `fine` takes its statistics from the windows alone, those in `borders="exact"` with
    some margin; they are like those of whole images as far as the chosen places are.

    Shapes: `(batch, channels, height, width)` float32 → logits `(batch, num_classes)`. Images of any size from which
    the coarse layers make a grid, all of a batch of one size.

    Args:
        coarse: cheap layers, `(batch, channels, height, width)` → `(batch, D, rows, columns)`.
        fine: dear layers, of the same shapes.
        top: `(batch, D, rows, columns)` → `(batch, num_classes)`; differentiable.
        k: how many places of each image get a fine look: a number, at least 0; `UntilSure`, as many as an image needs;
            or a `Budget` for the batch. May be set anew at any time.
        selector: gives places their scores; default `EntropyGradient()`. See `Selector`. To compare several, make a net
            of the same modules with each.
        borders: what a fine vector is where its field reaches past the image: "exact", as `fine` has it on the whole
            image; "zeros", as if the image went on in zeros and the layers didn't pad, which makes patches smaller
            where layers pad; or "crop", where each patch is an image of its own, smaller still, which the layers pad.
            All are the same for fine layers without padding.
        patch_size: pixels of a crop's side, or height and width; default: the smallest image that `fine` takes. Only
            with "crop". With layers that keep an image's size that is one pixel: say how much they shall see.

    Attributes:
        geometry: of the fine layers, a `Geometry`.
        coarse_geometry: of the coarse ones.

    Raises:
        LeveretUsageError: a geometry that can't be derived, or that the net itself gainsays (a few small images are
            tried); coarse and fine of different channels, strides or grids, or places that lie more than a stride
            apart; k out of range; when called, images without places, or fewer places than k.

    Example:
        >>> data = leveret.load("digits")
        >>> coarse = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU())
        >>> fine = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 6, 3), nn.ReLU())
        >>> top = nn.Sequential(nn.Flatten(), nn.Linear(6 * 6 * 6, 10))
        >>> net = DynamicCapacityNet(coarse, fine, top, k=4)
        >>> result = leveret.fit(net, data, objective=Hinted(0.01))
        >>> net.k = UntilSure(8)
        >>> print(leveret.evaluate(net, data).accuracy)
    """

    def __init__(
        self,
        coarse: nn.Module,
        fine: nn.Module,
        top: nn.Module,
        k: Amount,
        *,
        selector: Selector | None = None,
        borders: Borders = "exact",
        patch_size: int | tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        if borders not in get_args(Borders):
            raise LeveretUsageError(
                f"borders must be one of {', '.join(map(repr, get_args(Borders)))}, got {borders!r}"
            )
        self.coarse_geometry = derive(coarse, "coarse")
        self.geometry = derive(fine, "fine")
        _check_grids(self.coarse_geometry, self.geometry)
        channels = channels_in(fine), channels_in(coarse)
        if channels[0] != channels[1]:
            raise LeveretUsageError(f"coarse takes images of {channels[1]} channels, fine of {channels[0]}")
        self.in_channels = channels[0]
        made = (
            check_field(coarse, self.coarse_geometry, self.in_channels, "coarse"),
            check_field(fine, self.geometry, self.in_channels, "fine"),
        )
        if made[0] != made[1]:
            raise LeveretUsageError(f"coarse and fine must give the same channels, got {made[0]} and {made[1]}")
        if borders == "zeros" and self.geometry.padded:
            check_unpadded(fine, self.geometry, self.in_channels, "fine")
        self.coarse = coarse
        self.fine = fine
        self.top = top
        self.selector = EntropyGradient() if selector is None else selector
        self.patches = Patches(self.geometry, borders, _crop_size(self.geometry, borders, patch_size))
        self.k = k

    @property
    def k(self) -> Amount:
        """How many places of each image get a fine look."""
        return self._k

    @k.setter
    def k(self, amount: Amount) -> None:
        whole = isinstance(amount, int) and not isinstance(amount, bool) and amount >= 0
        if not whole and not isinstance(amount, (UntilSure, Budget)):
            raise LeveretUsageError(f"k must be a whole number of at least 0, UntilSure or Budget, got {amount!r}")
        self._k = amount

    def forward(self, images: Tensor) -> Tensor:
        return self.look(images).logits

    def look(self, images: Tensor) -> Look:
        """The logits, and how they came about.

        Raises:
            LeveretUsageError: as of the class.
        """
        coarse = self._coarse_features(images)
        batch, _, rows, columns = coarse.shape
        glance = Glance(images, coarse.detach(), self.top, self.geometry, self.training)
        scores = self.selector(glance).detach()
        if scores.shape != (batch, rows, columns):
            raise LeveretUsageError(
                f"a selector must give scores (batch, rows, columns), {(batch, rows, columns)} here; "
                f"{type(self.selector).__name__} gave {tuple(scores.shape)}"
            )
        flat = scores.flatten(1)
        order = flat.argsort(dim=1, descending=True, stable=True)
        refining = Refining(self.patches, self.fine, images, coarse, order)
        if isinstance(self.k, UntilSure) and not self.training:
            logits = self._until_sure(self.k, refining, glance)
        else:
            refining.take(self._counts(flat, images))
            logits = self.top(refining.map())
        return refining.told(logits, scores, glance)

    def coarse_logits(self, images: Tensor) -> Tensor:
        """The prediction by the coarse layers alone, `top(coarse(x))`, with its gradient."""
        return self.top(self._coarse_features(images))

    def fine_logits(self, images: Tensor) -> Tensor:
        """The prediction by the fine layers alone, `top(fine(x))` with fine vectors everywhere, with its gradient."""
        return self.top(self.fine_features(images))

    def fine_features(self, images: Tensor) -> Tensor:
        """The fine vectors of all places, `(batch, D, rows, columns)`, as `borders` defines them.

        With "crop" they are those of the whole image, which `fine` runs on once.
        """
        self._check_images(images)
        return self.patches.whole(self.fine, images)

    def operations(self, height: int, width: int) -> Operations:
        """Multiply-accumulates of each part for one image of a size, counted by running coarse and top once.

        Raises:
            LeveretUsageError: such an image has no places.
        """
        like = next((p for p in self.parameters() if p.is_floating_point()), torch.zeros(()))
        image = torch.zeros(1, self.in_channels, height, width, dtype=like.dtype, device=like.device)
        self._check_images(image)
        with torch.no_grad():
            features = evaluating(self.coarse)(image)
        coarse, top = (
            sum(count for _, count in layer_operations(evaluating(part), x))
            for part, x in ((self.coarse, image), (self.top, features))
        )
        of_patch, of_image = self.patches.costs(self.fine, self.in_channels, height, width)
        return Operations(coarse, top, of_patch, of_image, self.patches.borders == "crop")

    def _counts(self, scores: Tensor, images: Tensor) -> Tensor:
        """How many places of each image are refined at once."""
        amount = self.k
        if isinstance(amount, Budget):
            of_patch, of_image = self.patches.costs(self.fine, *images.shape[1:])
            crops = self.patches.borders == "crop"
            return amount.counts(scores, (of_patch, of_patch * scores.shape[1] if crops else of_image))
        wanted = amount.at_most if isinstance(amount, UntilSure) else amount
        if isinstance(amount, int) and wanted > scores.shape[1]:
            rows, columns = self.geometry.grid(*images.shape[2:])
            raise LeveretUsageError(
                f"k is {wanted}, and images of {images.shape[2]}x{images.shape[3]} have a grid of {rows}x{columns}, "
                f"{scores.shape[1]} places"
            )
        return torch.full((len(scores),), min(wanted, scores.shape[1]), device=scores.device)

    def _until_sure(self, rule: UntilSure, refining: Refining, glance: Glance) -> Tensor:
        """Refine in rounds, each for those images that aren't sure yet."""
        most = min(rule.at_most, refining.order.shape[1])
        logits = glance.logits
        before = entropy(logits)
        going = (before > rule.sure).nonzero()[:, 0]
        while len(going):
            counts = refining.counts.clone()
            counts[going] = (counts[going] + rule.step).clamp(max=most)
            refining.take(counts)
            anew = self.top(refining.map()[going])
            logits = logits.index_copy(0, going, anew.to(logits.dtype))
            after = entropy(anew.detach().float())
            fell = before[going] - after > rule.fall
            before = before.index_copy(0, going, after.to(before.dtype))
            going = going[fell & (after > rule.sure) & (counts[going] < most)]
        return logits

    def _coarse_features(self, images: Tensor) -> Tensor:
        self._check_images(images)
        coarse = self.coarse(images)
        grid = self.geometry.grid(*images.shape[2:])
        if tuple(coarse.shape[2:]) != grid:
            raise LeveretUsageError(
                f"coarse gives a grid of {coarse.shape[2]}x{coarse.shape[3]} for images of {images.shape[2]}x"
                f"{images.shape[3]}, fine one of {grid[0]}x{grid[1]}"
            )
        return coarse

    def _check_images(self, images: Tensor) -> None:
        if not isinstance(images, Tensor) or images.dim() != 4 or images.shape[1] != self.in_channels:
            got = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
            raise LeveretUsageError(f"images must be one tensor (batch, {self.in_channels}, height, width), got {got}")
        height, width = images.shape[2:]
        for name, geometry in (("coarse", self.coarse_geometry), ("fine", self.geometry)):
            if min(geometry.grid(height, width)) < 1:
                raise LeveretUsageError(
                    f"images of {height}x{width} are too small: {name} has fields of {geometry.size[0]}x"
                    f"{geometry.size[1]} pixels, and not one of them fits"
                )

    def extra_repr(self) -> str:
        return f"k={self.k}, selector={self.selector!r}, borders={self.patches.borders!r}"


def _crop_size(
    geometry: Geometry, borders: Borders, patch_size: int | tuple[int, int] | None
) -> tuple[int, int] | None:
    if patch_size is None:
        return None
    if borders != "crop":
        raise LeveretUsageError(
            f"patch_size is for borders='crop'; with {borders!r} the size follows from fine's layers"
        )
    size = (patch_size, patch_size) if isinstance(patch_size, int) else tuple(patch_size)
    least = geometry.rows.least, geometry.columns.least
    if len(size) != 2 or not all(isinstance(n, int) and n >= few for n, few in zip(size, least, strict=True)):
        raise LeveretUsageError(
            f"patch_size must be whole numbers of pixels, at least {least[0]}x{least[1]} for these fine layers, got "
            f"{patch_size!r}"
        )
    return size[0], size[1]


def _check_grids(coarse: Geometry, fine: Geometry) -> None:
    if coarse.stride != fine.stride:
        raise LeveretUsageError(
            f"coarse and fine must have the same stride, got {coarse.stride} and {fine.stride} (rows, columns)"
        )
    axes = (("rows", coarse.rows, fine.rows), ("columns", coarse.columns, fine.columns))
    for name, one, other in axes:
        # by less, they differ for some sizes of images alone, which each call checks
        if abs(one.margin - other.margin) >= one.stride:
            raise LeveretUsageError(
                f"coarse and fine must have the same grid; their {name} differ in number by their windows: coarse "
                f"sees fields of {one.size} pixels from {one.start} on, fine of {other.size} from {other.start} on"
            )
        if abs(one.centre - other.centre) > one.stride:
            raise LeveretUsageError(
                f"a place of coarse and the same of fine must lie together; their {name} are "
                f"{abs(one.centre - other.centre):g} pixels apart, which is more than the stride of {one.stride}"
            )
