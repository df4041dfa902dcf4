"""`judge` on samples that are alike, that differ, that hang together, and that can't be judged."""

import warnings

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu

from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.judge import Logistic, Neighbours, Trained, judge, observer_for, pair_of
from leveret.nets import BagOfWords
from leveret.training import Augment


@pytest.fixture(scope="module")
def images(digits):
    """500 digits, `(500, 1, 8, 8)` uint8, in a random order."""
    return digits.train.fetch(np.random.default_rng(3).permutation(len(digits.train))[:500])


def rows(n, mean=0.0, seed=0):
    return np.random.default_rng(seed).normal(mean, 1, (n, 3))


@pytest.mark.parametrize("observer", ["logistic", "knn"])
def test_alike_and_shifted_rows(observer):
    alike = judge(rows(150), rows(150, seed=1), observer=observer)
    assert not alike.different
    assert alike.p > 0.05
    assert "No difference was found" in alike.in_words
    assert f"{100 * alike.detectable:.1f} %" in alike.in_words
    shifted = judge(rows(150), rows(150, 0.8, seed=1), observer=observer)
    assert shifted.different
    assert shifted.asked == 150
    assert shifted.correct == round(150 * shifted.accuracy)
    assert "A machine can tell A from B" in shifted.in_words
    assert {each.name for each in shifted.differences} == {"column 0", "column 1", "column 2"} or shifted.differences


def test_what_the_scores_say_is_what_is_tested():
    class Known:
        name = "known"
        wants_validation = False

        def scores(self, data, *, seed=0, out=None, progress=False):
            self.values = data.test.fetch(np.arange(len(data.test)))[:, 0].astype(float)
            self.labels = data.test.labels
            return self.values

    known = Known()
    found = judge(rows(40), rows(40, 0.3, seed=1), observer=known, mmd=False)
    b, a = known.values[known.labels == 1], known.values[known.labels == 0]
    assert found.auc == pytest.approx(mannwhitneyu(b, a).statistic / (len(a) * len(b)))
    assert found.correct == int(((known.values > 0) == known.labels).sum())
    surest = found.giveaways[0]
    assert surest.side == surest.said == "A"
    assert surest.odds == pytest.approx(-a.min())
    assert rows(40)[surest.place, 0] == pytest.approx(a.min(), abs=1e-6)
    assert set(found.tests) == {"ranks", "binomial", "permutation"}


def test_a_net_sees_what_averages_do_not(images):
    noise = np.random.default_rng(0).normal(0, 40, images[250:].shape)
    noisy = np.clip(images[250:] + noise, 0, 255).astype(np.uint8)
    found = judge(images[:250], noisy, observer=Trained(epochs=12), mmd=False)
    assert found.different
    assert found.differences[0].name == "detail"
    assert found.differences[0].b > found.differences[0].a
    assert judge(images[:250], images[250:], observer=Trained(epochs=2), mmd=False).p > 0.05


def test_augmented_against_real(images):
    half = np.random.default_rng(0)
    moved = Augment(shift=2)(images[250:], half)
    assert judge(images[:250], moved, observer="logistic", mmd=False).different
    same = Augment(shift=0)(images[250:], half)
    assert not judge(images[:250], same, observer="logistic", mmd=False).different


def test_features_of_a_trained_net(images):
    from leveret.nets import ConvNet

    torch.manual_seed(0)
    net = ConvNet(1, 10, depth=3, widths=(8, 16))
    found = judge(images[:250], 255 - images[250:], observer=Logistic(features=net.eval()), mmd=False)
    assert found.different
    taken = judge(images[:250], 255 - images[250:], observer=Neighbours(lambda d, part: np.stack([
        image.mean((1, 2)) for image in d.splits[part].fetch(np.arange(len(d.splits[part])))])), mmd=False)  # fmt: skip
    assert taken.auc > 0.9


WORDS = ["the", "hare", "runs", "over", "a", "field", "and", "the", "fox", "sleeps", "under", "old", "oak", "trees"]


def human(n, seed):
    generator = np.random.default_rng(seed)
    return [f"The {' '.join(generator.choice(WORDS, 8))}." for _ in range(n)]


def small_bag(data):
    return BagOfWords(data.num_classes, dim=8, buckets=512)


@pytest.mark.parametrize("observer", ["logistic", Trained(small_bag, epochs=20, lr=0.02)])
def test_texts_of_a_machine_against_texts_of_people(observer):
    machine = [text.replace("hare", "rabbit").replace("fox", "vixen") for text in human(120, 1)]
    found = judge(human(120, 0), machine, observer=observer, mmd=False)
    assert found.different
    assert found.words[0].words in ("hare", "fox")
    assert found.words[-1].words in ("rabbit", "vixen") or found.words[-1].z > 0
    assert not judge(human(120, 0), human(120, 2), observer=observer, mmd=False).different


def test_what_two_models_say_of_the_same_samples():
    generator = np.random.default_rng(0)
    teacher = generator.normal(size=(200, 4))
    student = teacher * 0.5 + generator.normal(0, 0.05, teacher.shape)
    found = judge(teacher, student, paired=True, observer="knn")
    assert found.different
    assert "200 groups have samples of both sides" in found.notes[0]
    packed = teacher + generator.normal(0, 1e-6, teacher.shape)
    assert not judge(teacher, packed, paired=True, observer="knn").different


def test_copies_count_once_and_twins_stay_together(images):
    doubled = np.concatenate([images[:60]] * 4)
    pair = pair_of(doubled, images[100:340], seed=1)
    assert pair.counts == (60, 60)
    assert pair.copies == (180, 0)
    assert pair.left_out == (0, 180)
    # images of both sides are groups
    pair = pair_of(images[:60], images[30:90])
    assert pair.grouped
    assert len(np.unique(pair.groups)) == 90
    found = judge(doubled, images[100:340], observer="knn", mmd=False)
    assert found.p > 0.01
    assert "180 samples were left out as copies of others" in found.notes[0]
    # taken as they come they are learned by heart in one half and met in the other
    assert judge(doubled, images[100:340], observer=Neighbours(k=1), copies="keep", mmd=False).p <= 0.01


def test_groups_are_exchanged_as_wholes():
    # ten patients, each with forty samples about a value of its own: the patients differ, A and B don't
    generator = np.random.default_rng(0)
    values = np.repeat(generator.normal(0, 1, (20, 3)), 40, axis=0) + generator.normal(0, 0.05, (800, 3))
    a, b = values[:400], values[400:]
    patients = np.repeat(np.arange(10), 40), np.repeat(np.arange(10, 20), 40)
    assert judge(a, b, observer="knn", mmd=False).different
    assert not judge(a, b, observer="knn", groups=patients, mmd=False).different
    with pytest.raises(LeveretUsageError, match="binomial test is of independent samples"):
        judge(a, b, observer="knn", groups=patients, test="binomial")
    few = np.repeat(np.arange(4), 100), np.repeat(np.arange(4, 8), 100)
    assert "no difference can be found" in judge(a, b, observer="knn", groups=few, mmd=False).notes[-1]


def test_the_larger_side_is_drawn_down():
    found = judge(rows(400), rows(50, seed=1), observer="logistic", mmd=False)
    assert found.counts == (50, 50)
    assert found.chance == 0.5
    assert "350 samples were left out at random" in found.notes[0]
    assert judge(rows(400), rows(400), observer="logistic", most=30, mmd=False).counts == (30, 30)


def text(count):
    return [f"words {i}" for i in range(count)]


def with_nan(values):
    values = values.copy()
    values[3, 1] = np.nan
    return values


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: judge(rows(5), rows(50)), LeveretDataError, "A has 5 samples to judge by"),
        (lambda: judge(rows(50), rows(1)), LeveretDataError, "^B has 1 sample to judge by"),
        (lambda: judge(rows(50), rows(1), names=("x", "y")), LeveretDataError, "^y has 1 sample to judge by"),
        (
            lambda: judge(["a"] * 50, text(50)),
            LeveretDataError,
            "^A has 1 sample, besides 49 copies of others, to judge",
        ),
        (lambda: judge(text(50), text(50)[:9] * 2), LeveretDataError, "^B has 9 samples, besides 9 copies of others"),
        (
            lambda: judge(rows(50), rows(50)[:, :2]),
            LeveretDataError,
            "^A holds rows of 3 numbers and B of 2; both must be alike",
        ),
        (
            lambda: judge(rows(50), rows(50)[:, :2], names=("x.npy", "y.npy")),
            LeveretDataError,
            "^x.npy holds rows of 3 numbers and y.npy of 2",
        ),
        (
            lambda: judge(np.zeros((20, 4, 4)), np.zeros((20, 4, 5))),
            LeveretDataError,
            r"^A holds images of shape \(1, 4, 4\) and B of \(1, 4, 5\) \(channels, height, width\); both must",
        ),
        (
            lambda: judge(rows(50), ["text"] * 50),
            LeveretDataError,
            "^A holds tables and B texts; both must be of one kind",
        ),
        (lambda: judge(rows(50), with_nan(rows(50))), LeveretDataError, "^b: row 3, column 'x1' is missing"),
        (
            lambda: judge(rows(50), with_nan(rows(50)), names=("x.npy", "y.npy")),
            LeveretDataError,
            "^y.npy: row 3, column 'x1' is missing",
        ),
        (
            lambda: judge(rows(50), rows(50), groups=([1] * 50, range(100, 150))),
            LeveretDataError,
            "^the samples of A are of 1 group and those of B of 50 groups; at least two a side are needed",
        ),
        (
            lambda: judge(rows(50), rows(50), groups=([1] * 50, [2] * 50), names=("x", "y")),
            LeveretDataError,
            "^the samples of x are of 1 group and those of y of 1 group",
        ),
        (lambda: judge(rows(50), rows(50), alpha=0), LeveretUsageError, "alpha must be between 0 and 1"),
        (lambda: judge(rows(50), rows(50), test="t"), LeveretUsageError, "test must be one of ranks, binomial"),
        (
            lambda: judge(rows(50), rows(50), observer=3),
            LeveretUsageError,
            "observer must be 'auto', 'logistic', 'knn', 'net'",
        ),
        (
            lambda: judge(rows(50), rows(50), observer="convnet"),
            LeveretUsageError,
            "a net for tables must be one of mlp",
        ),
        (lambda: judge(rows(50), rows(50), test="mmd", mmd=False), LeveretUsageError, "needs mmd=True"),
        (lambda: judge(rows(50), rows(49), paired=True), LeveretDataError, "as many on both sides, got 50 and 49"),
        (lambda: judge(rows(50), rows(50), groups=(range(50), range(3))), LeveretDataError, "groups of B must be one"),
        (lambda: judge(rows(50), rows(50), most=3), LeveretUsageError, "most must be at least 10"),
        (lambda: Logistic(strength=0), LeveretUsageError, "strength must be above 0"),
        (lambda: Neighbours(k=0), LeveretUsageError, "k must be at least 1"),
        (lambda: Trained(epochs=0), LeveretUsageError, "epochs must be at least 1"),
    ],
)
def test_what_is_refused(call, error, said):
    with pytest.raises(error, match=said):
        call()


def test_the_same_seed_gives_the_same_verdict(images):
    found = [judge(images[:100], images[100:200], observer="net", mmd=False, seed=4).as_dict() for _ in range(2)]
    for each in found:
        each.pop("seconds")
    assert found[0] == found[1]


def test_the_observer_by_size():
    assert observer_for("auto", 999).name == "logistic regression"
    assert observer_for("auto", 1000).name == "a net"
    assert judge(rows(40), rows(40, seed=1), mmd=False).observer == "logistic regression"


def test_a_given_module_stays_as_it_is():
    net = torch.nn.Linear(3, 2)
    before = net.weight.detach().clone()
    assert judge(rows(100), rows(100, 2.0, seed=1), observer=net, mmd=False).different
    assert torch.equal(net.weight, before)
    assert observer_for(net).name == "a net (Linear)"


def test_no_warnings_reach_the_caller(images):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        judge(images[:60], images[60:120], observer="logistic")
