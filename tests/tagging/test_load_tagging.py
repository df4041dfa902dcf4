"""Sentences with tags from CoNLL files and tables, and what is wrong with them."""

import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import leveret
from leveret.data import from_sentences, load_tagging
from leveret.data.tagging import is_tagging
from leveret.errors import LeveretDataError, LeveretWarning

CONLL = """-DOCSTART- -X- O O

EU NNP B-NP B-org
rejects VBZ B-VP O
German JJ B-NP B-misc

Peter NNP B-NP B-person
Blackburn NNP I-NP I-person
"""


@pytest.fixture
def write(tmp_path):
    def file(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return file


def test_conll_files_of_several_columns(write):
    data = load_tagging(write("a.conll", CONLL), val_fraction=0, test_fraction=0)
    assert data.classes == ("O", "B-misc", "B-org", "B-person", "I-person")
    assert data.train.fetch([0, 1]) == [["EU", "rejects", "German"], ["Peter", "Blackburn"]]
    assert data.train.names(1) == ["B-person", "I-person"]
    assert data.train.where == ["a.conll, line 3", "a.conll, line 7"]
    tokens, labels = data.train.fetch_tagged([1, 0])
    assert tokens[0] == ["Peter", "Blackburn"]
    np.testing.assert_array_equal(labels, [[3, 4, -100], [2, 0, 1]])
    assert data.train.entity_counts() == {"misc": 1, "org": 1, "person": 1}
    assert (data.kind, data.scheme, data.types) == ("tag", "BIO", ("misc", "org", "person"))


def test_tabs_keep_empty_looking_tokens_and_comments_are_passed_over(write):
    data = load_tagging(write("a.tsv", "# id 1 of 2\n#tag\tO\n# x\tB-a\n"), val_fraction=0, test_fraction=0)
    assert data.train.fetch([0]) == [["#tag", "# x"]]


def rows():
    return {"tokens": [["a", "b"], ["c"], ["d", "e"]], "tags": [["B-x", "I-x"], ["O"], ["O", "B-y"]]}


def test_parquet_and_jsonl_with_names_and_numbers(tmp_path):
    pq.write_table(pa.table(rows()), tmp_path / "n-train.parquet")
    lines = [json.dumps({"words": t, "ner": g}) for t, g in zip(*rows().values(), strict=True)]
    (tmp_path / "m.jsonl").write_text("\n".join(lines))
    import datasets

    names = datasets.Sequence(datasets.ClassLabel(names=["O", "B-x", "I-x", "B-y", "I-y"]))
    features = datasets.Features({"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": names})
    numbered = {"tokens": rows()["tokens"], "ner_tags": [[1, 2], [0], [0, 3]]}
    datasets.Dataset.from_dict(numbered, features=features).to_parquet(tmp_path / "k.parquet")
    for source in ("n", "m.jsonl", "k.parquet"):
        assert is_tagging(tmp_path / source)
        data = load_tagging(tmp_path / source, val_fraction=0, test_fraction=0)
        assert [data.train.names(i) for i in range(3)] == rows()["tags"]
    assert data.classes[-1] == "I-y"  # in the source's order


def test_parts_by_their_names_and_parts_held_out(write, tmp_path):
    for name in ("train", "dev", "test"):
        write(f"ner-{name}.conll", CONLL)
    data = load_tagging(tmp_path / "ner")
    assert [len(part) for part in (data.train, data.val, data.test)] == [2, 2, 2]
    many = "\n".join(f"w{i} {'B-a' if i % 2 else 'O'}\n" for i in range(50))
    data = load_tagging(write("all.bio", many), seed=1)
    assert [len(part) for part in (data.train, data.val, data.test)] == [35, 5, 10]
    assert [len(load_tagging(tmp_path / "all.bio", seed=1).train)] == [35]
    places = np.concatenate([data.train.places, data.val.places, data.test.places])
    assert sorted(places.tolist()) == list(range(50))


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.conll", "EU B-org\nrejects\n", "line 2: 'rejects' has no tag"),
        ("a.conll", "EU NNP B-org\nrejects O\n", "line 2: 2 columns, where those before have 3"),
        ("a.conll", "EU B-org\nso person\n", "line 2: 'person' is no tag"),
        ("a.conll", b"EU B-org\n\xff O\n", "isn't UTF-8, behind line"),
        ("a.conll", "", "is empty"),
        ("a.conll", "\n\n", "no entity|no sentence"),
        ("a.conll", "so O\n\nis O\n", "holds no entity: all tags are O"),
        ("a.jsonl", '{"tokens": ["a"], "label": 1}', "a column of tokens .* and one of tags"),
        ("a.jsonl", '{"tokens": ["a"], "tags": ["x"]}', "row 0 of a.jsonl: 'x' is no tag"),
        ("a.jsonl", '{"tokens": "a b", "tags": ["O"]}', "must hold a list, got 'a b'"),
        ("a.jsonl", '{"tokens": ["a"], "tags": [1]}', "must be names such as B-person, got 1"),
        ("a.parquet", b"not a table", "could not be read as parquet"),
    ],
)
def test_damaged_sources_say_where(write, name, content, what):
    with pytest.raises(LeveretDataError, match=what):
        load_tagging(write(name, content))


def test_missing_sources(tmp_path):
    with pytest.raises(LeveretDataError, match=r"there is no .*nowhere"):
        load_tagging(tmp_path / "nowhere")


def test_sentences_that_cannot_be_used_are_counted(tmp_path):
    table = {"tokens": [["a"], [], None, ["b", "c"], ["d"]], "tags": [["B-x"], [], ["O"], ["O"], ["O"]]}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    with pytest.warns(LeveretWarning, match="3 of 5 samples could not be used"):
        data = load_tagging(tmp_path / "a.parquet", val_fraction=0, test_fraction=0)
    assert {(s.where, s.reason) for s in data.report.skipped} == {
        ("row 1 of a.parquet", "a sentence without tokens"),
        ("row 2 of a.parquet", "no tokens"),
        ("row 3 of a.parquet", "2 tokens with 1 tags"),
    }
    assert len(data.train) == 2
    with pytest.raises(LeveretDataError, match="strict"):
        load_tagging(tmp_path / "a.parquet", strict=True)


def test_tags_that_break_their_scheme_are_brought_into_it(write):
    path = write("a.conll", "a I-x\nb I-x\nc B-x\n\nd O\ne I-y\n")
    with pytest.warns(LeveretWarning, match=r"2 tags in 2 sentences break BIO, the first in a\.conll, line 1"):
        data = load_tagging(path, val_fraction=0, test_fraction=0)
    assert [data.train.names(i) for i in range(2)] == [["B-x", "I-x", "B-x"], ["O", "B-y"]]
    with pytest.raises(LeveretDataError, match="strict"):
        load_tagging(path, strict=True)


def test_bioes(write):
    data = load_tagging(write("a.bioes", "a B-x\nb E-x\n\nc S-y\nd O\n"), val_fraction=0, test_fraction=0)
    assert data.scheme == "BIOES"
    assert data.train.entity_counts() == {"x": 1, "y": 1}


def test_sentences_in_memory_and_subsets():
    data = from_sentences((rows()["tokens"], rows()["tags"]), test=([["a"]], [["B-x"]]), val_fraction=0)
    assert (len(data.train), len(data.val), len(data.test)) == (3, 0, 1)
    part = data.train.subset([2, 0])
    assert part.fetch([0]) == [["d", "e"]]
    assert part.lengths.tolist() == [2, 2]
    assert len(data.train.subset(np.array([True, False, True]))) == 2
    assert pickle.loads(pickle.dumps(part)).fetch([1]) == [["a", "b"]]
    assert data.train.class_counts().sum() == 5
    with pytest.raises(LeveretDataError, match="sentence 1 of train has 1 tokens and 2 tags"):
        from_sentences(([["a"], ["b"]], [["O"], ["O", "O"]]))


def test_what_is_no_tagging(write, tmp_path):
    write("t.csv", "text,label\na b,1\n")
    write("plain.txt", "just some words here\nand more\n")
    write("labels.jsonl", '{"text": "a b", "label": 1}\n')
    for source in ("digits", "hf:some/name", tmp_path / "t.csv", tmp_path / "plain.txt", tmp_path / "labels.jsonl"):
        assert not is_tagging(source)
    assert is_tagging(write("a.txt", CONLL))


def test_a_screen_says_what_there_is(write):
    from rich.console import Console

    data = leveret.load_tagging(write("a.conll", CONLL), val_fraction=0, test_fraction=0)
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(data.summary())
    text = console.export_text()
    assert "sentences with BIO tags of 3 types of entities" in text
    assert "person" in text
    json.dumps(data.as_dict())


def test_sentences_without_tags_are_kept_where_asked_for(tmp_path):
    rows = [
        {"tokens": ["in", f"Oslo{i}"], "tags": ["O", "B-place"] if i % 4 == 0 else [None, []][i % 2]} for i in range(24)
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    with pytest.warns(LeveretWarning, match="18 of 24"):
        few = load_tagging(path, test_fraction=0.2, val_fraction=0.2)
    assert len(few.train) + len(few.val) + len(few.test) == 6
    data = load_tagging(path, test_fraction=0.2, val_fraction=0.2, unlabelled=True)
    assert data.val.labelled.all()
    assert data.test.labelled.tolist() == [True]
    assert (len(data.train), int(data.train.labelled.sum())) == (22, 4)
    assert data.train.class_counts().tolist() == [4, 4]
    assert data.train.entity_counts() == {"place": 4}
    without = int(np.flatnonzero(~data.train.labelled)[0])
    assert data.train.labels[without].tolist() == [-100, -100]
    assert data.train.names(without) == []
    assert "18 training sentences have no tags" in data.report.notes
    with pytest.warns(LeveretWarning, match="test 1: no tags"):
        data = from_sentences(([["a"], ["b"]], [["B-x"], None]), test=([["a"], ["b"]], [["O"], None]))
    assert (len(data.train), len(data.test)) == (2, 1)
