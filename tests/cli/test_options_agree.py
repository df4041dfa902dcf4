"""Every command as one: an option means the same wherever it stands, and each command's help ends with what works."""

from __future__ import annotations

import shlex
from collections import defaultdict

import pytest
import typer

from leveret.cli._app import app
from leveret.cli._examples import EXAMPLES

# options that say of each command what it is there that they choose
OWN = {
    "--balance", "--batch-size", "--budget", "--epochs", "--json", "--list", "--net", "--out", "--part", "--patches",
    "--quick", "--strict", "--threads", "--workers",
}  # fmt: skip


def commands(group=None, above=""):
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


COMMANDS = dict(commands())


def options(command):
    return [one for one in command.params if one.opts[0].startswith("-") and not one.hidden and one.name != "help"]


def test_an_option_means_the_same_everywhere():
    said, letters = defaultdict(set), defaultdict(set)
    for command in COMMANDS.values():
        for option in options(command):
            long = next(name for name in option.opts if name.startswith("--"))
            said[long].add(option.help)
            letters[long].add(tuple(sorted(name for name in option.opts if not name.startswith("--"))))
    assert {long for long, short in letters.items() if len(short) > 1} == set()
    assert {long for long, sentences in said.items() if len(sentences) > 1} == OWN
    used = [short for shorts in letters.values() for pair in shorts for short in pair]
    assert sorted(used) == sorted(set(used))


def test_everything_is_said_of():
    for name, command in COMMANDS.items():
        assert command.help, name
        assert command.short_help, name
        for option in command.params:
            if not option.hidden and option.name != "help":
                assert (option.help or "").endswith((".", "…")), f"{name} {option.name}"
                assert option.help[0].isupper() or option.help.split()[0].strip(".,:;'") in _NAMES, option.help


# what a sentence may begin with as it is typed
_NAMES = {
    "1", "all", "auto", "binary", "classify", "conv0", "convnet", "digits", "error", "net", "none",
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_an_example_that_parses(run, name):
    code, out, _ = run(*name.split(), "--help")
    assert code == 0
    last = out.rstrip().splitlines()[-1].strip()
    assert last == f"Example: {EXAMPLES[name]}"
    program, *words = shlex.split(EXAMPLES[name])
    assert program == "leveret"
    assert words[: len(name.split())] == name.split()
    rest = words[len(name.split()) :]
    context = COMMANDS[name].make_context(name, list(rest))
    assert context.params


def test_help_of_a_group_ends_with_an_example_of_one_of_its_commands(run):
    groups = {name.split()[0] for name in COMMANDS if " " in name}
    assert groups == {"rules"}
    for group in groups:
        code, out, _ = run(group, "--help")
        assert code == 0
        assert out.rstrip().splitlines()[-1].strip() in {
            f"Example: {EXAMPLES[n]}" for n in COMMANDS if n.split()[0] == group
        }


def test_no_example_is_left_over():
    assert set(EXAMPLES) == set(COMMANDS)
