"""`fit` with rules, `predict` with facts, and `rules check`, as jobs and from the command line."""

import json

import numpy as np
import pytest
from PIL import Image
from torch import nn

import leveret
from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.jobs import fit, predict
from leveret.jobs import rules as rules_job

RULES = """
group low = "0", "1", "2", "3", "4"
group high = "5", "6", "7", "8", "9"
rule side hard: label follows side
rule ink weight 0.2: ink > 300 => not label is "1"
"""


def small():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Digits as files with a table beside them: path, label (of one in four), side and ink."""
    from sklearn.datasets import load_digits

    out = tmp_path_factory.mktemp("digits")
    images, labels = load_digits(return_X_y=True)
    lines = ["path,label,side,ink"]
    for i, (row, label) in enumerate(zip(images[:400], labels[:400], strict=True)):
        Image.fromarray((row.reshape(8, 8) * 15).astype(np.uint8)).save(out / f"{i}.png")
        lines.append(f"{i}.png,{label if i % 4 == 0 else ''},{'low' if label < 5 else 'high'},{row.sum()}")
    (out / "digits.csv").write_text("\n".join(lines) + "\n")
    (out / "expert.rules").write_text(RULES)
    return out


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "out"
    result = fit.run(
        folder / "digits.csv", out, rules=folder / "expert.rules", epochs=3, net=small, threads=1, progress=False
    )
    return result


def test_p_and_q_are_measured_and_reported(trained):
    figures = trained.metrics["rules"]
    assert figures["unlabelled"] == 300
    assert figures["q"]["accuracy"] > figures["p"]["accuracy"]
    side, ink = figures["rows"]
    assert (side["name"], side["weight"], side["q_obeys"]) == ("side", None, 1.0)
    assert side["p_obeys"] < 1
    assert ink["weight"] == pytest.approx(0.2)
    page = (trained.out / "report.html").read_text()
    for text in ("q, the net with its rules", "What each rule does on the test part", "300 of them without a label"):
        assert text in page


def test_the_packed_model_heeds_its_rules(trained, folder, run):
    digits = [str(folder / f"{i}.png") for i in range(40)]
    plain = list(predict.run(trained.model, digits, top=10))
    ours = list(predict.run(trained.model, digits, top=10, facts=folder / "digits.csv"))
    rows = [line.split(",") for line in (folder / "digits.csv").read_text().split()[1:41]]
    low = {"0", "1", "2", "3", "4"}
    for found, row in zip(ours, rows, strict=True):
        assert {name for name, share in found.top if share == 0} == {str(d) for d in range(10)} - (
            low if row[2] == "low" else {"5", "6", "7", "8", "9"}
        )
    assert any(a.top[0][0] != b.top[0][0] for a, b in zip(plain, ours, strict=True))
    code, out, _ = run("predict", trained.model, digits[0], "--facts", folder / "digits.csv", "--json")
    assert code == 0
    assert json.loads(out)["class"] in low
    assert run("inspect", trained.model)[1].count("rules: side (hard), ink (0.2)") == 1


def test_an_image_that_facts_do_not_know_gets_p(trained, folder, tmp_path):
    (tmp_path / "a.png").write_bytes((folder / "0.png").read_bytes())
    (known,) = predict.run(trained.model, [tmp_path / "a.png"], top=10, facts=folder / "digits.csv")
    (plain,) = predict.run(trained.model, [tmp_path / "a.png"], top=10)
    assert [name for name, _ in known.top] == [name for name, _ in plain.top]
    assert known.top[0][1] == pytest.approx(plain.top[0][1])


@pytest.mark.parametrize(
    ("text", "said"),
    [("name,x\n1,2\n", "no column of paths"), ("path,x\n1\n", "line 2: as many values"), ("path,x\n1,2,3\n", "line 2")],
)
def test_facts_that_are_none(trained, tmp_path, text, said):
    (tmp_path / "facts.csv").write_text(text)
    with pytest.raises(LeveretDataError, match=said):
        predict.run(trained.model, [], facts=tmp_path / "facts.csv")
    with pytest.raises(LeveretDataError, match="could not be read"):
        predict.run(trained.model, [], facts=tmp_path / "none.csv")


def test_facts_for_a_model_without_rules(trained, tmp_path):
    plain = leveret.runtime.load(trained.model)
    plain.rules = None
    with pytest.raises(LeveretUsageError, match="this one has none"):
        predict.run(plain, [], facts=tmp_path / "x.csv")


def test_a_finished_run_is_only_read_and_another_rule_file_refused(trained, folder, tmp_path):
    options = {"epochs": 3, "net": small, "threads": 1, "progress": False, "resume": True}
    again = fit.run(folder / "digits.csv", trained.out, rules=folder / "expert.rules", **options)
    assert again.metrics == trained.metrics
    other = tmp_path / "expert.rules"
    other.write_text(RULES + "rule more: ink > 100 => label in high\n")
    with pytest.raises(LeveretUsageError, match=r"recipe\.objective"):
        fit.run(
            folder / "digits.csv", trained.out, rules=other, epochs=3, net=small, threads=1, progress=False, resume=True
        )


def test_what_rules_do_not_go_with(folder, tmp_path):
    for given, said in (
        ({"balance": "focal", "rules": folder / "expert.rules"}, "brings an objective of its own"),
        ({"net": "dcn", "rules": folder / "expert.rules"}, "dynamic capacity net"),
        ({"contradictory": "drop"}, "contradictory go with rules"),
        ({"functions": "x.py", "teacher_share": 0.5}, "functions, teacher_share go with rules"),
    ):
        with pytest.raises(LeveretUsageError, match=said):
            fit.run(folder / "digits.csv", tmp_path / "out", epochs=1, progress=False, **given)


def test_check_from_the_command_line(folder, tmp_path, run):
    code, out, err = run("rules", "check", folder / "expert.rules", folder / "digits.csv")
    assert code == 0
    assert "no hard rules contradict each other" in out
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["side", "ink"]
    assert err == ""
    (tmp_path / "bad.rules").write_text("rule a: label is nine\nrule b: colour is red => label is 9")
    code, out, err = run("rules", "check", tmp_path / "bad.rules", folder / "digits.csv")
    assert code == 1
    assert "bad.rules, line 1, column 18: there is no class 'nine'" in err
    assert "bad.rules, line 2, column 9: there is no column 'colour'" in err
    (tmp_path / "odd.rules").write_text(
        RULES + "rule odd hard: ink > 300 => label is 7\nrule no: ink > 9999 => label is 7"
    )
    code, out, err = run("rules", "check", tmp_path / "odd.rules", folder / "digits.csv", "--json")
    assert code == 1
    found = json.loads(out)
    assert {tuple(one["rules"]) for one in found["contradictions"]} == {("side", "odd")}
    assert "rule 'no' never fires on the train part" in err
    code, out, _ = run("rules", "check", tmp_path / "odd.rules", folder / "digits.csv")
    assert code == 1
    assert "side and odd: " in out
    code, _, err = run("fit", folder / "digits.csv", "--rules", tmp_path / "odd.rules", "-o", tmp_path / "o", "-q")
    assert code == 1
    assert "break some hard rule whatever their class" in err
    assert not (tmp_path / "o").exists()


def test_functions_are_run_only_when_named(folder, tmp_path, run):
    (tmp_path / "mine.py").write_text("def dark(example): return example['ink'] > 300")
    (tmp_path / "call.rules").write_text("rule dark: dark() => not label is 1")
    code, _, err = run("rules", "check", tmp_path / "call.rules", folder / "digits.csv")
    assert code == 1
    assert "no function 'dark'" in err
    code, out, _ = run(
        "rules", "check", tmp_path / "call.rules", folder / "digits.csv", "--functions", tmp_path / "mine.py"
    )
    assert code == 0
    assert "dark" in out
    out = tmp_path / "out"
    result = fit.run(folder / "digits.csv", out, rules=tmp_path / "call.rules", functions=tmp_path / "mine.py",
                     epochs=1, net=small, threads=1, progress=False)  # fmt: skip
    assert leveret.runtime.load(result.model).rules is None  # p packs all the same


def test_learned_weights_are_kept_in_the_result(folder, tmp_path):
    (tmp_path / "l.rules").write_text("rule good learned: side is low => label in {0, 1, 2, 3, 4}")
    options = {"epochs": 2, "net": small, "threads": 1, "progress": False}
    result = fit.run(folder / "digits.csv", tmp_path / "out", rules=tmp_path / "l.rules", **options)
    (row,) = result.metrics["rules"]["rows"]
    assert row["learned"]
    assert row["weight"] != 1
    assert leveret.runtime.load(result.model).rules.rules[0].weight == pytest.approx(row["weight"])


def test_the_job_takes_loaded_data(folder):
    data = leveret.load(folder / "digits.csv", unlabelled=True)
    assert rules_job.run(folder / "expert.rules", data).counts[0].fires == len(data.train)
    with pytest.raises(LeveretUsageError, match="part must be"):
        rules_job.run(folder / "expert.rules", data, part="all")
