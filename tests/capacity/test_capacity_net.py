"""`DynamicCapacityNet`: saliency, choice, patches, borders, amounts, and what it refuses."""

import copy
import pickle

import pytest
import torch
from capacity_nets import coarse_layers, fine_layers, fine_unpadded, images, made_net, top_layers
from torch import nn

import leveret
from leveret.capacity import Budget, DynamicCapacityNet, EntropyGradient, UntilSure, entropy
from leveret.errors import LeveretUsageError


class Linear(nn.Module):
    """A top whose entropy's gradient is easy by hand: logits are weighted sums over all places."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, features):
        return features.flatten(1) @ self.weight.T


def test_the_entropy_of_a_prediction():
    logits = torch.log(torch.tensor([[0.5, 0.5, 1e-30], [0.7, 0.2, 0.1], [1 / 3, 1 / 3, 1 / 3]]))
    found = entropy(logits)
    by_hand = -(0.7 * torch.tensor(0.7).log() + 0.2 * torch.tensor(0.2).log() + 0.1 * torch.tensor(0.1).log())
    torch.testing.assert_close(found, torch.stack([torch.tensor(2.0).log(), by_hand, torch.tensor(3.0).log()]))
    assert entropy(torch.tensor([[1e4, 0.0]])).tolist() == [0]


def test_the_saliency_is_the_norm_of_the_gradient_by_hand():
    torch.manual_seed(1)
    weight = torch.randn(3, 6 * 36, dtype=torch.float64) / 20
    net = DynamicCapacityNet(coarse_layers(), fine_layers(), Linear(weight), 2).double().eval()
    look = net.look(images(dtype=torch.float64))
    o = look.coarse_logits.softmax(1)
    h = entropy(look.coarse_logits)
    # dH/dz_l = −o_l (log o_l + H), then back through the linear layer
    by_hand = (-o * (o.log() + h[:, None])) @ weight
    torch.testing.assert_close(look.saliency, by_hand.view(4, 6, 6, 6).norm(dim=1))


def test_the_saliency_is_that_of_finite_differences():
    net = made_net().double().eval()
    look = net.look(images(2, dtype=torch.float64))
    coarse = look.coarse.detach()
    step = 1e-6
    for place in ((0, 0), (2, 4), (5, 5)):
        slopes = []
        for channel in range(6):
            ends = []
            for sign in (1, -1):
                moved = coarse.clone()
                moved[:, channel, place[0], place[1]] += sign * step
                with torch.no_grad():
                    ends.append(entropy(net.top(moved)))
            slopes.append((ends[0] - ends[1]) / (2 * step))
        expected = torch.stack(slopes).norm(dim=0)
        torch.testing.assert_close(look.saliency[:, place[0], place[1]], expected, rtol=1e-5, atol=1e-9)


def test_the_saliency_needs_no_second_order_graph_nor_touches_weights():
    net = made_net().train()
    before = {name: value.clone() for name, value in net.named_buffers()}
    saliency = EntropyGradient()(net.look(images()).glance)
    assert not saliency.requires_grad
    assert all(parameter.grad is None for parameter in net.parameters())
    assert net.top.training
    # the top has no norm here; the coarse look by itself moves no statistics of the fine layers
    net.k = 0
    before = {name: value.clone() for name, value in net.named_buffers()}
    net.look(images())
    assert all(torch.equal(value, before[name]) for name, value in net.named_buffers())


@pytest.mark.parametrize("training", [False, True])
def test_an_images_choice_depends_on_it_alone(training):
    net = made_net().train(training)
    x = images(6)
    alone = torch.cat([net.look(x[i : i + 1]).saliency for i in range(6)])
    torch.testing.assert_close(net.look(x).saliency, alone)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_it_runs_where_gradients_are_off(mode):
    net = made_net().eval()
    expected = net(images()).detach()
    with mode():
        assert torch.equal(net(images()), expected)


def test_the_highest_are_chosen_in_order_and_of_equals_the_first():
    net = made_net(4, selector=lambda glance: given)
    net.eval()
    given = torch.zeros(2, 6, 6)
    given[0, 3, 2], given[0, 1, 5], given[1, 5, 5] = 2.0, 3.0, 1.0
    look = net.look(images(2))
    assert look.chosen[0].tolist() == [[1, 5], [3, 2], [0, 0], [0, 1]]
    assert look.chosen[1].tolist() == [[5, 5], [0, 0], [0, 1], [0, 2]]
    # place 1, 5: fields of 12 pixels that begin at −3 + 4 · place
    assert look.boxes[0][0].tolist() == [1, 17, 13, 29]
    with pytest.raises(LeveretUsageError, match=r"scores \(batch, rows, columns\), \(3, 6, 6\) here"):
        net.look(images(3))


@pytest.mark.parametrize("borders", ["exact", "zeros"])
@pytest.mark.parametrize("side", [28, 31, (27, 45)])
def test_chosen_vectors_are_those_of_the_fine_layers_on_the_whole_image(borders, side):
    net = made_net(3, borders=borders).double().eval()
    height, width = side if isinstance(side, tuple) else (side, side)
    x = torch.randn(3, 1, height, width, dtype=torch.float64)
    with torch.no_grad():
        look = net.look(x)
        assert (look.patches, look.images) == (9, 0)
        whole = net.fine_features(x)
        inside = net.geometry.inside(height, width)[look.place // whole.shape[3], look.place % whole.shape[3]]
        expected = whole.flatten(2)[look.sample, :, look.place]
        torch.testing.assert_close(look.fine, expected)
        exact = net.fine(x).flatten(2)[look.sample, :, look.place]
        torch.testing.assert_close(look.fine[inside], exact[inside])
        if borders == "exact":
            torch.testing.assert_close(look.fine, exact)
    refined = look.coarse.clone()
    for image, places in enumerate(look.chosen):
        for row, column in places.tolist():
            refined[image, :, row, column] = whole[image, :, row, column]
    torch.testing.assert_close(look.refined, refined)
    torch.testing.assert_close(look.logits, net.top(refined))


def test_borders_of_zeros_are_the_image_that_goes_on_in_zeros():
    net = made_net(36, borders="zeros").double().eval()
    x = images(2, dtype=torch.float64)
    conv1, norm, conv2, conv3 = (copy.deepcopy(net.fine[i]) for i in (0, 1, 4, 6))
    conv1.padding = conv2.padding = (0, 0)
    y = norm(conv1(nn.functional.pad(x, (3, 1, 3, 1)))).relu()
    by_hand = conv3(conv2(nn.functional.max_pool2d(y, 2)).relu()).relu()
    torch.testing.assert_close(net.fine_features(x), by_hand)
    assert not torch.allclose(net.fine(x), by_hand)
    assert net.fine[0].padding == (1, 1)


@pytest.mark.parametrize(("patch_size", "side"), [(None, 28), (15, 31), ((17, 26), (27, 45))])
def test_crops_are_images_of_their_own(patch_size, side):
    net = made_net(5, borders="crop", patch_size=patch_size).double().eval()
    height, width = side if isinstance(side, tuple) else (side, side)
    x = torch.randn(3, 1, height, width, dtype=torch.float64)
    look = net.look(x)
    assert (look.patches, look.images) == (15, 0)
    # the layers add 1, 1 · 2 and nothing around; the smallest image that has a place is 12 − 2 · 3 pixels
    tall, wide = (6, 6) if patch_size is None else (15, 15) if patch_size == 15 else patch_size
    for image, boxes in enumerate(look.boxes):
        vectors = look.fine[look.sample == image]
        for (top, left, bottom, right), (row, column), vector in zip(
            boxes.tolist(), look.chosen[image].tolist(), vectors, strict=True
        ):
            assert (bottom - top, right - left) == (tall, wide)
            around = nn.functional.pad(x[image : image + 1], (40, 40, 40, 40))
            alone = net.fine(around[..., top + 40 : bottom + 40, left + 40 : right + 40])
            middle = alone.shape[2] // 2, alone.shape[3] // 2
            torch.testing.assert_close(vector, alone[0, :, *middle])
            assert (top, left) == (4 * (row - middle[0]), 4 * (column - middle[1]))
    whole = net.fine(x)
    torch.testing.assert_close(net.fine_features(x), whole)
    assert not torch.allclose(look.fine, whole.flatten(2)[look.sample, :, look.place])


def test_crops_never_give_way_to_the_whole_image():
    net = made_net(36, borders="crop").eval()
    look = net.look(images())
    assert (look.patches, look.images) == (144, 0)
    counted = net.operations(28, 28)
    assert counted.with_patches(36) == counted.coarse + 3 * counted.top + 36 * counted.patch
    net.k = Budget(operations=10.5 * counted.patch)
    assert net.look(images()).patches == 42


def test_crops_of_unpadded_layers_are_fields():
    net = made_net(4, fine=fine_unpadded()).eval()
    crops = DynamicCapacityNet(net.coarse, net.fine, net.top, 4, borders="crop", patch_size=7).eval()
    torch.testing.assert_close(net(images()), crops(images()))
    assert all(torch.equal(a, b) for a, b in zip(net.look(images()).boxes, crops.look(images()).boxes, strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"borders": "cropped"}, "borders must be one of 'exact', 'zeros', 'crop', got 'cropped'"),
        ({"patch_size": 14}, "patch_size is for borders='crop'; with 'exact' the size follows"),
        ({"borders": "crop", "patch_size": 5}, "at least 6x6 for these fine layers, got 5"),
        ({"borders": "crop", "patch_size": (14, 14, 14)}, "patch_size must be whole numbers of pixels"),
    ],
)
def test_crops_that_are_refused(options, message):
    with pytest.raises(LeveretUsageError, match=message):
        made_net(3, **options)


@pytest.mark.parametrize("borders", ["exact", "zeros"])
@pytest.mark.parametrize("fine", [fine_layers, fine_unpadded])
def test_all_places_are_the_fine_net(fine, borders):
    net = made_net(36, fine=fine(), borders=borders).eval()
    look = net.look(images())
    assert (look.patches, look.images) == (0, 4)
    torch.testing.assert_close(look.logits, net.fine_logits(images()))
    if borders == "exact" or fine is fine_unpadded:
        torch.testing.assert_close(look.logits, net.top(net.fine(images())))


def test_no_place_is_the_coarse_net():
    net = made_net(0).eval()
    look = net.look(images())
    assert look.fine.shape == (0, 6)
    assert torch.equal(look.logits, net.coarse_logits(images()))


@pytest.mark.parametrize("borders", ["exact", "zeros"])
def test_all_patches_go_through_in_one_call_and_whole_images_where_those_are_cheaper(borders):
    net = made_net(2, borders=borders).eval()
    calls = []
    net.fine[0].register_forward_hook(lambda layer, inputs, output: calls.append(tuple(inputs[0].shape)))
    of_patch, of_image = net.patches.costs(net.fine, 1, 28, 28)
    net(images())
    net.k = -(-of_image // of_patch)
    net(images())
    # fields are of 12 pixels; zeros reach 3 pixels before the image and 1 behind
    expected = ((8, 1, 16, 16), (4, 1, 28, 28)) if borders == "exact" else ((8, 1, 12, 12), (4, 1, 32, 32))
    assert tuple(calls) == expected


def test_operations_by_hand():
    net = made_net(2, fine=fine_unpadded()).eval()
    counted = net.operations(28, 28)
    assert counted.coarse == 13 * 13 * 9 * 3 + 6 * 6 * 9 * 3 * 6
    assert counted.top == 5 * 5 * 4 * 6 * 8 + 8 * 10
    assert counted.patch == 3 * 3 * 9 * 8 + 9 * 8 * 6
    assert counted.whole == 13 * 13 * 9 * 8 + 6 * 6 * 9 * 8 * 6
    assert counted.with_patches(2) == counted.coarse + 3 * counted.top + 2 * counted.patch
    assert counted.with_patches(0) == counted.coarse + counted.top
    assert counted.with_patches(36, gradient=False) == counted.coarse + counted.top + counted.whole
    assert counted.fine_net == counted.whole + counted.top


def test_until_sure_stops_each_image_for_itself():
    net = made_net(UntilSure(36, sure=0.0, fall=0.0)).double().eval()
    x = images(6, dtype=torch.float64)
    look = net.look(x)
    order = look.saliency.flatten(1).argsort(dim=1, descending=True, stable=True)
    whole, coarse = net.fine_features(x).flatten(2), look.coarse.flatten(2)
    for image in range(6):
        refined, before = coarse[image].clone(), entropy(look.coarse_logits)[image]
        for count in range(1, 37):
            at = order[image, count - 1]
            refined[:, at] = whole[image, :, at]
            logits = net.top(refined.view(1, 6, 6, 6))
            after = entropy(logits)[0]
            if after >= before:
                break
            before = after
        assert look.counts[image] == count
        torch.testing.assert_close(look.logits[image], logits[0])
        assert (look.chosen[image][:, 0] * 6 + look.chosen[image][:, 1]).tolist() == order[image, :count].tolist()
    assert len(look.counts.unique()) > 1


def test_until_sure_looks_no_closer_where_it_is_sure_and_trains_with_all():
    net = made_net(UntilSure(5, sure=10.0)).eval()
    look = net.look(images())
    assert look.counts.tolist() == [0] * 4
    torch.testing.assert_close(look.logits, look.coarse_logits)
    assert net.train().look(images()).counts.tolist() == [5] * 4


def test_a_budget_goes_to_the_highest_scores_of_the_batch():
    net = made_net(Budget(patches=1.5)).eval()
    look = net.look(images(5))
    assert look.counts.sum() == 7
    taken = look.saliency.flatten(1)[look.sample, look.place]
    assert taken.min() >= look.saliency.flatten().sort(descending=True).values[6]
    of_patch, of_image = net.patches.costs(net.fine, 1, 28, 28)
    net.k = Budget(operations=1.2 * of_patch)
    assert net.look(images(5)).counts.sum() == 6
    net.k = Budget(operations=of_image)
    assert net.look(images(5)).counts.tolist() == [36] * 5
    net.k = Budget(patches=0)
    assert torch.equal(net(images(5)), net.coarse_logits(images(5)))


def test_it_pickles_and_copies():
    net = made_net().eval()
    expected = net(images())
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(other(images()), expected)
    other = made_net(seed=5).eval()
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(images()), expected)


def test_layers_may_be_changed_for_others_of_the_same_geometry():
    net = made_net(36).eval()
    net.fine[4] = nn.Conv2d(5, 6, 3, padding=1)
    torch.testing.assert_close(net(images()), net.top(net.fine(images())))


def test_colour_channels_last_and_bfloat16():
    net = made_net(channels=3).eval()
    x = images(channels=3)
    expected = net(x)
    torch.testing.assert_close(net(x.contiguous(memory_format=torch.channels_last)), expected)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(net(x).float(), expected, atol=0.1, rtol=0.1)


def conv(*layers):
    return nn.Sequential(*(nn.Conv2d(*layer) for layer in layers))


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"fine": conv((1, 7, 7, 4))}, "must give the same channels, got 6 and 7"),
        ({"fine": conv((1, 6, 3, 2))}, r"the same stride, got \(4, 4\) and \(2, 2\)"),
        ({"fine": conv((1, 6, 7, 4, 4))}, "differ in number by their windows"),
        ({"fine": conv((3, 6, 7, 4))}, "coarse takes images of 1 channels, fine of 3"),
        ({"fine": nn.Sequential(nn.ZeroPad2d((0, 24, 0, 24)), nn.Conv2d(1, 6, 29, 4))}, "rows are 11 pixels apart"),
        ({"coarse": nn.Sequential(*coarse_layers(), nn.AdaptiveAvgPool2d(6))}, "coarse can't be derived: layer '4'"),
        ({"k": -1}, "k must be a whole number of at least 0"),
        ({"k": True}, "k must be"),
        ({"k": 2.0}, "k must be"),
        ({"borders": "round"}, "borders must be"),
    ],
)
def test_parts_that_dont_fit_are_refused(parts, says):
    given = {"coarse": coarse_layers(), "fine": fine_layers(), "top": top_layers(), "k": 2} | parts
    with pytest.raises(LeveretUsageError, match=says):
        DynamicCapacityNet(**given)


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (torch.zeros(2, 1, 28, 6), "28x6 are too small: coarse has fields of 7x7"),
        (torch.zeros(2, 3, 28, 28), r"must be one tensor \(batch, 1, height, width\), got \(2, 3, 28, 28\)"),
        (torch.zeros(28, 28), "must be one tensor"),
        ([torch.zeros(1, 28, 28), torch.zeros(1, 30, 30)], "must be one tensor"),
        (torch.zeros(2, 1, 30, 30), "coarse gives a grid of 6x6 for images of 30x30, fine one of 7x7"),
    ],
)
def test_images_that_dont_fit_are_refused(x, says):
    with pytest.raises(LeveretUsageError, match=says):
        made_net()(x)


@pytest.mark.parametrize(("options", "patch"), [({"borders": "crop", "patch_size": 40}, 40), ({"borders": "zeros"}, 5)])
def test_images_smaller_than_a_patch_are_refused(options, patch):
    def layers():
        return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))

    top = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    net = DynamicCapacityNet(layers(), layers(), top, 1, **options).eval()
    assert net(torch.zeros(2, 1, patch, patch)).shape == (2, 3)
    small = torch.zeros(2, 1, patch, patch - 1)
    runs = (net, net.look, net.coarse_logits, lambda x: net.operations(*x.shape[2:]), lambda x: leveret.pack(net, x))
    for run in runs:
        with pytest.raises(LeveretUsageError, match=f"too small: fine looks at patches of {patch}x{patch} pixels"):
            run(small)


def test_more_places_than_there_are():
    with pytest.raises(LeveretUsageError, match="k is 37, and images of 28x28 have a grid of 6x6, 36 places"):
        made_net(37)(images())
    assert made_net(UntilSure(50)).train().look(images()).counts.tolist() == [36] * 4


@pytest.mark.parametrize(
    "make",
    [
        lambda: UntilSure(0),
        lambda: UntilSure(3, step=0),
        lambda: UntilSure(3, sure=-1),
        lambda: UntilSure(3, fall=float("nan")),
        lambda: Budget(),
        lambda: Budget(patches=1, operations=5),
        lambda: Budget(patches=-1),
        lambda: Budget(operations=float("inf")),
    ],
)
def test_amounts_out_of_range(make):
    with pytest.raises(LeveretUsageError):
        make()
