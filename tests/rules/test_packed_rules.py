"""Rules in a file: q without torch, the same as with it; and files that lie."""

import copy
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from rule_data import garments, reviews
from torch import nn

import leveret
from leveret import runtime
from leveret.errors import LeveretFormatError, LeveretPackError, LeveretUsageError
from leveret.rules import Schema, posterior, read_rules
from leveret.runtime.rules import Facts, heeded, program_of, stored

TEXT = """
group top = shirt, coat
group shoe = boot, sandal
rule kind hard: label follows kind
rule cold weight 0.7: warmth > 3 and not kind is "shoe" => label is coat
rule sure: net says boot >= 0.2 => label is boot
"""


@pytest.fixture
def packed(write, tmp_path):
    data = garments()
    data.train._columns["warmth"] = np.arange(60) % 5
    rules = read_rules(write(TEXT), data)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 4)).eval()
    example = torch.from_numpy(data.normalization.apply(data.test.fetch(range(4))))
    model = leveret.pack(net, example, normalization=data.normalization, classes=data.classes, rules=rules)
    model.save(tmp_path / "model.lvr")
    return data, net, rules, tmp_path / "model.lvr"


def facts_of_test(data):
    return Facts(len(data.test), columns=data.test.columns)


def test_q_of_a_file_is_that_of_torch(packed):
    data, net, rules, path = packed
    loaded = runtime.load(path)
    images = data.test.fetch(range(len(data.test)))
    expected = posterior(net, rules, data)
    assert np.allclose(loaded(images), expected.p.logits, atol=1e-4)
    q = heeded(loaded.rules, loaded(images), facts_of_test(data))
    assert np.allclose(q, expected.q.probabilities, atol=1e-5)
    assert (q == 0).sum() == 2 * len(q)
    assert not np.allclose(q, expected.p.probabilities, atol=1e-2)
    assert runtime.load(path).rules == loaded.rules
    # what isn't known of an image lets rules be silent
    silent = heeded(loaded.rules, loaded(images), Facts(len(images)))
    assert (silent > 0).all()


def test_no_torch_is_loaded_for_it(packed):
    _, _, _, path = packed
    code = f"""
import sys, numpy as np
from leveret import runtime
from leveret.runtime.rules import Facts, heeded
m = runtime.load({str(path)!r})
q = heeded(m.rules, m(np.zeros((1, 1, 6, 6), np.uint8)), Facts(1, columns={{"kind": ["top"], "warmth": [4]}}))
print(q.shape, [n for n in ("torch", "lark", "scipy") if n in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "(1, 4) []\n"


def test_functions_and_other_nets_can_not_be_carried(packed, write, tmp_path):
    data, net, _, path = packed
    example = torch.zeros(2, 1, 6, 6)
    (tmp_path / "mine.py").write_text("def odd(e): return True")
    for text, said in (
        ("rule r: odd() => label is coat", "call the functions 'odd'"),
        (f'net other from "{path.name}"\nrule r: other says coat => label is coat', "ask the nets 'other'"),
    ):
        rules = read_rules(write(text), data, functions=tmp_path / "mine.py")
        with pytest.raises(LeveretPackError, match=said):
            leveret.pack(net, example, classes=data.classes, rules=rules)
    with pytest.raises(LeveretUsageError, match="the file names"):
        leveret.pack(net, example, classes=("a", "b", "c", "d"), rules=rules)


def test_another_net_is_asked_of_the_images(packed, write):
    data, _, _, path = packed
    text = f'net other from "{path.name}"\nrule r hard: other says coat >= 0.5 => label is coat'
    rules = read_rules(write(text), data)
    evidence = rules.evidence(facts_of_test(data), data.test.fetch)
    logits = runtime.load(path)(data.test.fetch(range(len(data.test))))
    assert (evidence[:, 0] == (torch.from_numpy(logits).softmax(1)[:, 1] >= 0.5).numpy()).all()
    with pytest.raises(LeveretUsageError, match="images are needed"):
        rules.evidence(facts_of_test(data))
    with pytest.raises(leveret.LeveretError, match="needs plain truths: say how sure"):
        read_rules(write(text.replace(" >= 0.5", "")), data)


def test_clauses_are_asked_of_the_model(write):
    rules = read_rules(write('rule but: label is positive <=> net says positive after "but"'), reviews())
    program = program_of(json.loads(json.dumps(stored(rules.program))), rules.program.classes)
    asked = []

    def ask(texts):
        asked.extend(texts)
        return np.array([[0.0, 9.0]] * len(texts))

    q = heeded(program, np.zeros((2, 2)), Facts(2, ["dull but fine", "fine"]), ask)
    assert asked == ["fine"]
    assert q[0, 1] > 0.99
    assert q[1].tolist() == [0.5, 0.5]
    with pytest.raises(LeveretUsageError, match="give the texts, and ask"):
        heeded(program, np.zeros((1, 2)), Facts(1, ["dull but fine"]))


def test_every_kind_of_evidence_is_stored(write, tmp_path):
    text = """
    list nice = "good", "very good"
    group g = a, b
    rule one weight 2: word in nice before "but" or matches "x+" and n >= 3 => label in g
    rule two hard: known n and topic in {film, "a b"} => label follows topic
    rule three: average(true t, net says a < 0.5) <=> label is b
    """
    rules = read_rules(write(text), Schema(("a", "b", "c"), ("n", "topic", "t"), texts=True), logic="godel")
    assert program_of(json.loads(json.dumps(stored(rules.program))), ("a", "b", "c")) == rules.program
    tags = read_rules(write('rule b hard: valid bio\nrule l: list members agree\nrule n: next word "x" => start'),
                      Schema(("O", "B-x", "I-x"), tags=True))  # fmt: skip
    assert program_of(json.loads(json.dumps(stored(tags.program))), ("O", "B-x", "I-x")) == tags.program


LIES = [
    (lambda v: v.update(version=2), "version 2"),
    (lambda v: v.update(logic="boole"), "logic must be"),
    (lambda v: v.update(strength=-1), "strength"),
    (lambda v: v.update(strength=float("inf")), "strength"),
    (lambda v: v.update(tags=1), "tags must be"),
    (lambda v: v.update(rules=[]), "at least one"),
    (lambda v: v.update(rules="x"), "must be a list"),
    (lambda v: v.update(evidence=[1] * 5000), "at most 4096"),
    (lambda v: v["rules"][0].update(weight=-1), "rule 0: weight"),
    (lambda v: v["rules"][0].update(name=3), "rule 0: name"),
    (lambda v: v["rules"][0].update(agree=True), "rule 0: agree"),
    (lambda v: v["rules"][0].update(formula=["atom", 0]), "asks a group of columns"),
    (lambda v: v["rules"][0].update(formula=["follows", 1, [[0]]]), "must follow as many groups"),
    (lambda v: v["rules"][0].update(formula=["follows", 0, [[0]]]), "must follow as many groups"),
    (lambda v: v["rules"][1].update(formula=["label", [4]]), "no meaning here"),
    (lambda v: v["evidence"][0].update(kind="call", function="os.system"), "evidence 0: unknown kind 'call'"),
    (lambda v: v["evidence"][0].update(groups=[]), "groups must be texts"),
    (lambda v: v["evidence"][1].update(comparison="=="), "must be a comparison"),
    (lambda v: v["evidence"][1].update(number=float("nan")), "must be a comparison"),
    (lambda v: v["evidence"][3].update(net="other.lvr"), "must ask the file's own net"),
    (lambda v: v["evidence"][3].update(place=4), "must ask the file's own net"),
    (lambda v: v["evidence"].__setitem__(1, {"kind": "matches", "pattern": "("}), "no regular expression"),
    (lambda v: v["evidence"].__setitem__(1, {"kind": "words", "phrases": ["a"], "side": ["in", "b"]}), "side must be"),
    (lambda v: v["evidence"].__setitem__(1, {"kind": "words", "phrases": ["a"], "offset": 1}), "offset must be"),
]


@pytest.mark.parametrize(("lie", "said"), LIES)
def test_files_that_lie(packed, lie, said):
    _, _, rules, _ = packed
    value = copy.deepcopy(stored(rules.program))
    program_of(value, rules.program.classes)
    lie(value)
    with pytest.raises(LeveretFormatError, match=said):
        program_of(value, rules.program.classes)


def test_a_file_s_rules_are_checked_when_it_is_loaded(packed, tmp_path):
    from leveret.runtime import _format

    content = _format.read(packed[3])
    texts = {k: v for k, v in content.metadata.items() if k not in ("format", "version", "sha256")}
    _format.write(tmp_path / "bad.lvr", {**texts, "rules": "[]"}, content.tensors)
    with pytest.raises(LeveretFormatError, match=r"bad\.lvr: rules: must be an object"):
        runtime.load(tmp_path / "bad.lvr")


def test_heeding_checks_its_shapes(packed):
    _, _, rules, _ = packed
    with pytest.raises(LeveretUsageError, match=r"logits must be \(2 examples, 4 classes\), got \(1, 4\)"):
        heeded(rules.program, np.zeros((1, 4)), Facts(2))
