"""Column files: one word a line with its annotation, a blank line after each sentence."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from tof_hf.data.readers.files import lines_of
from tof_hf.data.readers.layout import Layout, count_of, find_layout
from tof_hf.data.readers.lines import Line, is_counted, numbered
from tof_hf.data.schemes import named, read_tags
from tof_hf.errors import DataError
from tof_hf.utils.outside import TEXT

_LINES_LOOKED_AT = 50_000  # of a stream; files are looked at as a whole


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """The words of a sentence and, if requested, its tags; `id` is that of the file, `extra` as in `Sentence`."""

    tokens: list[str]
    tags: list[str]
    id: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def row(self) -> dict[str, Any]:
        """The row without tags."""
        return {"tokens": self.tokens} | ({} if self.id is None else {"id": self.id})


@dataclass(frozen=True, slots=True)
class ColumnFile:
    """The sentences of a column file with their tags as `labels` reads them, and how the file was read."""

    sentences: list[TaggedSentence]
    layout: Layout
    scheme: str | None


def parse_conll(text: str, *, path: Path, **options: Any) -> list[TaggedSentence]:
    """Return the sentences of the text of a column file, as `read_columns` with these options."""
    return read_columns(list(numbered(lines_of(text, path))), path=path, **options).sentences


def read_columns(
    lines: Sequence[Line],
    *,
    path: Path,
    columns: Mapping[str, Any] | None = None,
    with_tags: bool = True,
    scheme: str | None = None,
    names: Sequence[str] | None = None,
) -> ColumnFile:
    """Return what a column file holds; its layout is found out unless `columns` says where words and tags are.

    `names`: the meaning of tags that are numbers. Headers, `-DOCSTART-`, `IMGID:` and comment lines are dropped, and so
    are ranges and empty nodes of CoNLL-U and words of white space. Sentences that are empty after that do not count.
    Raises `DataError` with the line for a changing number of columns, a missing column and an unknown tag.
    """
    layout = find_layout(lines, path=path, columns=columns, need_tags=with_tags, scheme=scheme, names=names)
    sentences = list(_sentences(lines, layout, path, with_tags=with_tags))
    if not with_tags:
        return ColumnFile(sentences, layout, None)
    if names is not None:
        sentences = [TaggedSentence(one.tokens, named(one.tags, names)) for one in sentences]

    def error(tag: str, found: str, fix: str) -> DataError:
        place = (number for number, fields in lines if len(fields) == layout.width and layout.tag_of(fields) == tag)
        return DataError(found, fix=fix, path=path, line=next(place, None))

    tagged, written_in = with_meaning(sentences, scheme, error)
    return ColumnFile(tagged, layout, written_in)


def with_meaning(
    sentences: Sequence[TaggedSentence], scheme: str | None, error: Callable[[str, str, str], DataError]
) -> tuple[list[TaggedSentence], str | None]:
    """The sentences with tags as `labels` reads them, and the scheme if the tags alone say it; see `read_tags`."""
    written = read_tags(Counter(chain.from_iterable(one.tags for one in sentences)), scheme, error=error)
    return [replace(one, tags=written.of(one.tags)) for one in sentences], written.scheme


def conll_sentences(
    lines: Iterable[str], *, path: Path, columns: Mapping[str, Any] | None = None
) -> Iterator[TaggedSentence]:
    """Yield the sentences of a stream of lines without their tags; the first lines decide the layout of all."""
    rest = numbered(lines)
    first = list(islice(rest, _LINES_LOOKED_AT))
    layout = find_layout(first, path=path, columns=columns, need_tags=False)
    yield from _sentences(chain(first, rest), layout, path, with_tags=False)


def _sentences(lines: Iterable[Line], layout: Layout, path: Path, *, with_tags: bool) -> Iterator[TaggedSentence]:
    sentence = TaggedSentence([], [])
    first_line = count = length = 0
    before, longest = "", TEXT.limit
    for number, fields in chain(lines, [(0, [])]):
        # In Dutch CoNLL-2002 -DOCSTART- is the first line of a real sentence: only the line is dropped. The words
        # before it belong to another document.
        if not fields or layout.is_markup(number, fields, inside=bool(sentence.tokens)):
            if sentence.tokens:
                yield sentence
                count += 1
                sentence, length = TaggedSentence([], []), 0
            before = ""
            continue
        first_line = first_line or number
        if len(fields) != layout.width:
            raise DataError(
                f"{count_of(len(fields))} ({' '.join(fields)[:60]!r}) where line {first_line} has {layout.width}.",
                fix="give every word the same number of columns, separated by tabs or blanks, "
                "and separate sentences by empty lines.",
                path=path,
                line=number,
            )
        if layout.index is not None:
            counter = fields[layout.index]
            if is_counted(counter) is False:
                continue
            if is_counted(counter) is None or (before and int(counter) != int(before) + 1):
                raise _broken(f"{counter!r} where column {layout.index + 1} counts the words", layout, path, number)
            before = counter
        token = fields[layout.tokens]
        if layout.prefix:
            if not token.startswith(layout.prefix):
                raise _broken(f"the word {token!r} without the prefix {layout.prefix!r}", layout, path, number)
            token = token.removeprefix(layout.prefix)
        if token.strip():
            sentence.tokens.append(token)
            if (length := length + len(token)) > longest:
                TEXT.check(length, path=path, line=number)
            if with_tags:
                sentence.tags.append(layout.tag_of(fields))
    if not count:
        raise DataError("no sentence.", fix="give a file with one word a line.", path=path)


def _broken(found: str, layout: Layout, path: Path, line: int) -> DataError:
    """The error for a line that is not as the lines before it."""
    fix = f"correct the line; the file was taken to have {layout}."
    return DataError(f"{found} of all lines before.", fix=fix, path=path, line=line)
