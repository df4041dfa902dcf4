"""`DynamicCapacityNet`: coarse layers look everywhere, fine layers where the answer is uncertain."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from leveret.capacity._extent import Extent
from leveret.capacity._files import sources_of
from leveret.capacity._geometry import Geometry
from leveret.capacity._levels import Amount, Level, checked_amounts
from leveret.capacity._look import Look
from leveret.capacity._looking import look_closer
from leveret.capacity._operations import Operations
from leveret.capacity._parts import checked_parts, level_names
from leveret.capacity._patches import Borders, Patches
from leveret.capacity._selectors import EntropyGradient, Selector
from leveret.capacity._sources import InMemory, Source
from leveret.capacity._twin import evaluating
from leveret.capacity._walk import derive
from leveret.data import Normalization, TiledImage
from leveret.errors import LeveretUsageError
from leveret.nets import layer_operations

__all__ = ["DynamicCapacityNet"]


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

    Several levels: `fine` may be a list, each of whose layers look closer than those before. After the first level has
    refined its places, steps 2 to 4 are done again with the refined features in place of c: the saliency is computed
    anew, and the second level looks at the most salient of the first one's places. All levels share the grid: a place
    is the same place in each. What differs is the field that a level sees around it, and its capacity.

    Large images: with a `scale` the coarse layers see the image scaled down by it, as if an average pool stood before
    them, while the fine layers see patches at full resolution. So the coarse stride, times `scale`, must be the fine
    one. `look_at` takes images of any sizes, also from files of which it reads no more than that.

    Shapes: `(batch, channels, height, width)` float32 → logits `(batch, num_classes)`. Images of any size from which
    the coarse layers make a grid, all of a batch of one size. With a scale, less than a stride at the right and below
    is left out, see `extent`.

    Args:
        coarse: cheap layers, `(batch, channels, height, width)` → `(batch, D, rows, columns)`.
        fine: dear layers, of the same shapes; or a list of such, the dearest last, for as many levels.
        top: `(batch, D, rows, columns)` → `(batch, num_classes)`; differentiable.
        k: how many places of each image get a fine look: a number, at least 0; `UntilSure`, as many as an image needs;
            or a `Budget` for the batch. A list of such for several levels, where numbers never rise: at each level at
            most as many as are fine already. May be set anew at any time.
        scale: pixels a side of the squares of which the coarse layers see the mean; at least 1.
        selector: gives places their scores; default `EntropyGradient()`. See `Selector`. To compare several, make a net
            of the same modules with each.
        borders: what a fine vector is where its field reaches past the image: "exact", as `fine` has it on the whole
            image; "zeros", as if the image went on in zeros and the layers didn't pad, which makes patches smaller
            where layers pad; or "crop", where each patch is an image of its own, smaller still, which the layers pad.
            All are the same for fine layers without padding.
        patch_size: pixels of a crop's side, or height and width as a tuple; default: the smallest image that `fine`
            takes. Only with "crop". With layers that keep an image's size that is one pixel: say how much they shall
            see. A list for several levels.

    Attributes:
        geometry: of the (first) fine layers, a `Geometry`.
        coarse_geometry: of the coarse ones, in pixels of the image.
        levels: for each level its layers, geometry and amount; see `Level`.

    Raises:
        LeveretUsageError: a geometry that can't be derived, or that the net itself gainsays (a few small images are
            tried); coarse and fine of different channels, strides or grids, or places that lie more than a stride
            apart; k or scale out of range; when called, images without places or smaller than a patch, or fewer places
            than k.

    Example:
        >>> data = leveret.load("digits")
        >>> coarse = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU())
        >>> fine = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 6, 3), nn.ReLU())
        >>> top = nn.Sequential(nn.Flatten(), nn.Linear(6 * 6 * 6, 10))
        >>> net = DynamicCapacityNet(coarse, fine, top, k=4)
        >>> result = leveret.fit(net, data, objective=Hinted(0.01))
        >>> net.k = UntilSure(8)
        >>> print(leveret.evaluate(net, data).accuracy)
        >>> finer = nn.Sequential(nn.Conv2d(1, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 6, 3), nn.ReLU())
        >>> net = DynamicCapacityNet(coarse, [fine, finer], top, k=[8, 2])
    """

    # selectors go back through the top, and whole numbers have no derivative; `shrink.quantize` heeds it
    real_parts = ("top", "selector")

    def __init__(
        self,
        coarse: nn.Module,
        fine: nn.Module | Sequence[nn.Module],
        top: nn.Module,
        k: Amount | Sequence[Amount],
        *,
        scale: int = 1,
        selector: Selector | None = None,
        borders: Borders = "exact",
        patch_size: int | tuple[int, int] | list[int | tuple[int, int]] | None = None,
    ) -> None:
        super().__init__()
        fines: list[nn.Module] = list(fine) if isinstance(fine, (Sequence, nn.ModuleList)) else [fine]
        if not fines:
            raise LeveretUsageError("fine has no levels: give it one module at least")
        self.coarse_geometry, self._patches, self.in_channels = checked_parts(coarse, fines, scale, borders, patch_size)
        self.scale = scale
        self._view = derive(coarse, "coarse") if scale > 1 else None
        self._extent = Extent(self.coarse_geometry, self._patches)
        self.coarse = coarse
        self.fine: nn.Module = fines[0] if len(fines) == 1 else nn.ModuleList(fines)
        self.top = top
        self.selector = EntropyGradient() if selector is None else selector
        self._k = checked_amounts(k, len(fines))

    @property
    def k(self) -> Amount | tuple[Amount, ...]:
        """How many places of each image get a fine look; a tuple where there are several levels."""
        return self._k[0] if len(self._k) == 1 else self._k

    @k.setter
    def k(self, amount: Amount | Sequence[Amount]) -> None:
        self._k = checked_amounts(amount, len(self._patches))

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels of fine layers, the least fine first."""
        fines = [self.fine] if len(self._patches) == 1 else list(self.fine.children())
        return tuple(map(Level, fines, self._patches, self._k, level_names(len(fines))))

    @property
    def patches(self) -> Patches:
        """What runs the (first) fine layers at places."""
        return self._patches[0]

    @property
    def geometry(self) -> Geometry:
        """Where the coarse features lie in the image, on the first level."""
        return self._patches[0].geometry

    def forward(self, images: Tensor) -> Tensor:
        return self.look(images).logits

    def look(self, images: Tensor) -> Look:
        """The logits, and how they came about.

        Raises:
            LeveretUsageError: as of the class.
        """
        return self._look([self._source(images)])[0]

    def look_at(self, images: Sequence[Tensor | TiledImage], normalization: Normalization | None = None) -> list[Look]:
        """A look at each of several images, of any sizes, in memory or in files that are read by regions.

        The coarse layers see images one by one; the patches of all go through a level's fine layers in one call. Of a
        file only the view that the coarse layers see is made, at 1/`scale`, and the chosen patches are read: memory
        grows with the views and the patches, not with the images (as far as `TiledImage.bounded`). Gradients and the
        mode are as of `look`: for predictions call it in eval mode, under `torch.no_grad()`.

        Of an image only the part of `extent` is looked at; it leaves out less than a stride at the right and below.
        `top` must take any grid, as with a global pool. Selectors see the views. A `Budget` is for all of the images.

        Args:
            images: each `(channels, height, width)` float32, as they would be in a batch, or a `TiledImage`.
            normalization: of the files' pixels, `(pixel / 255 − mean) / std`; that of the data which the net was
                trained on (`data.normalization`). Default: `pixel / 255`.

        Returns:
            One for each image, a batch of 1: their places and boxes are in the image's pixels.

        Raises:
            LeveretUsageError: no images, one of other channels than the net's, or smaller than a patch; says which.
            LeveretDataError: a file is damaged where it is read, or gone; with its path.

        Example:
            >>> net = DynamicCapacityNet(coarse, fine, top, k=16, scale=8)
            >>> with torch.no_grad():
            ...     look, *_ = net.eval().look_at([leveret.data.TiledImage("slide.tif")], data.normalization)
            >>> look.logits, look.boxes[0]
        """
        return self._look(sources_of(images, self.in_channels, self.scale, self._extent, normalization, self._like))

    def _look(self, sources: Sequence[Source]) -> list[Look]:
        coarse = [self._coarse_features(source) for source in sources]
        return look_closer(
            sources, coarse, self.levels, self.top, self.selector, view=self._view, training=self.training
        )

    def coarse_logits(self, images: Tensor) -> Tensor:
        """The prediction by the coarse layers alone, `top(coarse(x))`, with its gradient."""
        return self.top(self._coarse_features(self._source(images)))

    def fine_logits(self, images: Tensor, level: int = -1) -> Tensor:
        """The prediction by fine layers alone, `top(fine(x))` with fine vectors everywhere, with its gradient.

        Args:
            images: as of `look`.
            level: whose; default: the finest.
        """
        return self.top(self.fine_features(images, level))

    def fine_features(self, images: Tensor, level: int = -1) -> Tensor:
        """The fine vectors of all places, `(batch, D, rows, columns)`, as `borders` defines them.

        With "crop" they are those of the whole image, which `fine` runs on once.
        """
        whole = self._source(images).images
        assert whole is not None
        return self.levels[level].patches.whole(self.levels[level].fine, whole)

    def operations(self, height: int, width: int) -> Operations:
        """Multiply-accumulates of each part for one image of a size, counted by running coarse and top once.

        Raises:
            LeveretUsageError: such an image has no places, or is smaller than a patch.
        """
        height, width = self._looked_at(height, width)
        size = (1, self.in_channels, height // self.scale, width // self.scale)
        view = self._like.new_zeros(size)
        with torch.no_grad():
            features = evaluating(self.coarse)(view)
        coarse, top = (
            sum(count for _, count in layer_operations(evaluating(part), x))
            for part, x in ((self.coarse, view), (self.top, features))
        )
        finer: Operations | None = None
        for level in reversed(self.levels):
            costs = level.patches.costs(level.fine, self.in_channels, height, width)
            finer = Operations(coarse, top, *costs, level.patches.borders == "crop", finer)
        assert finer is not None
        return finer

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """The part of an image of any size that is looked at: height and width, less than a stride smaller.

        `look_at` keeps to it, and with a scale `look` does. Without one the images of a tensor are looked at whole.

        Raises:
            LeveretUsageError: the image is smaller than a patch.
        """
        return self._extent.of(height, width)

    @property
    def _like(self) -> Tensor:
        """A tensor of the dtype and device that the net computes in."""
        return next((p for p in self.parameters() if p.is_floating_point()), torch.zeros(()))

    def _source(self, images: Tensor) -> InMemory:
        if not isinstance(images, Tensor) or images.dim() != 4 or images.shape[1] != self.in_channels:
            got = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
            raise LeveretUsageError(
                f"images must be one tensor (batch, {self.in_channels}, height, width), got {got}; images of several "
                "sizes, or in files, go through look_at"
            )
        height, width = self._looked_at(*images.shape[2:])
        return InMemory(images[:, :, :height, :width], self.scale)

    def _looked_at(self, height: int, width: int) -> tuple[int, int]:
        """The part of images of a tensor that is looked at."""
        named = [("coarse", self.coarse_geometry), *((level.name, level.geometry) for level in self.levels)]
        for name, geometry in named:
            if min(geometry.grid(height, width)) < 1:
                raise LeveretUsageError(
                    f"images of {height}x{width} are too small: {name} has fields of {geometry.size[0]}x"
                    f"{geometry.size[1]} pixels, and not one of them fits"
                )
        for level in self.levels:
            patch = level.patches.size(height, width)
            if height < patch[0] or width < patch[1]:
                raise LeveretUsageError(
                    f"images of {height}x{width} are too small: {level.name} looks at patches of {patch[0]}x{patch[1]} "
                    "pixels. Give images of that size at least, or fine layers with smaller patches"
                )
        return (height, width) if self.scale == 1 else self.extent(height, width)

    def _coarse_features(self, source: Source) -> Tensor:
        coarse = self.coarse(source.view)
        height, width = source.shape[2:]
        for level in self.levels:
            grid = level.geometry.grid(height, width)
            if tuple(coarse.shape[2:]) != grid:
                raise LeveretUsageError(
                    f"coarse gives a grid of {coarse.shape[2]}x{coarse.shape[3]} for images of {height}x{width}, "
                    f"{level.name} one of {grid[0]}x{grid[1]}"
                )
        return coarse

    def extra_repr(self) -> str:
        scale = f", scale={self.scale}" if self.scale > 1 else ""
        return f"k={self.k}, selector={self.selector!r}, borders={self.patches.borders!r}{scale}"
