"""Word vectors from every kind of file, and files that are damaged."""

import gzip

import numpy as np
import pytest

from leveret.errors import LeveretDataError
from leveret.text import Vectors, Vocabulary, read_vectors

WORDS = ["the", "film", "new york", "ü"]
VALUES = np.arange(12, dtype=np.float32).reshape(4, 3) / 4 - 1


def text(header=""):
    return header + "".join(f"{w} {' '.join(map(str, row))}\n" for w, row in zip(WORDS, VALUES, strict=True))


def binary(newline=b"\n"):
    return b"4 3\n" + b"".join(
        w.encode() + b" " + row.tobytes() + newline for w, row in zip(WORDS_WITHOUT_SPACES, VALUES, strict=True)
    )


WORDS_WITHOUT_SPACES = [word.replace(" ", "_") for word in WORDS]


@pytest.fixture
def write(tmp_path):
    def file(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return file


@pytest.mark.parametrize("header", ["", "4 3\n"])
def test_text_with_and_without_sizes(write, header):
    vectors = read_vectors(write("v.txt", text(header)))
    assert vectors.words == tuple(WORDS)
    np.testing.assert_array_equal(vectors.values, VALUES)


@pytest.mark.parametrize("newline", [b"\n", b""])
def test_word2vec_binary(write, newline):
    vectors = read_vectors(write("v.bin", binary(newline)))
    assert vectors.words == tuple(WORDS_WITHOUT_SPACES)
    np.testing.assert_array_equal(vectors.values, VALUES)


def test_compressed(write):
    assert read_vectors(write("v.txt.gz", gzip.compress(text().encode()))).words == tuple(WORDS)
    assert read_vectors(write("v.bin.gz", gzip.compress(binary()))).words == tuple(WORDS_WITHOUT_SPACES)


def test_npz_of_half_precision(tmp_path):
    np.savez(tmp_path / "v.npz", words=np.array(WORDS), vectors=VALUES.astype(np.float16))
    vectors = read_vectors(tmp_path / "v.npz")
    np.testing.assert_array_equal(vectors["film"], VALUES[1])
    assert vectors.values.dtype == np.float32


def test_only_what_is_wanted(write, tmp_path):
    np.savez(tmp_path / "v.npz", words=np.array(WORDS), vectors=VALUES)
    for path in (write("v.txt", text()), write("v.bin", binary()), tmp_path / "v.npz"):
        vectors = read_vectors(path, {"film", "nowhere"})
        assert vectors.words == ("film",)
        np.testing.assert_array_equal(vectors.values, VALUES[1:2])


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("v.txt", text().replace("0.0 0.25\n", "0.0\n"), "line 2: 2 numbers where 3 must stand"),
        ("v.txt", text()[:-9], "line 4.*cut off or damaged"),
        ("v.txt", text("5 3\n"), "says 5 vectors and holds 4"),
        ("v.txt", text().replace("0.25", "x"), "line 2: not all are numbers"),
        ("v.txt", "", "empty"),
        ("v.txt", "word\n", "line 1"),
        ("v.txt", text().replace("0.25", "nan"), "'film' isn't finite"),
        ("v.bin", binary()[:-3], "cut off.*says 4 vectors, and ends in 3"),
        ("v.bin", b"9 3\n" + binary()[4:], "says 9 vectors, and ends in 4"),
        ("v.txt", "0 3\n", "holds 0 vectors"),
        ("v.gz", gzip.compress(text().encode())[:-20], "could not be read"),
        ("v.npz", b"PK\x03\x04" + 40 * b"x", "."),
    ],
    ids=str.split(
        "a_number_less cut_line fewer_than_said no_number empty no_vector not_finite cut_binary more_said none_said "
        "cut_gzip cut_npz"
    ),
)
def test_damaged_files_say_where(write, name, content, what):
    with pytest.raises(LeveretDataError, match=what):
        read_vectors(write(name, content))


def test_missing_words_widths_and_files(write, tmp_path):
    path = write("v.txt", text())
    with pytest.raises(LeveretDataError, match="a vector of none of the words"):
        read_vectors(path, ["nowhere"])
    with pytest.raises(LeveretDataError, match="vectors of 3 numbers, not 5"):
        read_vectors(path, dim=5)
    with pytest.raises(LeveretDataError, match="there is no file of vectors"):
        read_vectors(tmp_path / "none")
    np.savez(tmp_path / "a.npz", words=np.array(WORDS))
    np.savez(tmp_path / "b.npz", words=np.array(WORDS), vectors=VALUES[:2])
    for name, what in (("a.npz", "must hold words"), ("b.npz", r"got \(4,\) and float32 \(2, 3\)")):
        with pytest.raises(LeveretDataError, match=what):
            read_vectors(tmp_path / name)


def test_a_table_has_rows_of_the_same_variance_for_words_without_a_vector():
    rng = np.random.default_rng(0)
    vectors = Vectors([f"w{i}" for i in range(500)], rng.normal(0.3, 0.7, (500, 40)))
    vocabulary = Vocabulary([*(f"w{i}" for i in range(400)), "W3X", "W7", *(f"new{i}" for i in range(400))])
    rows, found = vectors.table(vocabulary, rng)
    assert not rows[0].any()
    assert found.sum() == 401  # W7 by its lower case
    np.testing.assert_array_equal(rows[vocabulary["W7"]], vectors["w7"])
    np.testing.assert_array_equal(rows[vocabulary["w5"]], vectors["w5"])
    drawn = rows[vocabulary["new0"] :]
    assert drawn.std() == pytest.approx(0.7, rel=0.03)
    assert abs(drawn.mean()) < 0.02
    with pytest.raises(LeveretDataError, match="a vector for none of the 1 words; its first words are 'w0', 'w1'"):
        vectors.table(Vocabulary(["nowhere"]), rng)
