from __future__ import annotations

import gzip
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tof_hf.data.translation.induction import SkippedLines, read_vectors
from tof_hf.errors import ConfigError, DataError


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="wiki.vec"):
        path = tmp_path / name
        content = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write_file


@pytest.mark.parametrize("header", ["", "2 3\n", "9 3 \r\n", "\ufeff2 3\n", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
@pytest.mark.parametrize("name", ["wiki.vec", "wiki.vec.gz"])
def test_words_and_vectors_are_read_with_or_without_header_packed_or_not(write, header, end, name):
    path = write(f"{header}the 1 -2.5 3e-1{end}Über 4 5 6{end}", name)
    read = read_vectors(path)
    assert (read.path, read.words, read.width, read.skipped) == (path, ["the", "über"], 3, SkippedLines())
    assert read.vectors.dtype == torch.float32
    assert torch.equal(read.vectors, torch.tensor([[1, -2.5, 0.3], [4, 5, 6]]))


def test_a_number_as_the_first_word_is_no_header(write):
    assert read_vectors(write("2 3 4\n5 6 7\n")).words == ["2", "5"]


def test_of_words_that_differ_in_case_the_first_usable_one_counts(write):
    read = read_vectors(write("Rio 0 0\nRIO 1 2\nrio 3 4\nbonn 5 6\nBonn 7 x\n"))
    assert read.words == ["rio", "bonn"]
    assert read.vectors.tolist() == [[1, 2], [5, 6]]
    assert read.skipped == SkippedLines(repeated_words=2, zero_vectors=1)


def test_a_word_that_is_not_utf_8_is_counted_and_skipped(write):
    read = read_vectors(write(b"a 1 2\n\xe9t\xe9 1 2\nb 3 4\n"))
    assert read.words == ["a", "b"] and read.skipped == SkippedLines(broken_lines=1)


def test_max_words_counts_words_that_are_kept(write):
    read = read_vectors(write("a 1 1\nA 1 1\nb 0 0\nc 1 1\nd 1 1\n\xff"), max_words=2)
    assert read.words == ["a", "c"]
    assert read.skipped == SkippedLines(repeated_words=1, zero_vectors=1)


@pytest.mark.parametrize("space", ["\u00a0", "\u2028", "\u3000", "\u0085", "\x0b", "\x1c", "\t", "\r"])
def test_characters_that_python_takes_for_white_space_stay_in_the_word(write, space):
    read = read_vectors(write(f"{space} 1 2\na{space}b 3 4\n"))
    assert read.words == [space, f"a{space}b"]
    assert read.skipped == SkippedLines()


@pytest.mark.parametrize(
    "bad", ["x 1", "x 1 2 3", "x 1 2x", "x y 1 2", "x", " 1 2", "x 1,5 2", "x 1\u00a02", "x 0x1 2"]
)
def test_a_broken_line_is_counted_and_skipped(write, bad):
    read = read_vectors(write(f"a 1 2\n{bad}\nb 3 4\n"))
    assert read.words == ["a", "b"]
    assert read.skipped == SkippedLines(broken_lines=1)


@pytest.mark.parametrize("bad", ["nan 1", "1 inf", "-inf 1", "1e39 1", "1e30 1e30"])
def test_a_vector_without_a_finite_length_is_counted_and_skipped(write, bad):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = read_vectors(write(f"a 1 2\nx {bad}\n"))
    assert read.words == ["a"]
    assert read.skipped == SkippedLines(nonfinite_vectors=1)


def test_blank_lines_are_no_broken_lines(write):
    read = read_vectors(write("\na 1 2\n\n \n\n"))
    assert (read.words, read.skipped) == (["a"], SkippedLines())


def test_a_file_shorter_than_its_header_says_is_warned_about(write, caplog):
    read_vectors(write("3 2\na 1 2\nb 1 2\n"))
    assert "2 of the 3 vectors" in caplog.text


def test_a_file_of_which_only_a_part_is_wanted_is_not_warned_about(write, caplog):
    read_vectors(write("3 2\na 1 2\nb 1 2\nc 1 2\n"), max_words=2)
    assert not caplog.text


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        ("", None, "no vectors"),
        ("\n\n", None, "no vectors"),
        ("2 300\n", None, "no vectors"),
        ("a 0 0\nb nan 1\n", None, "1 zero, 1 not finite"),
        ("EU NNP B-NP\nrejects VBZ B-VP\n", 1, "no number after the first space"),
        ("word\n", 1, "0 numbers"),
        ("9 3\na 1 2\nb 1 2\n", 2, "2 numbers where 3 are expected"),
        ("a 1 2\nb 1 2 3\nc 1 2 3\n", 2, "3 numbers where 2 are expected"),
        (" 1 2\n", 1, "a space before the word"),
        (b"a 1 2\n\xe9t\xe9 1 2\n\xe8 1 2\n", 2, "bytes that are not UTF-8"),
    ],
)
def test_a_useless_file_raises_an_error_with_its_name_and_the_line(write, content, line, found):
    path = write(content)
    with pytest.raises(DataError, match=found) as caught:
        read_vectors(path)
    assert (caught.value.path, caught.value.line) == (path, line)


def test_a_missing_file_raises_an_error(tmp_path):
    with pytest.raises(DataError, match=r"none\.vec: found a file that cannot be read"):
        read_vectors(tmp_path / "none.vec")


def test_a_packed_file_that_is_cut_off_raises_an_error_with_the_line(tmp_path):
    path = tmp_path / "cut.vec.gz"
    lines = "".join(f"word{number} {number} {number**3 % 1009}\n" for number in range(1, 20_000))
    path.write_bytes(gzip.compress(lines.encode())[:-2000])
    with pytest.raises(DataError, match="cannot be read") as caught:
        read_vectors(path)
    assert caught.value.line > 1000


def test_a_file_named_gz_that_is_not_packed_raises_an_error(tmp_path):
    path = tmp_path / "wiki.vec.gz"
    path.write_text("a 1 2\n")
    with pytest.raises(DataError, match="cannot be read"):
        read_vectors(path)


def test_max_words_of_zero_raises_an_error(write):
    with pytest.raises(ConfigError, match="max_words=0"):
        read_vectors(write("a 1\n"), max_words=0)


words = st.text(st.characters(codec="utf-8", exclude_characters=" \n"), min_size=1)
finite = st.floats(width=32, min_value=2.0**-20, max_value=2.0**20)


@given(st.dictionaries(words, st.tuples(finite, finite, finite), min_size=1), st.booleans())
def test_what_was_written_is_read(tmp_path_factory, table, header):
    table = {word.lower(): numbers for word, numbers in table.items() if not word.startswith("\ufeff")}
    table = {word: numbers for word, numbers in table.items() if word.lower() == word} or {"a": (1.0, 2.0, 3.0)}
    lines = [f"{len(table)} 3"] * header + [f"{word} {x} {y} {z}" for word, (x, y, z) in table.items()]
    path = tmp_path_factory.mktemp("vectors") / "wiki.vec"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    read = read_vectors(path)
    assert read.words == list(table)
    assert torch.equal(read.vectors, torch.tensor(list(table.values())))
    assert read.skipped == SkippedLines()


@given(st.binary(max_size=60) | st.text("a1. \n", max_size=60).map(str.encode))
def test_any_file_gives_vectors_or_a_data_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("vectors") / "wiki.vec"
    path.write_bytes(content)
    try:
        read = read_vectors(path)
    except DataError as error:
        assert error.path == path
    else:
        assert read.vectors.shape == (len(read.words), read.width)
        assert read.vectors.isfinite().all() and read.vectors.any(dim=1).all()
