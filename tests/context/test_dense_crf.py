"""The dense CRF against mean field pixel by pixel, energies by hand, all labellings, and another library."""

import itertools

import numpy as np
import pytest
import torch
from test_lattice import by_pairs, picture

from leveret.context import DenseCRF
from leveret.errors import LeveretUsageError

OPTIONS = {
    "appearance": 0.9,
    "position_bandwidth": 3,
    "color_bandwidth": 25,
    "smoothness": 0.4,
    "smoothness_bandwidth": 1.5,
    "iterations": 4,
}


def brute_force(
    logits, image, *, appearance, smoothness, compatibility, iterations, normalize, with_self, **bandwidths
):
    """Algorithm 1, in loops, as the paper writes it."""
    classes, height, width = logits.shape
    unary = -logits.double().numpy().reshape(classes, -1)
    pixels = unary.shape[1]
    kernels = [
        by_pairs(image, bandwidths["position_bandwidth"], bandwidths["color_bandwidth"]),
        by_pairs(image, bandwidths["smoothness_bandwidth"], None),
    ]
    if normalize == "symmetric":
        kernels = [k / np.sqrt(k.sum(0)[None] * k.sum(1)[:, None]) for k in kernels]
    weights = [np.broadcast_to(w, classes) for w in (appearance, smoothness)]
    q = np.exp(-unary) / np.exp(-unary).sum(0)
    for _ in range(iterations):
        new = np.empty_like(q)
        for i in range(pixels):
            heard = np.zeros(classes)
            for j in range(pixels):
                if j != i or with_self:
                    for kernel, weight in zip(kernels, weights, strict=True):
                        heard += weight * kernel[i, j] * q[:, j]
            energy = unary[:, i] + compatibility @ heard
            new[:, i] = np.exp(-energy)
        q = new / new.sum(0)
    return torch.from_numpy(q).view(classes, height, width)


@pytest.mark.parametrize("normalize", ["symmetric", "none"])
@pytest.mark.parametrize("with_self", [False, True])
def test_it_is_mean_field(normalize, with_self):
    image = picture(5, 6)
    logits = torch.randn(3, 5, 6, dtype=torch.float64)
    options = OPTIONS | {"normalize": normalize, "with_self": with_self}
    found = DenseCRF(**options)(logits[None], image[None])[0]
    expected = brute_force(logits, image, compatibility=1 - np.eye(3), **options)
    torch.testing.assert_close(found.exp(), expected)
    assert (found.exp() - logits.softmax(0)).abs().max() > 0.05  # and it does something


def test_each_image_of_a_batch_by_itself():
    images = torch.stack([picture(4, 5, seed=0), picture(4, 5, seed=1)])
    logits = torch.randn(2, 3, 4, 5)
    crf = DenseCRF(**OPTIONS)
    both = crf(logits, images)
    torch.testing.assert_close(both[1:], crf(logits[1:], images[1:]))
    torch.testing.assert_close(crf(logits, images.float()), both)
    assert crf(logits[:0], images[:0]).shape == (0, 3, 4, 5)


def test_energies_by_hand():
    """Two pixels side by side, of values 10 apart."""
    image = torch.tensor([[[[100.0, 110.0]]]])
    logits = torch.tensor([[[[2.0, 0.0]], [[0.0, 1.0]]]])
    crf = DenseCRF(
        appearance=2, position_bandwidth=1, color_bandwidth=10, smoothness=3, smoothness_bandwidth=2, normalize="none"
    )
    k = 2 * np.exp(-0.5 - 0.5) + 3 * np.exp(-0.5 / 4)
    costs = np.log([[1 + np.exp(-2), 1 + np.exp(1)], [1 + np.exp(2), 1 + np.exp(-1)]])
    for first, second in itertools.product((0, 1), repeat=2):
        expected = costs[first, 0] + costs[second, 1] + (k if first != second else 0)
        found = crf.energy(torch.tensor([[[first, second]]]), logits, image)
        np.testing.assert_allclose(found.numpy(), [expected], rtol=1e-5)


def test_marginals_are_near_the_true_ones_where_pixels_are_loosely_tied():
    """All 2^6 labellings of 2x3 pixels, weighed by exp(−E): mean field is exact but for second-order terms."""
    image, logits = picture(2, 3)[None], torch.randn(1, 2, 2, 3, dtype=torch.float64)
    crf = DenseCRF(**OPTIONS | {"appearance": 0.05, "smoothness": 0.05, "normalize": "none", "iterations": 30})
    labels = torch.tensor(list(itertools.product((0, 1), repeat=6))).view(-1, 2, 3)
    many = len(labels)
    energies = crf.energy(labels, logits.expand(many, -1, -1, -1), image.expand(many, -1, -1, -1))
    shares = (-energies).softmax(0)
    true = (shares.view(-1, 1, 1) * labels).sum(0)
    found = crf(logits, image)[0, 1].exp()
    alone = logits.softmax(1)[0, 1]
    assert (found - true).abs().max() < 0.05 * (alone - true).abs().max()


@pytest.mark.parametrize("position", [8, 20])
def test_by_a_lattice_marginals_are_near_the_exact_ones(position):
    image, logits = picture(40, 50)[None], torch.randn(1, 4, 40, 50)
    options = {"position_bandwidth": position, "appearance": 4, "iterations": 5}
    exact, fast = (DenseCRF(method=method, **options)(logits, image) for method in ("exact", "lattice"))
    assert (exact.exp() - fast.exp()).abs().mean() < 0.01
    assert (exact.argmax(1) == fast.argmax(1)).float().mean() > 0.97


def test_auto_is_exact_for_small_images_alone():
    options = {"position_bandwidth": 10, "iterations": 2}
    for size, method in (((32, 64), "exact"), ((33, 63), "lattice")):
        image, logits = picture(*size)[None], torch.randn(1, 2, *size)
        torch.testing.assert_close(
            DenseCRF(**options)(logits, image), DenseCRF(method=method, **options)(logits, image), rtol=0, atol=0
        )


def test_it_cleans_up_along_edges():
    """Noisy logits over two regions of a picture: what is wrong mostly goes."""
    image = torch.full((1, 3, 40, 60), 60, dtype=torch.uint8)
    image[..., 25:] = 160
    true = (torch.arange(60) >= 25).long().expand(1, 40, 60)
    logits = torch.randn(1, 2, 40, 60) + 1.0 * torch.nn.functional.one_hot(true, 2).movedim(-1, 1)
    refined = DenseCRF(position_bandwidth=20)(logits, image)
    wrong = [(x.argmax(1) != true).float().mean().item() for x in (logits, refined)]
    assert wrong[0] > 0.15
    assert wrong[1] < 0.01


def test_weights_of_zero_change_nothing():
    image, logits = picture(5, 6)[None], torch.randn(1, 3, 5, 6)
    crf = DenseCRF(appearance=0, smoothness=0)
    torch.testing.assert_close(crf(logits, image), logits.log_softmax(1))


def test_pydensecrf_gives_nearly_the_same():
    densecrf = pytest.importorskip("pydensecrf.densecrf", reason="pydensecrf2 isn't installed; it needs a compiler")
    image, logits = picture(40, 50), torch.randn(5, 40, 50)
    theirs = densecrf.DenseCRF2D(50, 40, 5)
    theirs.setUnaryEnergy(np.ascontiguousarray(-logits.log_softmax(0).numpy().reshape(5, -1)))
    theirs.addPairwiseGaussian(sxy=3, compat=3.0)
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    theirs.addPairwiseBilateral(sxy=20, srgb=13, rgbim=pixels, compat=4.0)
    expected = torch.from_numpy(np.array(theirs.inference(5)).reshape(5, 40, 50))
    ours = DenseCRF(appearance=4, position_bandwidth=20, iterations=5, method="lattice", with_self=True)
    found = ours(logits[None], image[None])[0].exp()
    assert (found - expected).abs().mean() < 0.01
    assert (found.argmax(0) == expected.argmax(0)).float().mean() > 0.96


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"appearance": -1}, "appearance must be a finite number of at least 0"),
        ({"smoothness": float("nan")}, "smoothness"),
        ({"color_bandwidth": 0}, "color_bandwidth must be a finite number above 0, got 0"),
        ({"iterations": 0}, "iterations"),
        ({"method": "grid"}, "'auto', 'exact', 'lattice', got 'grid'"),
        ({"normalize": "after"}, "'symmetric' or 'none'"),
    ],
)
def test_refused_arguments(options, match):
    with pytest.raises(LeveretUsageError, match=match):
        DenseCRF(**options)


def test_refused_inputs():
    crf, logits = DenseCRF(), torch.randn(2, 3, 4, 5)
    images = torch.zeros(2, 3, 4, 5)
    labels = torch.zeros(2, 4, 5, dtype=torch.int64)
    for call, match in [
        (lambda: crf(logits, images[:1]), r"2 of 4x5; got \(1, 3, 4, 5\)"),
        (lambda: crf(logits, images[..., :4]), r"got \(2, 3, 4, 4\)"),
        (lambda: crf(logits[0], images), r"logits must be float \(batch, classes, height, width\)"),
        (lambda: crf(logits.long(), images), "int64"),
        (lambda: crf(logits, images / 0), "NaN or infinite"),
        (lambda: crf.energy(labels.float(), logits, images), "labels must be int64"),
        (lambda: crf.energy(labels - 100, logits, images), "0 to 2, got -100 to -100"),
    ]:
        with pytest.raises(LeveretUsageError, match=match):
            call()
