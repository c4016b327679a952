"""Where the words and tags of a column file are, found out from all of its lines."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tof_hf.data.labels import is_tag, spans_from_tags
from tof_hf.data.readers.lines import Line, is_aside, is_counted
from tof_hf.data.schemes import WrittenTags, named, read_tags
from tof_hf.errors import DataError

WORD_NAMES = ("tokens", "token", "words", "word", "form", "text")
TAG_NAMES = ("ner_tags", "ner_tag", "ner", "tags", "tag", "labels", "label", "ner_labels", "ne", "iob", "bio", "entity")
_OTHER_NAMES = {
    *("id", "index", "idx", "", "pos", "pos_tag", "upos", "xpos", "lemma", "lemmas", "chunk", "chunk_tag", "feats"),
    *("head", "deprel", "deps", "misc", "sentence", "sentence_id", "sentence #"),
}
_CHUNKS = {"NP", "VP", "PP", "ADJP", "ADVP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP", "NC", "VC", "PC"}
_PREFIX = re.compile(r"[a-z][a-z-]{1,11}:")
_MISC = re.compile(r"(?:^|\|)(?:ner|ne|entity)=([^|]*)", re.IGNORECASE)
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Layout:
    """How the lines of a column file are read. Columns count from 0.

    Attributes:
        width: columns of every line with a word.
        tokens, ner_tags: the columns of words and of tags; None for files without tags.
        index: the column that counts the words of each sentence.
        prefix: in front of every word, such as "de:" (PAN-X).
        header: the number of the line that names the columns.
        in_misc: the tags are in a list of `NAME=value` (MISC of CoNLL-U).
        written: the tags that occur.
        also: columns of tags that are not read.
    """

    width: int = 0
    tokens: int = 0
    ner_tags: int | None = None
    index: int | None = None
    prefix: str = ""
    header: int | None = None
    in_misc: bool = False
    written: frozenset[str] = frozenset()
    also: tuple[int, ...] = ()

    def __str__(self) -> str:
        """What was found, with columns counted from 1 as people do, and the option that says the same."""
        option = {"tokens": self.tokens} | ({} if self.ner_tags is None else {"ner_tags": self.ner_tags})
        parts = [
            f"line {self.header} names the columns" if self.header else "",
            "" if self.index is None else f"column {self.index + 1} is an index",
            f"words in {self.tokens + 1}" + (f" without their prefix {self.prefix!r}" if self.prefix else ""),
            "" if self.ner_tags is None else f"tags in {self.ner_tags + 1}",
            *(f"those in {column + 1} are nested in them and not read" for column in self.also),
        ]
        return f"{', '.join(filter(None, parts))} (columns: {_mapping(option)})"

    def is_markup(self, number: int, fields: Sequence[str], *, inside: bool) -> bool:
        """Whether a line holds no word: a header, `-DOCSTART-`, `IMGID:`, or a comment."""
        first = fields[0]
        if number == self.header or first.startswith(("-DOCSTART-", "IMGID:")):
            return True
        if first.startswith("#"):
            return self._is_comment(fields, inside=inside)
        return len(fields) > self.tokens and fields[self.tokens].startswith("-DOCSTART-")

    def _is_comment(self, fields: Sequence[str], *, inside: bool) -> bool:
        if self.index == 0 or len(fields) != self.width:
            return True
        if self.ner_tags is None:
            return fields[0] == "#" and self.width > 1 and not inside
        tag = self.tag_of(fields)  # "# id = 3" may have as many columns as a word, but no tag
        return not inside and tag not in self.written and not is_tag(tag)

    def tag_of(self, fields: Sequence[str]) -> str:
        """The tag as the file writes it."""
        if self.ner_tags is None:
            return "O"
        return _in_misc(fields[self.ner_tags]) if self.in_misc else fields[self.ner_tags]


def find_layout(
    lines: Sequence[Line],
    *,
    path: Path,
    columns: Mapping[str, Any] | None = None,
    need_tags: bool = True,
    scheme: str | None = None,
    names: Sequence[str] | None = None,
) -> Layout:
    """Return the layout of a column file; `columns` says where words or tags are.

    Raises `DataError` for columns that are not there, for files without a column of tags if they are needed, and
    where there are several ways to read the file.
    """
    body = [(number, fields) for number, fields in lines if fields and not is_aside(fields)]
    if not body:
        body = [(number, fields) for number, fields in lines if fields and fields[0].startswith("#")]
    if not body:
        return Layout()
    header = body.pop(0) if len(body) > 1 and _is_header(body[0][1]) else None
    number, first = body[0]
    width = len(first)
    tokens, tags = _named_columns(columns, header, width, need_tags=need_tags, path=path, line=number, first=first)
    rows = [fields for _, fields in body if len(fields) == width]
    index = None if tokens == 0 or width < 2 else _index_column(lines, width)
    if index is not None:
        rows = [fields for fields in rows if is_counted(fields[index]) is not False] or rows
    counts = [Counter(column) for column in zip(*rows, strict=True)]
    misc = next((n for n in range(width) if tags in (None, n) and any(map(_MISC.search, counts[n]))), None)
    if misc is not None:
        counts[misc] = Counter(_in_misc(fields[misc]) for fields in rows)
    free = [number for number in range(width) if number not in (index, tokens)]
    found = {
        n: written for n in free if tags in (None, n) and (written := _as_tags(counts[n], scheme, names)) is not None
    }
    if index is not None and width - len(found) < 2:
        index, free = None, [0, *free]  # the numbers are the words
    titles = [] if header is None else [name.casefold() for name in header[1]]
    also: tuple[int, ...] = ()
    if tags is None and free:
        tags, also = _tag_column(found, free if tokens is None else [-1, *free], titles, rows)
    if tokens is None:
        rest = [number for number in free if number != tags and number not in also] or free[:1] or [0]
        tokens = next((titles.index(name) for name in WORD_NAMES if name in titles), rest[0])
        if len(rest) > 1 and _are_no_words(counts[tokens]) and not all(map(_are_no_words, (counts[n] for n in rest))):
            found_in = f"no words in column {tokens}, only numbers or always the same"
            raise _doubt(found_in, rows, rest[1], tags, path, number)
    if tags == -1:
        raise _doubt("several columns of tags", rows, tokens, next(n for n in found if n != tokens), path, number)
    if need_tags and tags is None:
        last = width - 1
        valid = sum(count for tag, count in counts[last].items() if is_tag(tag))
        if 2 * valid < len(rows) or last == tokens:
            raise _doubt("no column of tags", rows, tokens, last, path, number)
        tags = last
    words = counts[tokens].keys()
    match = _PREFIX.match(next(iter(words)))
    prefix = match[0] if match and len(words) > 1 and all(word.startswith(match[0]) for word in words) else ""
    values = frozenset(() if tags is None else counts[tags])
    return Layout(
        width,
        tokens,
        tags,
        index,
        prefix,
        header[0] if header else None,
        misc is not None and tags == misc,
        values,
        also,
    )


def _is_header(fields: Sequence[str]) -> bool:
    names = {field.casefold() for field in fields}
    if len(fields) < 2 or not names.intersection(WORD_NAMES):
        return False
    return bool(names.intersection(TAG_NAMES)) or names <= _OTHER_NAMES | set(WORD_NAMES)


def _named_columns(
    columns: Mapping[str, Any] | None,
    header: Line | None,
    width: int,
    *,
    need_tags: bool,
    path: Path,
    line: int,
    first: Sequence[str],
) -> tuple[int | None, int | None]:
    """The columns of words and tags that `columns` names, by number or by the name in the header."""
    given = dict(columns or {})
    indices: dict[str, int] = {}
    for key, value in given.items():
        number = header[1].index(value) if header and value in header[1] else value
        if key not in ("tokens", "ner_tags") or isinstance(number, bool) or not isinstance(number, int):
            raise DataError(
                f"columns entry {key!r}: {value!r}.",
                fix="for a column file write numbers, as in columns: {tokens: 0, ner_tags: -1}.",
                path=path,
            )
        if key == "tokens" or need_tags or -width <= number < width:
            indices[key] = number
    needed = max([1 + need_tags, *(max(number + 1, -number) for number in indices.values())])
    if width < needed:
        found = f"{count_of(width)} ({' '.join(first)[:60]!r}), where at least {needed} are needed."
        fix = "give one word a line with its tag in the last column; only unlabelled text (target.text) may lack tags."
        if columns is not None:
            existing = "only 0" if width == 1 else f"0 to {width - 1}"
            fix = (
                f"name columns that are there ({existing}; -1 is the last), as in columns: {{tokens: 0, ner_tags: -1}}."
            )
        raise DataError(found, fix=fix, path=path, line=line)
    places = {key: number % width for key, number in indices.items()}
    return places.get("tokens"), places.get("ner_tags")


def count_of(columns: int) -> str:
    """A number of columns in words."""
    return "1 column" if columns == 1 else f"{columns} columns"


def _index_column(lines: Iterable[Line], width: int) -> int | None:
    """0 if the first column counts the words of each sentence, or of the file."""
    expected: set[str] = {"0", "1"}
    before, any_word = 0, False
    for _, fields in lines:
        if not fields or is_aside(fields):
            expected = {"0", "1", str(before + 1)}
            continue
        kind = is_counted(fields[0])
        if len(fields) != width or kind is False:
            continue
        if kind is None and not any_word and _is_header(fields):
            continue
        if fields[0] not in expected:
            return None
        before, any_word = int(fields[0]), True
        expected = {str(before + 1)}
    return 0 if any_word else None


def _as_tags(counts: Counter[str], scheme: str | None, names: Sequence[str] | None) -> WrittenTags | None:
    if len(counts) > 2_000:
        return None
    try:
        meant = dict(zip(counts, named(counts, names), strict=True)) if names else {tag: tag for tag in counts}
        written = read_tags({meant[tag]: count for tag, count in counts.items()}, scheme)
    except DataError:
        return None
    return WrittenTags({tag: written.meaning[name] for tag, name in meant.items()}, written.scheme)


def _tag_column(
    found: Mapping[int, WrittenTags], free: Sequence[int], titles: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[int | None, tuple[int, ...]]:
    """The column of tags, and those of tags nested in them; None without one, -1 if there are several."""
    found = {n: written for n, written in found.items() if n != free[0]} or found  # words come first if they can
    kinds = {n: {tag[2:] for tag in written.meaning.values()} - {""} for n, written in found.items()}
    typed = [n for n in found if kinds[n] and not kinds[n] <= _CHUNKS]
    typed = [n for n in typed if found[n].scheme != "IO"] or typed
    empty = [n for n in found if set(found[n].meaning.values()) == {"O"}]
    bare = [n for n in found if not kinds[n] and n not in empty]  # letters without types
    titled = [n for n in found if titles and titles[n] in TAG_NAMES]
    for columns in (titled if len(titled) == 1 else [], typed, bare, empty[-1:]):
        columns = columns if len(free) > 1 else []
        told = [n for n in columns if n in titled]
        if len(columns) == 1 or len(told) == 1:
            return (told or columns)[0], ()
        if columns:
            first, *others = columns
            nested = all(_is_nested(n, first, found, rows) for n in others)
            return (first, tuple(others)) if nested else (-1, ())
    return None, ()


def _is_nested(inner: int, outer: int, found: Mapping[int, WrittenTags], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the entities of one column lie in longer ones of another, nearly all of them (GermEval)."""
    inside = spans_from_tags(found[inner].of(fields[inner] for fields in rows))
    around = spans_from_tags(found[outer].of(fields[outer] for fields in rows))
    covered = {word: span for span in around for word in range(span.start, span.end)}
    within = [
        span for span in inside if (big := covered.get(span.start)) and (big.start, big.end) != (span.start, span.end)
    ]
    return len(inside) < len(around) and 5 * len(within) >= 4 * len(inside)


def _are_no_words(counts: Counter[str]) -> bool:
    return counts.total() > 2 and (len(counts) == 1 or all(re.fullmatch(r"[\d.,-]+", word) for word in counts))


def _in_misc(field: str) -> str:
    return match[1] if (match := _MISC.search(field)) else "O"


def _mapping(columns: Mapping[str, int]) -> str:
    return f"{{{', '.join(f'{key}: {number}' for key, number in columns.items())}}}"


def _doubt(
    found: str, rows: Sequence[Sequence[str]], tokens: int, tags: int | None, path: Path, line: int
) -> DataError:
    """The error for a file that may be read in several ways: its first words in one of them, and the option."""
    columns = {"tokens": tokens} | ({} if tags is None else {"ner_tags": tags})
    words = (" ".join(repr(fields[number]) for number in columns.values()) for fields in rows[:_EXAMPLES])
    return DataError(
        f"{found}; with columns: {_mapping(columns)} the first words are {', '.join(words)}.",
        fix=f"say where words and tags are, counted from 0, as in columns: {_mapping(columns)}.",
        path=path,
        line=line,
    )
