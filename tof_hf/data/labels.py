"""Tags and label names: from tags of any scheme to strict IOB2.

Chunks are read with the rules of the CoNLL evaluation script, so IOB1, IOB2 and stray I- starts need no
switch: an entity starts at B-, at a change of type, or after O.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from tof_hf.errors import DataError

UNTYPED = "ENT"
_STARTS = frozenset("BSU")
_ENDS = frozenset("ESLU")
_TAG = re.compile(r"([BIESLU])(?:-(\S.*))?")


@dataclass(frozen=True, slots=True)
class Span:
    """An entity: words `start` to `end` (exclusive) of type `label`."""

    start: int
    end: int
    label: str


@lru_cache(maxsize=4096)
def split_tag(tag: str) -> tuple[str, str]:
    """Return prefix and type of one tag: `B-PER` -> ("B", "PER"), `O` -> ("O", ""), `I` -> ("I", "ENT").

    Raises `DataError` for what is not a tag of a known scheme.
    """
    if tag == "O":
        return "O", ""
    match = _TAG.fullmatch(tag)
    if match is None:
        raise DataError(f"the tag {tag!r}.", fix="use O or a letter of BIESLU with a type, such as B-PER.")
    return match.group(1), match.group(2) or UNTYPED


def is_tag(text: str) -> bool:
    """Return whether `text` is a tag of a known scheme."""
    return text == "O" or _TAG.fullmatch(text) is not None


def spans_from_tags(tags: Iterable[str]) -> list[Span]:
    """Return the entities of one sentence, in order, by the rules of the CoNLL evaluation script.

    Reads every scheme: an entity starts at B-, S- or U-, at a change of type, after O, and after
    a tag that ends an entity (E-, S-, L-, U-). Raises `DataError` for an unknown tag.
    """
    spans: list[Span] = []
    start, label, ended = 0, "", False
    for index, tag in enumerate([*tags, "O"]):  # the O ends an entity at the end of the sentence
        prefix, kind = split_tag(tag)
        if label and (ended or kind != label or prefix in _STARTS):
            spans.append(Span(start, index, label))
            label = ""
        if kind and not label:
            start = index
        label, ended = kind, prefix in _ENDS
    return spans


def entity_starts(tags: np.ndarray, names: Sequence[str], bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For the words of many sentences whether each begins an entity, and whether it is in one, as `spans_from_tags`.

    `tags`: the number in `names` of each word's tag, one sentence after the other. `bounds`: where sentences begin.
    """
    prefixes, kinds = zip(*map(split_tag, names), strict=True)
    numbers = np.array([kinds.index(kind) if kind else -1 for kind in kinds])[tags]
    starts = np.isin(prefixes, list(_STARTS))[tags]
    starts[1:] |= (numbers[1:] != numbers[:-1]) | np.isin(prefixes, list(_ENDS))[tags[:-1]]
    starts[bounds[bounds < len(tags)]] = True
    return starts & (numbers >= 0), numbers >= 0


def tags_from_spans(spans: Iterable[Span], length: int) -> list[str]:
    """Return strict IOB2 tags for a sentence of `length` words.

    Raises `DataError` for spans outside the sentence or crossing.
    """
    tags = ["O"] * length
    for span in spans:
        if not 0 <= span.start < span.end <= length:
            raise DataError(f"{span} in {length} words.", fix="give word indices, end exclusive.")
        if any(tag != "O" for tag in tags[span.start : span.end]):
            raise DataError(f"{span}, which crosses another span.", fix="give spans that do not overlap.")
        tags[span.start] = f"B-{span.label}"
        tags[span.start + 1 : span.end] = [f"I-{span.label}"] * (span.end - span.start - 1)
    return tags


def repair_tags(tags: Sequence[str]) -> list[str]:
    """Return the same entities as strict IOB2: an I- after O or after another type becomes B-."""
    return tags_from_spans(spans_from_tags(tags), len(tags))


def label_names(types: Iterable[str]) -> list[str]:
    """Return the label names of these entity types, types sorted: ["O", "B-X", "I-X", ...]."""
    return ["O", *(f"{prefix}-{kind}" for kind in sorted(set(types)) for prefix in "BI")]


def entity_types(names: Iterable[str]) -> list[str]:
    """Return the entity types in these label names, sorted. Raises `DataError` for a name that is no tag."""
    return sorted({kind for kind in (split_tag(name)[1] for name in names) if kind})


LabelMap = Mapping[str, str] | str | None


def check_label_map(label_map: LabelMap) -> None:
    """Raise `DataError` unless this is None, "span" or a mapping from type to type."""
    if label_map is None or label_map == "span":
        return
    if not isinstance(label_map, Mapping):
        raise DataError(f"label_map={label_map!r}.", fix='use "span" or a mapping such as {"OTHER": "MISC"}.')
    for old, new in label_map.items():
        if not (isinstance(old, str) and isinstance(new, str) and old and new and new.strip() == new):
            fix = 'map a type to a type, or to "O" to drop it.'
            raise DataError(f"label_map entry {old!r}: {new!r}.", fix=fix)


def map_types(tags: Sequence[str], label_map: LabelMap) -> list[str]:
    """Return strict IOB2 tags with other type names; neighbouring entities stay apart.

    `label_map={"OTHER": "MISC"}` renames, `{"MISC": "O"}` drops a type, "span" gives every entity the type
    ENT (entity span detection, as the paper does for WNUT16).
    """
    check_label_map(label_map)
    # On spans, not on tags: two neighbours of different types stay two entities under one new name.
    spans = spans_from_tags(tags)
    if isinstance(label_map, str):
        spans = [replace(span, label=UNTYPED) for span in spans]
    elif label_map is not None:
        spans = [replace(span, label=label_map.get(span.label, span.label)) for span in spans]
    return tags_from_spans([span for span in spans if span.label != "O"], len(tags))
