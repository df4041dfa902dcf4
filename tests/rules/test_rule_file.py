"""The rule language: what it means on examples, and what it says of mistakes."""

import numpy as np
import pytest
from rule_data import garments, reviews

from leveret.errors import LeveretDataError, LeveretUsageError
from leveret.rules import Facts, RuleError, RuleSet, Schema, facts_of, read_rules
from leveret.runtime.rules._evidence import Says
from leveret.runtime.rules._words import Side, clause, words_of

TEXTS = Schema(("negative", "positive"), ("stars", "topic"), texts=True)


def truths(write, text, facts, schema=TEXTS, **options):
    rules = read_rules(write(text), schema, **options)
    return rules.program.truths(rules.evidence(facts))


@pytest.mark.parametrize(
    ("premise", "expected"),
    [
        ('word "good"', [1, 0, 0, 1]),
        ('word "not good"', [0, 0, 0, 1]),
        ('matches "(?i)go+d|fine"', [1, 1, 0, 1]),
        ('word "good" after "but"', [1, 0, 0, 0]),
        ('word "good" before "but"', [0, 0, 0, 1]),
        ('word "good" and not word "not"', [1, 0, 0, 0]),
        ('word "fine" or word "dull"', [1, 1, 0, 0]),
        ('word "fine" | ~word "good" & word "dull"', [0, 1, 0, 0]),
        ("stars > 3", [1, 1, 0, 0]),
        ("stars >= 2 and stars < 4.5", [1, 0, 0, 0]),
        ('topic is "film"', [1, 0, 1, 0]),
        ('topic in {"film", book}', [1, 1, 1, 0]),
        ("known topic", [1, 1, 1, 0]),
        ('word in praise', [1, 1, 0, 1]),
    ],
)  # fmt: skip
def test_premises(write, premise, expected):
    texts = ["Dull, but GOOD.", "fine", "", "not good but ok"]
    lists = 'list praise = "good", "fine"\n' if "praise" in premise else ""
    facts = Facts(4, texts, None, {"stars": [4, 5.0, np.nan, 1], "topic": ["film", "book", "film", None]})
    found = truths(write, f"{lists}rule r: {premise} => label is positive", facts)
    assert (1 - found[:, 0, 0]).tolist() == expected
    assert (found[:, 0, 1] == 1).all()  # nothing is wrong with a positive label


def test_a_rule_is_silent_where_an_example_does_not_say(write):
    facts = Facts(3, ["a", "b", "c"], None, {"stars": [1, None, ""]})
    # if it took a missing number for a false premise, "not" would make it fire
    found = truths(write, "rule r: not stars > 3 => label is positive", facts)
    assert found[:, 0, 0].tolist() == [0, 1, 1]


def test_clauses_stand_on_both_sides_of_the_first_such_word():
    text = "Slow, but sweet but sad"
    assert clause(text, words_of(text), Side("after", "but")) == "sweet but sad"
    assert clause(text, words_of(text), Side("before", "BUT")) == "Slow,"
    for other in ("But sweet", "sweet but", "butter", ""):
        assert clause(other, words_of(other), Side("after", "but")) is None


def test_rules_are_silent_of_what_a_net_has_not_said_yet(write):
    program = read_rules(write('rule but: net says positive after "but" => label is positive'), TEXTS).program
    evidence = program.gathered(Facts(2, texts=["dull but good", "fine"]))
    assert np.isnan(evidence).all()
    assert (program.truths(evidence) == 1).all()


def test_the_net_is_asked_of_the_clause(write):
    rules = read_rules(write('rule but: label is positive <=> net says positive after "but"'), reviews())
    (asked,) = rules.program.evidence
    assert isinstance(asked, Says)
    assert rules.program.own == (0,)
    facts = facts_of(reviews())
    assert asked.clauses(facts)[0] == "great actors"
    evidence = np.array([[0.9], [np.nan]], np.float32)
    assert np.allclose(rules.program.truths(evidence), [[[0.1, 0.9]], [[1, 1]]])


def test_groups_nest_and_columns_name_them(write):
    text = """
    group tops = shirt, coat
    group shoes = boot, sandal
    group clothes = tops, shoes
    rule kind hard: label follows kind
    rule all: label in clothes
    """
    schema = Schema(("shirt", "coat", "boot", "sandal", "bag"), ("kind",))
    found = truths(write, text, Facts(4, columns={"kind": ["tops", "boot", "hats", None]}), schema)
    assert found[:, 0].tolist() == [[1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [1] * 5, [1] * 5]
    assert found[:, 1].tolist() == [[1, 1, 1, 1, 0]] * 4


def test_mutual_exclusion(write):
    schema = Schema(("dry", "wet"), ("rain", "sun"))
    text = "rule apart: exclusive(label is wet, true sun, true rain)"
    found = truths(write, text, Facts(3, columns={"rain": [0, 1, 0.0], "sun": [1, 0.5, 0]}), schema)
    assert np.allclose(found[:, 0], [[1, 0], [0.5, 0], [1, 1]])


def test_numbers_can_be_classes_and_words_can_be_quoted(write):
    schema = Schema(("3", "7", "is"), ("a b",))
    found = truths(write, 'rule r: column "a b" is "x" => label in {7, "is"}', Facts(1, columns={"a b": ["x"]}), schema)
    assert found[0, 0].tolist() == [0, 1, 1]


def test_word_lists_come_from_files_beside_the_rules(write, tmp_path):
    (tmp_path / "praise.txt").write_text("# mine\ngood\nvery fine\n")
    text = 'list praise from "praise.txt"\nrule r: word in praise => label is positive'
    found = truths(write, text, Facts(3, ["a good one", "very fine", "fine"]))
    assert found[:, 0, 0].tolist() == [0, 0, 1]


def test_functions_are_the_users_own(write, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import math\ndef _hidden(e): return 1\n"
        "def loud(example, share=0.5):\n    text = example['text']\n"
        "    return None if not text else sum(map(str.isupper, text)) / len(text) >= share\n"
    )
    text = "rule r: loud(0.9) => label is negative"
    found = truths(write, text, Facts(3, ["GREAT", "Great", ""]), functions=tmp_path / "mine.py")
    assert found[:, 0, 1].tolist() == [0, 1, 1]
    with pytest.raises(RuleError, match=r"line 1, column 9: there is no function 'loud'.*--functions"):
        read_rules(write(text), TEXTS)
    with pytest.raises(RuleError, match="no function '_hidden'"):
        read_rules(write("rule r: _hidden() => label is negative"), TEXTS, functions=tmp_path / "mine.py")


@pytest.mark.parametrize(("value", "said"), [("2", "it gave 2"), ("'x'", "it gave 'x'"), ("1 / 0", "ZeroDivision")])
def test_functions_that_give_no_truth(write, tmp_path, value, said):
    (tmp_path / "mine.py").write_text(f"def odd(example): return {value}")
    with pytest.raises(LeveretDataError, match=rf"function 'odd' .*{said}"):
        truths(write, "rule r: odd() => label is negative", Facts(1, ["x"]), functions=tmp_path / "mine.py")


def test_function_files_that_are_none(tmp_path):
    from leveret.rules import load_functions

    for text, said in (("def (", "no Python file"), ("1 / 0", "could not be run"), ("x = 1", "defines no function")):
        (tmp_path / "mine.py").write_text(text)
        with pytest.raises(LeveretUsageError, match=said):
            load_functions(tmp_path / "mine.py")
    with pytest.raises(LeveretUsageError, match="could not be read"):
        load_functions(tmp_path / "none.py")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1, column 1: the file holds no rule"),
        ("# nothing yet\n", "line 1, column 1: the file holds no rule"),
        ("rule a: label is", "line 1, column 17: the file ends where a name"),
        ("rule a label is positive", "line 1, column 8: 'label' can't stand here; expected ':'"),
        ('rule a:\n  word "x => label is positive', 'line 2, column 8: a text begun by " must end'),
        ('rule a:\n word "x" => label is positiv', "line 2, column 23: there is no class 'positiv'; did you mean"),
        ("rule a: star > 3 => label is positive", "line 1, column 9: there is no column 'star'; did you mean 'stars'"),
        ("rule a: word in nice => label is positive", "line 1, column 17: there is no list 'nice'"),
        ('rule a: matches "(" => label is positive', "column 17: '\\(' is no regular expression"),
        ('rule a: word "x" => word "y"', "rule 'a' says nothing of the label"),
        ('rule a: word "x" => label is positive\nrule a: label is positive', "line 2, column 6: there are two rules"),
        ("rule a hard: net says positive => label is positive", "can't be hard, as it asks the net that it teaches"),
        ("rule a: who says positive => label is positive", "there is no net 'who'"),
        ('net who from "who.lvr"\nrule a: label is positive', "line 1, column 14: .*who.lvr could not be read"),
        ('list l from "l.txt"\nrule a: label is positive', "line 1, column 13: .*l.txt could not be read"),
        ("rule a weight -1: label is positive", "a weight must be a finite number of at least 0"),
        ("rule a: tag is positive", "these examples have labels: say label is"),
        ('rule a: next word "x" => label is positive', "previous and next are of the words of sequences"),
        ("group positive = negative\nrule a: label is positive", "'positive' is a class; call the group otherwise"),
        ("group g = nobody\nrule a: label in g", "there is no group or class 'nobody'"),
        ("group g = positive\nrule a: label is g", "'g' is a group: say in g"),
        ('list g = "x"\nlist g = "y"\nrule a: label is positive', "line 2, column 6: 'g' is a list already"),
    ],
)
def test_mistakes_have_their_places(write, text, said):
    with pytest.raises(RuleError, match=said):
        read_rules(write(text), TEXTS)


def test_all_mistakes_are_told_at_once(write):
    with pytest.raises(RuleError) as caught:
        read_rules(write("rule a: hot > 3 => label is nice\nrule b: label is bad"), TEXTS)
    assert [problem.place.line for problem in caught.value.problems] == [1, 1, 2]
    assert "expert.rules, line 2, column 18" in str(caught.value)


def test_images_have_no_words(write):
    data = garments()
    for text in ('word "x" => label is coat', 'net says coat after "but" => label is coat'):
        with pytest.raises(RuleError, match="these examples"):
            read_rules(write(f"rule r: {text}"), data)


def test_files_that_can_not_be_read(tmp_path):
    with pytest.raises(LeveretUsageError, match="could not be read"):
        read_rules(tmp_path / "none.rules", TEXTS)
    (tmp_path / "bytes.rules").write_bytes(b"rule \xff")
    with pytest.raises(LeveretUsageError, match="no text in UTF-8"):
        read_rules(tmp_path / "bytes.rules", TEXTS)
    with pytest.raises(LeveretUsageError, match="strength must be"):
        read_rules(tmp_path / "none.rules", TEXTS, strength=0)


def test_columns_of_the_wrong_kind(write):
    with pytest.raises(LeveretDataError, match="column 'stars' must hold numbers for this rule, got 'many'"):
        truths(write, "rule r: stars > 3 => label is positive", Facts(1, ["x"], None, {"stars": ["many"]}))
    with pytest.raises(LeveretDataError, match="must hold truths in"):
        truths(write, "rule r: true stars => label is positive", Facts(1, ["x"], None, {"stars": [3]}))


def test_rules_from_formulas_in_python():
    from leveret.rules import Atom, label

    rules = RuleSet.of({"rain": (Atom("clouds") >> label("rain", "snow"), 2.0)}, ("rain", "snow", "sun"))
    found = rules.program.truths(rules.evidence(Facts(2, columns={"clouds": [1.0, 0.25]})))
    assert np.allclose(found[:, 0], [[1, 1, 0], [1, 1, 0.75]])
    with pytest.raises(LeveretUsageError, match="no class 'hail'"):
        RuleSet.of({"r": label("hail")}, ("rain", "sun"))
