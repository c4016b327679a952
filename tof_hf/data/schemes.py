"""Tag schemes: tags as files write them -> tags as `labels` reads them, a letter of BIESLU with a type, or O."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tof_hf.data.labels import spans_from_tags, split_tag
from tof_hf.errors import DataError

SCHEMES = {  # letters by name
    "IO": "IO",
    "IOB1": "IOB",
    "IOB2": "IOB",
    "IOE": "IOE",
    "BIOES": "BIOES",
    "BILOU": "BILOU",
    "BMES": "BMESO",
}
_WRITTEN = {  # letters of the first, inner, last and only word of an entity
    "IO": "IIII",
    "IOB1": "IIII",
    "IOB2": "BIIB",
    "IOE": "IIEE",
    "BIOES": "BIES",
    "BILOU": "BILU",
    "BMES": "BMES",
}
_OTHER_NAMES = {"BIO": "IOB2", "IOBES": "BIOES", "BILUO": "BILOU", "IOE1": "IOE", "IOE2": "IOE"}
_OUTSIDE = frozenset({"O", "o", "-", "_"})
_BEFORE = re.compile(r"(?P<letter>[BIESLUMbieslum])(?:[-_](?P<type>\S.*))?")  # B-PER, b_per, B
_NO_TYPE = re.compile(r"[BIESLUMbieslum][-_]\s*")
_AFTER = re.compile(r"(?P<type>\S.*)[-_](?P<letter>[BIESLUMbieslum])")  # PER-B
_TYPE = re.compile(r"[^\W\d_][\w./&-]{0,60}")
_MOST_TYPES = 200
_KNOWN_TYPES = frozenset(
    "per pers person loc location org organization organisation misc gpe date time fac facility product event "
    "norp law language money percent quantity ordinal cardinal other ent disease drug gene protein chemical".split()
)


@dataclass(frozen=True, slots=True)
class WrittenTags:
    """The meaning of each tag that a file writes, and the scheme if the tags alone say which it is."""

    meaning: Mapping[str, str]
    scheme: str | None = None

    def of(self, tags: Iterable[str]) -> list[str]:
        """The tags as `labels` reads them."""
        return [self.meaning[tag] for tag in tags]


def read_tags(
    counts: Mapping[str, int], scheme: str | None = None, *, error: Callable[[str, str, str], DataError] | None = None
) -> WrittenTags:
    """Return what the tags of a file mean, from all of them with their counts.

    Reads `B-PER`, `B_PER`, `PER-B` and lower case; `-` and `_` for O beside other tags; types alone (IO) if O is the
    most frequent tag or `scheme` is IO. Raises `DataError` for a tag of no scheme, or not of this one: what `error`
    makes of the tag, what was found and what to change.
    """
    error = error or (lambda tag, found, fix: DataError(found, fix=fix))
    name = None if scheme is None else scheme_name(scheme)
    tags = [tag for tag in counts if tag not in _OUTSIDE]
    meaning = {tag: "O" for tag in counts if tag in _OUTSIDE}
    if not tags and meaning and not meaning.keys() & {"O", "o"}:
        raise error(min(meaning), *_no_tag(min(meaning)))
    if untyped := next((tag for tag in tags if _NO_TYPE.fullmatch(tag)), None):
        raise error(untyped, *_no_tag(untyped))
    before = {tag: _BEFORE.fullmatch(tag) for tag in tags}
    after = {tag: _AFTER.fullmatch(tag) for tag in tags}
    parts = after if all(after.values()) and not all(before.values()) else before
    if name == "IO" or (name is None and not all(parts.values()) and _are_types(tags, meaning, counts)):
        return WrittenTags(meaning | {tag: f"I-{tag.removeprefix('I-')}" for tag in tags}, "IO" if tags else name)
    letters = set()
    for tag, match in parts.items():
        if match is None:
            raise error(tag, *_no_tag(tag))
        letter, kind = match["letter"].upper(), match["type"]
        if name is not None and letter not in SCHEMES[name]:
            raise error(tag, f"the tag {tag!r}, which is not {name}.", "name another scheme, or null to detect it.")
        if match["letter"].islower() and kind:
            kind = kind.upper()
        letters.add(letter)
        meaning[tag] = "-".join(filter(None, ("I" if letter == "M" else letter, kind)))
    return WrittenTags(meaning, "BMES" if name is None and "M" in letters else name)


def in_scheme(tags: Sequence[str], scheme: str) -> list[str]:
    """The tags in another scheme, a key of `SCHEMES`. Raises `DataError` for neighbours that IO cannot tell apart."""
    if scheme == "IOB2":
        return list(tags)
    first, inner, last, only = tuple(_WRITTEN[scheme])
    written, end, before = ["O"] * len(tags), 0, ""
    for span in spans_from_tags(tags):
        length = span.end - span.start
        letters = [only] if length == 1 else [first, *inner * (length - 2), last]
        if span.start == end and span.label == before and scheme in ("IO", "IOB1"):
            if scheme == "IO":
                fix = "write the scheme IOB2."
                raise DataError(f"two entities {span.label} side by side, which IO cannot tell apart.", fix=fix)
            letters[0] = "B"
        written[span.start : span.end] = [f"{letter}-{span.label}" for letter in letters]
        end, before = span.end, span.label
    return written


def named(tags: Iterable[str | int], names: Sequence[str]) -> list[str]:
    """The tags by their names, of which these are the numbers. Raises `DataError` for another number."""
    numbers = {str(number): name for number, name in enumerate(names)}
    try:
        return [numbers[str(tag)] for tag in tags]
    except KeyError as error:
        found = f"the label number {error.args[0]}."
        raise DataError(found, fix=f"give numbers from 0 to {len(names) - 1}, or more names in labels.") from None


def _are_types(tags: Sequence[str], outside: Iterable[str], counts: Mapping[str, int]) -> bool:
    """Whether these are the types of IO: names of known types, or names of which none is more frequent than O."""
    most = max((counts[tag] for tag in outside), default=0)
    rare = {"O", "o"}.intersection(outside) or 2 * most > sum(counts.values())
    known = most and all(tag.casefold() in _KNOWN_TYPES for tag in tags)
    return (
        len(tags) <= _MOST_TYPES
        and bool(known or (rare and all(counts[tag] <= most for tag in tags)))
        and all(_TYPE.fullmatch(tag) and len(tag) > 1 for tag in tags)
        and not any((match := _BEFORE.fullmatch(tag)) and tag[0].isupper() and match["type"] for tag in tags)
    )


def is_typed(text: str) -> bool:
    """Whether this is hardly anything else than a tag: a capital letter of a scheme with a type."""
    return text[:1] in tuple("BIESLUM") and text[1:2] in ("-", "_") and text[2:3].isalpha() and text[2:].isupper()


def may_be_word(typed: Collection[str]) -> bool:
    """Whether what looks like tags, without any O, may be a word such as L-DOPA: always the same, of no usual type."""
    if len(typed) != 1:
        return False
    text = next(iter(typed))
    return is_typed(text) and text[0] != "B" and text[2:].casefold() not in _KNOWN_TYPES


def _no_tag(tag: str) -> tuple[str, str]:
    """What was found in place of a tag, and what to change."""
    kind = tag if len(tag) > 1 and tag.isalnum() else "PER"
    return (
        f"the tag {tag!r}, which is neither O nor a letter of BIESLUM with a type, such as B-{kind}.",
        f"write B-{kind} at the first word of an entity, I-{kind} at its others and O outside, name the column that "
        "holds such tags (columns: {ner_tags: ...}), or say scheme: IO if the tags are types alone.",
    )


def detect_scheme(sentences: Iterable[Iterable[str]]) -> str:
    """Return the name of the scheme these tags are written in: a key of `SCHEMES`.

    If most entities start with I-, it is IOB1, else IOB2. Untagged text counts as IOB2.
    """
    prefixes: set[str] = set()
    starts: Counter[str] = Counter()
    for tags in sentences:
        for (_, previous), (prefix, kind) in pairwise([("O", ""), *map(split_tag, tags)]):
            prefixes.add(prefix)
            starts[prefix] += bool(kind) and kind != previous
    if prefixes & set("LU"):
        return "BILOU"
    if "S" in prefixes or ("E" in prefixes and "B" in prefixes):
        return "BIOES"
    if "E" in prefixes:
        return "IOE"
    return "IOB1" if starts["I"] > starts["B"] else "IOB2"


def scheme_name(scheme: str) -> str:
    """Return the key of `SCHEMES` that a name in any case means; BIO is IOB2, IOBES is BIOES. Raises `DataError`."""
    name = _OTHER_NAMES.get(scheme.upper(), scheme.upper())
    if name not in SCHEMES:
        known = ", ".join([*SCHEMES, *_OTHER_NAMES])
        raise DataError(f"the tag scheme {scheme!r}.", fix=f"use one of {known}, or null to detect it.")
    return name
