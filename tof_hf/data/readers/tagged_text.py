"""Text with a sentence a line and tags in it: glued to words (`Rio|B-LOC`), beside them, or as marks (`[Rio](LOC)`)."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tof_hf.data.labels import is_tag
from tof_hf.data.readers.lines import Line
from tof_hf.data.schemes import is_typed, may_be_word, read_tags
from tof_hf.errors import DataError

_GLUE = "|/_\\#"
_MARKED = (
    re.compile(r"\[(?P<text>[^\[\]]+)\]\((?P<label>[A-Za-z][\w-]*)\)"),  # as `tof-hf predict` writes them
    re.compile(r"<(?P<tag>[A-Za-z]\w*)(?:\s+\w+=\"(?P<label>[\w-]+)\")?>(?P<text>[^<>]*)</(?P=tag)>"),
    re.compile(r"\[(?P<label>PERSON|PERS|PER|LOC|ORG|MISC|GPE|DATE) (?P<text>[^\[\]]+)\]"),
)
_HTML = frozenset("a b i u p em strong span div li ul td tr th h1 h2 h3 sub sup small code pre title".split())
_LEFT_OVER = re.compile(rf"(?:^|[{re.escape(_GLUE)}(\[<{{:@-])[BIESLUM][-_][A-Z]{{2,}}[\w-]*[)\]>}}.,;]*$")
_TAG_START = re.compile("[BIESLUM][-_][A-Z]{2,}")
_FEW = 0.05  # share of words, of which more are no accident


def columns_in_lines(lines: Sequence[str]) -> list[Line] | None:
    """The words of lines with tags glued to words or beside them, as lines of a column file; None for other text."""
    # One word is enough to tell most texts from these forms, and the words of a large text take much memory.
    possible = [sep for sep in _GLUE if all(sep in token[1:] for line in lines for token in line.split())]
    alternating = not any(len(line.split()) % 2 for line in lines)
    numbered: list[tuple[int, list[str]]] = []
    if possible or alternating:
        numbered = [(number, line.split()) for number, line in enumerate(lines, start=1)]
    for sep in possible:
        if tokens := [token for _, line in numbered for token in line]:
            times = min(token[1:].count(sep) for token in tokens)
            last = [token.rsplit(sep, 1)[1] for token in tokens]
            if _are_tags(last) or (
                len(last) > 3 and all(tag.isupper() for tag in last)
            ):  # the others are parts of speech
                one_a_line = all(len(line) < 2 for _, line in numbered)
                split = [
                    (n, [[t[:1] + p[0], *p[1:]] for t in line if (p := t[1:].rsplit(sep, times))])
                    for n, line in numbered
                ]
                return list(_as_lines(split, ends=not one_a_line))
    for pairs in (_alternating(numbered) if alternating else None, _beside(lines)):
        if pairs is not None and _are_tags(tag for _, line in pairs for _, tag in line):
            return list(_as_lines(pairs, ends=True))
    return None


def check_no_tags(lines: Sequence[str], path: Path) -> None:
    """Raise `DataError` for a text in which some words have tags, which would become words."""
    words = outside = left = 0
    forms: set[str] = set()
    first: tuple[str, int] | None = None
    for number, line in enumerate(lines, start=1):
        tokens = line.split()
        words += len(tokens)
        if "O" in line:
            outside += sum(token == "O" or token[-2:-1] in _GLUE and token[-1:] == "O" for token in tokens)
        if _TAG_START.search(line) and (found := [token for token in tokens if _LEFT_OVER.search(token)]):
            first = first or (found[0], number)
            left += len(found)
            bare = {token: _TAG_START.match(token.strip("()[]<>{},.;:")) for token in found}
            forms.update(match[0] if match else token for token, match in bare.items())
    many = left + outside > _FEW * words if left > 1 else left > _FEW * words
    if first is not None and many and (outside or not may_be_word(forms)):
        raise DataError(
            f"{first[0]!r}, which looks like a tag among words ({left} such words of {words}).",
            fix="give text without tags, or a column file with a tag for every word.",
            path=path,
            line=first[1],
        )


def _are_tags(tags: Iterable[str]) -> bool:
    counts = Counter(tags)
    if may_be_word(counts.keys()):
        return False
    try:
        written = read_tags(counts) if len(counts) < 2_000 else None
    except DataError:
        return 2 * sum(count for tag, count in counts.items() if tag == "O" or is_typed(tag)) > counts.total()
    return written is not None and any("-" in tag for tag in written.meaning.values())


def _as_lines(sentences: Sequence[tuple[int, Sequence[Any]]], *, ends: bool) -> Iterator[Line]:
    for number, words in sentences:
        yield from ((number, list(word)) for word in words)
        if ends or not words:
            yield number, []


def _alternating(numbered: Sequence[tuple[int, list[str]]]) -> list[tuple[int, list[tuple[str, str]]]] | None:
    """Lines of a word, its tag, the next word, its tag, and so on."""
    pairs = [
        (number, [(word, _bare(tag)) for word, tag in zip(line[::2], line[1::2], strict=True)])
        for number, line in numbered
    ]
    return pairs if all(is_tag(tag) or is_typed(tag) for _, line in pairs for _, tag in line) else None


def _beside(lines: Sequence[str]) -> list[tuple[int, list[tuple[str, str]]]] | None:
    """Lines of all words, a tab (or |||), and all tags."""
    pairs = []
    for number, line in enumerate(lines, start=1):
        fields = [field.split() for field in re.split(r"\t| \|\|\| ", line)]
        same = [(one, two) for one, two in zip(fields, fields[1:], strict=False) if len(one) == len(two)]
        if line.strip() and not same:
            return None
        pairs.append((number, list(zip(*same[-1], strict=True)) if same else []))
    return pairs


def _bare(tag: str) -> str:
    return tag[1:-1] if tag[:1] + tag[-1:] in ("()", "[]", "<>", "{}") else tag


def marked_records(lines: Sequence[str]) -> list[dict[str, Any]] | None:
    """A row with text and spans for each line, if any of them has entities in marks; else None."""
    if not any(form.search(line) for line in lines for form in _MARKED):
        return None
    rows, found = [], False
    for line in lines:
        text, spans, end = "", [], 0
        matches = sorted((match for form in _MARKED for match in form.finditer(line)), key=lambda match: match.start())
        for match in matches:
            label = match["label"] or match.groupdict().get("tag")
            if match.start() < end or label is None or label.casefold() in _HTML:
                continue
            text += line[end : match.start()]
            spans.append([len(text), len(text) + len(match["text"]), label])
            text, end, found = text + match["text"], match.end(), True
        rows.append({"text": text + line[end:], "spans": spans})
    return rows if found else None
