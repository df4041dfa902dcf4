"""`fit --task tag --rules`: a tagger that learns with rules, its report, and its model that heeds them."""

import json
import subprocess
import sys

import numpy as np
import pytest
from torch import nn

from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.jobs import predict, tag
from leveret.jobs import rules as rules_job
from leveret.rules import RuleError
from leveret.runtime import load

RULES = """
rule bio hard: valid bio
rule late hard: word "late" => tag is B-place
rule pair learned: word "and" => tag is O
rule lists weight 0.3: list members agree
"""
OPTIONS = {"epochs": 3, "batch_size": 8, "threads": 1, "progress": False}


def write_sentences(folder, count=60):
    """CoNLL files: persons follow "mr", places "in", and "late" is in no entity."""
    rng = np.random.default_rng(0)
    people, places = ["Ada", "Ann", "Tom", "Eve"], ["Oslo", "Rome", "Bern"]
    for part, number in (("train", count), ("test", 20)):
        lines = []
        for i in range(number):
            one, other, third = rng.permutation(people)[:3]
            kinds = (
                [("mr", "O"), (one, "B-person"), ("Lee", "I-person"), ("late", "O")],
                [("in", "O"), (rng.choice(places), "B-place"), ("late", "O")],
                [(one, "B-person"), (",", "O"), (other, "B-person"), ("and", "O"), (third, "B-person")],
            )
            lines += [f"{token} {name}" for token, name in kinds[i % 3]] + [""]
        (folder / f"news-{part}.conll").write_text("\n".join(lines) + "\n")
    (folder / "tags.rules").write_text(RULES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("news")
    write_sentences(out)
    return out


@pytest.fixture(scope="module")
def trained(folder):
    return tag.run(folder / "news", folder / "out", rules=folder / "tags.rules", **OPTIONS)


def test_p_and_q_are_measured_and_reported(trained):
    figures = trained.metrics["rules"]
    assert (figures["samples"], figures["unlabelled"], figures["dropped"], figures["packs"]) == (54, 0, 0, True)
    bio, late, pair, lists = figures["rows"]
    assert figures["p"]["f1"] == trained.metrics["test"]["f1"]
    assert (figures["q"]["broken"], figures["q"]["precision"] < 1) == (0, True)
    assert (late["weight"], late["labels_obey"], late["q_obeys"]) == (None, 0.0, 1.0)
    assert late["p_obeys"] < 0.5
    assert late["fires"] == pytest.approx(14 / 79)
    assert (bio["labels_obey"], bio["q_obeys"], bio["fires"]) == (1.0, 1.0, 1.0)
    assert (lists["weight"], lists["labels_obey"]) == (pytest.approx(0.3), 1.0)
    assert pair["learned"]
    assert pair["weight"] == trained.metrics["result"]["objective"]["weights"][2] != 1
    assert "train_weights" in trained.metrics["result"]["history"][-1]
    page = (trained.out / "report.html").read_text()
    for text in (
        "q, the net with its rules", "What each rule does on the test part", "F1 with the rules", "(learned)",
        "new.txt --heed", "54 training sentences", "different ones, each 3 times",
    ):  # fmt: skip
        assert text in page, text


def test_the_packed_model_heeds_its_rules(trained):
    packed = load(trained.model)
    assert [rule.name for rule in packed.rules.rules] == ["bio", "late", "pair", "lists"]
    texts = ["mr Ada Lee late\n", "late\n", "\n", "a late train\n"]
    alone, heeding = (
        list(predict.run(trained.model, ["-"], stdin=texts, heed=heed)) for heed in (False, True)
    )  # fmt: skip
    for one in heeding:
        assert [name for token, name in zip(one.tokens, one.tags, strict=True) if token == "late"] in (
            [], ["B-place"],
        )  # fmt: skip
    assert [one.tokens for one in alone] == [one.tokens for one in heeding]
    assert alone[0].tags != heeding[0].tags
    # as the job's own q, which torch gave
    kept = json.loads((trained.out / "net" / "said.json").read_text())["test"]
    (test,) = (trained.out.parent / "news-test.conll",)
    found = [[packed.classes.index(name) for name in one.tags] for one in predict.run(packed, [test], heed=True)]
    assert found == kept["heeding"]
    assert found != kept["paths"]
    packed.rules = None
    with pytest.raises(LeveretUsageError, match="this one has none"):
        packed.tag(["mr Ada"], heed=True)


def test_heeding_needs_no_torch(trained):
    code = (
        "import sys\nfrom leveret.runtime import load\n"
        f"found = load({str(trained.model)!r}).tag(['mr Ada Lee late'], heed=True)[0]\n"
        "assert 'torch' not in sys.modules\nprint(found.tags[-1])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "B-place"


def test_a_finished_run_is_read_and_another_rule_file_refused(trained, folder, tmp_path):
    again = tag.run(folder / "news", trained.out, rules=folder / "tags.rules", resume=True, **OPTIONS)
    assert again.metrics == trained.metrics
    (tmp_path / "tags.rules").write_text(RULES + 'rule more: word "in" => tag is O\n')
    with pytest.raises(LeveretUsageError, match=r"recipe\.objective"):
        tag.run(folder / "news", trained.out, rules=tmp_path / "tags.rules", resume=True, **OPTIONS)


def test_functions_are_no_part_of_the_model(folder, tmp_path):
    (tmp_path / "mine.py").write_text("def short(e): return len(e['tokens'][e['position']]) < 3")
    (tmp_path / "a.rules").write_text("rule few weight 0.2: short() => tag is O\n")
    result = tag.run(
        folder / "news", tmp_path / "out", rules=tmp_path / "a.rules", functions=tmp_path / "mine.py",
        **OPTIONS | {"epochs": 1},
    )  # fmt: skip
    assert not result.metrics["rules"]["packs"]
    assert load(result.model).rules is None
    assert "--heed" not in (result.out / "report.html").read_text()


@pytest.mark.parametrize(
    ("rules", "given", "error", "said"),
    [
        ("rule r: tag is B-persn", {}, RuleError, r"line 1, column 16: there is no tag 'B-persn'; did you mean"),
        ("rule r: tag is O\nrule s: shout() => tag is O", {}, RuleError, "line 2.* no function 'shout'"),
        ("rule r: sort is x => tag is O", {}, RuleError, "no column 'sort'"),
        ("rule r: label is good", {}, RuleError, "these examples have tags"),
        ("# nothing", {}, RuleError, "the file holds no rule"),
        ('rule a hard: word "in" => tag is O\nrule b hard: word "in" => tag is B-place', {}, LeveretDataError,
         "leave .* of 54 sentences no tags: sentence .* by 'a' and 'b'"),
        (None, {"teacher_share": 0.5}, LeveretUsageError, "teacher_share go with rules"),
        ("rule r: tag is O", {"net": nn.Linear(1, 1)}, LeveretUsageError, "its crf; Linear has none"),
    ],
)  # fmt: skip
def test_rules_that_can_not_teach(folder, tmp_path, rules, given, error, said):
    if rules is not None:
        (tmp_path / "a.rules").write_text(rules)
        given = {**given, "rules": tmp_path / "a.rules"}
    with pytest.raises(error, match=said):
        tag.run(folder / "news", tmp_path / "out", **given, **OPTIONS)


def test_check_reads_sentences_with_tags(folder, tmp_path):
    found = rules_job.run(folder / "tags.rules", folder / "news", part="test")
    bio, late, pair, lists = found.counts
    assert (bio.groundings, late.fires, late.obeyed) == (79, 14, 0.0)
    assert (pair.obeyed, lists.obeyed, lists.fires) == (1.0, 1.0, 12)
    with pytest.raises(LeveretUsageError, match="size is of images"):
        rules_job.run(folder / "tags.rules", folder / "news", data_options={"size": 3})


def test_sentences_without_tags_learn_from_the_rules(tmp_path):
    known = [{"tokens": ["mr", "Ada", "Lee"], "tags": ["O", "B-person", "I-person"]}] * 10
    rows = known + [{"tokens": ["late", "Oslo"], "tags": None}] * 50
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (tmp_path / "a.rules").write_text('rule bio hard: valid bio\nrule late hard: word "late" => tag is B-person\n')
    found = rules_job.run(tmp_path / "a.rules", tmp_path / "a.jsonl", data_options={"test_fraction": 0.2})
    assert (found.counts[1].fires, found.counts[1].labelled) == (50, 0)
    data_options = {"test_fraction": 0.2, "val_fraction": 0.1}
    result = tag.run(
        tmp_path / "a.jsonl", tmp_path / "out", rules=tmp_path / "a.rules", data_options=data_options, **OPTIONS
    )
    figures = result.metrics["rules"]
    assert (figures["samples"], figures["unlabelled"]) == (57, 50)
    # a quarter of each batch of eight has tags, though there are only seven such sentences
    assert result.metrics["result"]["history"][0]["train_labels"] > 0
    assert "50 of them without a label" in (result.out / "report.html").read_text()
    assert load(result.model).tag(["late Oslo"], heed=True)[0].tags[0] == "B-person"
