"""Splitting texts, alike in every place, and numbering their tokens."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.errors import LeveretFormatError, LeveretUsageError
from leveret.text import UNKNOWN, TextEncoder, Tokenizer, Vocabulary


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("I don't think so.", ["I", "do", "n't", "think", "so", "."]),
        ("DON'T!", ["DO", "N'T", "!"]),
        ("It's a well-made film", ["It", "'s", "a", "well-made", "film"]),
        ("3.5 of 10,000", ["3.5", "of", "10,000"]),
        ("(naïve) Ærø", ["(", "naïve", ")", "Ærø"]),
        ("see http://a.b/c?d=1 @me #tag", ["see", "http://a.b/c?d=1", "@me", "#tag"]),
        ("ask me@home.org.", ["ask", "me@home.org", "."]),
        ("a\tb\n c", ["a", "b", "c"]),
        ("", []),
        ("  \n", []),
    ],
)
def test_words(text, tokens):
    assert Tokenizer().tokens(text) == tokens


def test_spaces_leave_what_was_split_before():
    assert Tokenizer("spaces").tokens("wo n't -lrb- a/b .") == ["wo", "n't", "-lrb-", "a/b", "."]


def test_places_point_into_the_text():
    text = "Die größte, don't you think?"
    tokenizer = Tokenizer()
    assert [text[a:b] for a, b in tokenizer.places(text)] == tokenizer.tokens(text)


@pytest.mark.parametrize(
    ("texts", "split"),
    [
        (["a fine film .", "dull , and long ."], "spaces"),
        (["A fine film.", "Dull, and long."], "words"),
        (["mr. jones , and others , all fine .", "so , well , good . no , never , ever ."], "spaces"),
        (["no signs at all"], "words"),
    ],
)
def test_the_suited_one_knows_what_was_split_before(texts, split):
    assert Tokenizer.suited(texts).split == split


def test_wrong_settings_are_named():
    with pytest.raises(LeveretUsageError, match="split must be one of words, spaces, got 'letters'"):
        Tokenizer("letters")


def test_a_vocabulary_counts_and_cuts():
    sentences = [["b", "a"], ["a", "c"], ["a", "b", "d"]]
    assert Vocabulary.learn(sentences).words == ("a", "b", "c", "d")
    assert Vocabulary.learn(sentences, min_count=2).words == ("a", "b")
    assert Vocabulary.learn(sentences, max_size=3).words == ("a", "b", "c")
    vocabulary = Vocabulary(["a", "b"])
    assert (vocabulary["a"], vocabulary["b"], vocabulary["z"], len(vocabulary)) == (2, 3, UNKNOWN, 4)
    assert vocabulary.extended(["c", "a", ""]).words == ("a", "b", "c")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: Vocabulary(["a", "a"]), "'a' stands in the vocabulary twice"),
        (lambda: Vocabulary([""]), "isn't empty"),
        (lambda: Vocabulary.learn([["a"]], min_count=0), "min_count must be at least 1"),
        (lambda: Vocabulary.learn([["a"]], max_size=0), "max_size must be at least 1"),
        (lambda: TextEncoder.learn(["", "  "]), "no text has a token"),
        (lambda: TextEncoder.learn("a text"), "list of texts"),
        (lambda: TextEncoder.learn([["a", 3]]), "tokens must be texts, got 3 in item 0"),
        (lambda: TextEncoder.learn(["a", ["b"]]), "item 0 is str"),
    ],
)
def test_bad_vocabularies_are_refused(make, what):
    with pytest.raises(LeveretUsageError, match=what):
        make()


def test_texts_become_ids_one_after_the_other():
    encoder = TextEncoder.learn(["A fine film .", "a dull one ."])
    words = encoder.vocabulary
    ids, lengths = encoder.encode(["a Fine mess", "", "film"])
    assert ids.tolist() == [words["a"], words["fine"], UNKNOWN, words["film"]]
    assert lengths.tolist() == [3, 0, 1]
    again, _ = encoder.encode(["film", "new words"])  # one of them was seen before
    assert again.tolist() == [words["film"], UNKNOWN, UNKNOWN]


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(words, max_size=6), st.booleans())
def test_texts_and_their_tokens_get_the_same_ids(texts, lowercase):
    tokenizer = Tokenizer("spaces", lowercase)
    encoder = TextEncoder(Vocabulary(["a", "é", "ß", " x"]), tokenizer)
    ids, lengths = encoder.encode(texts)
    found, counts = encoder.encode([tokenizer.tokens(text) for text in texts]) if texts else (ids, lengths)
    np.testing.assert_array_equal(ids, found)
    np.testing.assert_array_equal(lengths, counts)


def test_words_that_look_like_padding_are_no_padding():
    encoder = TextEncoder(Vocabulary(["padding", "unknown"]), Tokenizer("spaces"))
    assert encoder.encode(["<pad> padding unknown"])[0].tolist() == [1, 2, 3]


def test_letters_of_long_words_are_cut_in_the_middle():
    encoder = TextEncoder.learn([["ab", "b"]], characters=True)
    ids, lengths = encoder.letters(["ab", "b" + 60 * "x" + "a", ""])
    assert lengths.tolist() == [2, 40, 0]
    b, a = encoder.characters["b"], encoder.characters["a"]
    assert ids.tolist() == [a, b, b, *38 * [UNKNOWN], a]


def test_an_encoder_comes_back_from_plain_values_and_pickles():
    encoder = TextEncoder.learn([["A", "fine", "film"]], characters=True)
    encoder.encode(["a film"])
    for same in (TextEncoder.from_dict(encoder.as_dict()), pickle.loads(pickle.dumps(encoder)), copy.deepcopy(encoder)):
        assert same == encoder
        assert same.encode(["A FILM"])[0].tolist() == encoder.encode(["A FILM"])[0].tolist()


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ([], "must be an object"),
        ({"tokenizer": {"split": "words", "lowercase": True}, "words": "abc"}, "words must be a list"),
        ({"tokenizer": {"split": "words"}, "words": []}, "split and lowercase"),
        ({"tokenizer": {"split": "w", "lowercase": True}, "words": []}, "split must be one of"),
        ({"tokenizer": {"split": "words", "lowercase": 1}, "words": []}, "lowercase must be"),
        ({"tokenizer": {"split": "words", "lowercase": True}, "words": ["a", "a"]}, "twice"),
        ({"tokenizer": {"split": "words", "lowercase": True}, "words": ["a", 3]}, "isn't empty"),
        ({"tokenizer": {"split": "words", "lowercase": True}, "words": [], "characters": None}, "must be a list"),
    ],
)
def test_damaged_encoders_are_refused(value, what):
    with pytest.raises(LeveretFormatError, match=what):
        TextEncoder.from_dict(value)
