"""Facts that several pages share: what came up in a training, and what it was made with."""

from leveret.report.blocks import Facts
from leveret.report.facts import came_up, made_with


def test_what_came_up_are_warnings_and_a_divergence():
    assert came_up({"notes": [], "diverged": False}) == []
    (block,) = came_up({"notes": ["a class is rare"], "diverged": False})
    assert isinstance(block, Facts)
    assert block.items == (("note", "a class is rare"),)
    (block,) = came_up({"notes": ["a class is rare"], "diverged": True})
    assert block.items[0][1] == "a class is rare"
    assert "became infinite or NaN" in block.items[1][1]


def test_the_recipe_is_told_flat_and_folded():
    recipe, machine = made_with({"recipe": {"lr": 0.1, "augment": {"flip": True}}, "environment": {"cores": "2"}})
    assert recipe.items[0] == ("lr", "0.1")
    assert recipe.items[1] == ("augment: flip", "yes")
    assert machine.items == (("cores", "2"),)
    assert recipe.folded
    assert machine.folded
