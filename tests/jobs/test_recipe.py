"""The recipe: what it decides for which data, and that it trains, resumes and reports its stages."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import leveret
from leveret.errors import LeveretUsageError
from leveret.jobs._recipe import NETS, recipe_for
from leveret.shrink.binary import binary_layers


class Sized:
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n


class Counting(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.net(x)


def data_like(n=1000, shape=(1, 8, 8), classes=10, kind="image"):
    return SimpleNamespace(kind=kind, source="x", num_classes=classes, image_shape=shape, train=Sized(n))


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 48), (1, 96, 96)])
def test_its_nets_take_the_data(shape):
    recipe = recipe_for(data_like(shape=shape, classes=7))
    x = torch.randn(2, *shape)
    teacher, student = recipe.teacher(), recipe.student()
    assert teacher(x).shape == student(x).shape == (2, 7)
    assert not binary_layers(teacher)
    assert binary_layers(student)
    again = recipe.teacher()
    assert all(torch.equal(a, b) for a, b in zip(teacher.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("net", NETS[1:])
def test_residual_nets(net):
    recipe = recipe_for(data_like(shape=(3, 32, 32)), net=net)
    assert recipe.student().eval()(torch.randn(1, 3, 32, 32)).shape == (1, 10)


def test_epochs_follow_the_data_and_the_user():
    assert recipe_for(data_like(n=50_000)).teacher_epochs < recipe_for(data_like(n=1000)).teacher_epochs
    asked = recipe_for(data_like(), epochs=7)
    assert asked.teacher_epochs == sum(asked.student_epochs) == 7
    assert recipe_for(data_like(), quick=True).teacher_epochs == 8


def test_mirroring_follows_the_channels_unless_told():
    for recipe, mirrored in (
        (recipe_for(data_like(shape=(3, 32, 32))), True),
        (recipe_for(data_like()), False),
        (recipe_for(data_like(), flip=True), True),
    ):
        assert recipe.teacher_augment.flip == recipe.student_augment.flip == mirrored


def test_many_colour_images_are_cut_and_shifted_far_and_the_teacher_sees_them_once():
    many = recipe_for(data_like(shape=(3, 32, 32), n=50_000))
    assert (many.teacher_augment.shift, many.teacher_augment.cutout) == (4, 8)
    assert many.stored_targets
    assert many.settle
    for other in (recipe_for(data_like(shape=(3, 32, 32))), recipe_for(data_like(shape=(1, 28, 28), n=50_000))):
        assert (other.teacher_augment.shift, other.teacher_augment.cutout) == (2, 0)
        assert not other.stored_targets
        assert not other.settle
    for recipe in (many, other):
        assert recipe.teacher_augment == recipe.student_augment


def test_equal_recipes_describe_equally():
    assert recipe_for(data_like()).describe() == recipe_for(data_like()).describe()
    assert recipe_for(data_like()).describe() != recipe_for(data_like(), seed=1).describe()


@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        (data_like(kind="text"), {}, "holds texts"),
        (data_like(), {"net": "vgg"}, "convnet, resnet20, resnet18"),
        (data_like(), {"epochs": 0}, "epochs must be at least 1"),
        (data_like(n=15), {}, "15 training images are too few for 10 classes"),
    ],
)
def test_errors(data, options, says):
    with pytest.raises(LeveretUsageError, match=says):
        recipe_for(data, **options)


def test_it_trains_in_stages_and_resumes(few_digits, tmp_path):
    few_digits.kind, few_digits.num_classes = "image", 10
    recipe = recipe_for(few_digits, epochs=3)
    teacher = recipe.train_teacher(few_digits, tmp_path / "teacher", progress=False)
    student = recipe.train_student(teacher.net, few_digits, tmp_path / "student", progress=False)
    assert [(row["stage"], row["epoch"]) for row in student.history] == [
        ("activations", 1),
        ("weights", 1),
        ("weights", 2),
    ]
    seen = [row["samples_seen"] for row in student.history]
    assert np.all(np.diff(seen) > 0)
    assert student.samples_seen == seen[-1]
    again = recipe.train_student(teacher.net, few_digits, tmp_path / "student", resume=True, progress=False)
    assert again.history == student.history
    assert all(torch.equal(a, b) for a, b in zip(again.net.parameters(), student.net.parameters(), strict=True))
    assert not any(layer.real_weights for _, layer in binary_layers(again.net))
    assert leveret.evaluate(again.net, few_digits).accuracy > 0.2


def test_stored_targets_are_asked_for_once(few_digits, tmp_path):
    few_digits.kind, few_digits.num_classes = "image", 10
    recipe = replace(recipe_for(few_digits, epochs=2), stored_targets=True)
    teacher = Counting(recipe.teacher())
    student = recipe.train_student(teacher, few_digits, tmp_path, progress=False)
    batches = -(-len(few_digits.train) // 256)
    assert teacher.calls == batches
    kept = np.load(tmp_path / "teacher-logits.npy")
    np.testing.assert_array_equal(kept, leveret.training.logits_of(teacher, few_digits, "train").numpy())
    again = recipe.train_student(teacher, few_digits, tmp_path, resume=True, progress=False)
    assert teacher.calls == 2 * batches
    assert again.history == student.history
    recipe.train_student(teacher, few_digits, tmp_path, progress=False)
    assert teacher.calls == 3 * batches


def test_a_settled_student_is_its_last_epoch_with_norms_of_images_as_they_are(few_digits, tmp_path):
    few_digits.kind, few_digits.num_classes = "image", 10
    recipe = recipe_for(few_digits, epochs=3)
    teacher = recipe.teacher()
    plain = recipe.train_student(teacher, few_digits, tmp_path / "plain", progress=False)
    student = replace(recipe, settle=True).train_student(teacher, few_digits, tmp_path / "out", progress=False)
    last = recipe.student()
    leveret.training.load_weights(last, tmp_path / "plain" / "weights" / "last.ckpt")
    assert all(torch.equal(a, b) for a, b in zip(last.parameters(), student.net.parameters(), strict=True))
    x = torch.from_numpy(few_digits.normalization.apply(few_digits.train.fetch(np.arange(len(few_digits.train)))))
    norm = next(m for m in student.net.stem.modules() if isinstance(m, torch.nn.BatchNorm2d))
    seen = []
    norm.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    with torch.no_grad():
        student.net(x)
    torch.testing.assert_close(norm.running_mean, seen[0].mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    assert student.best_accuracy == leveret.evaluate(student.net, few_digits, "val").accuracy
    assert (student.best_epoch, len(student.history)) == (2, len(plain.history))
    assert student.best_checkpoint == tmp_path / "out" / "weights" / "last.ckpt"
    again = replace(recipe, settle=True).train_student(
        teacher, few_digits, tmp_path / "out", resume=True, progress=False
    )
    assert all(torch.equal(a, b) for a, b in zip(again.net.buffers(), student.net.buffers(), strict=True))
