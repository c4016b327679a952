"""Label maps suggested from the names of entity types: `PERSON` is `PER`, a `GPE` is a `LOC`."""

import functools
import re
from collections.abc import Collection, Iterable, Mapping

from tof_hf.config.yaml import packaged_yaml
from tof_hf.data.labels import LabelMap


def suggest_label_map(types: Iterable[str], known: Collection[str]) -> dict[str, str]:
    """Return a label map for the types that are not among the known ones; `O` drops those that resemble none.

    Args:
        types: Entity types of a file.
        known: Those that they should become.

    Returns:
        The known type of each unknown one; empty if none of them resembles a known type.

    Example:
        >>> suggest_label_map(["PERSON", "geo-loc", "tvshow", "LOC"], ["LOC", "PER"])
        {"PERSON": "PER", "geo-loc": "LOC", "tvshow": "O"}
    """
    of_meaning: dict[str, str] = {}
    for kind in reversed(list(known)):
        of_meaning |= dict.fromkeys(_meanings(kind)[:1], kind)
    unknown = [kind for kind in types if kind not in known]
    nearest = {kind: next((of_meaning[one] for one in _meanings(kind) if one in of_meaning), "O") for kind in unknown}
    return nearest if set(nearest.values()) - {"O"} else {}


def extended(label_map: LabelMap, suggested: Mapping[str, str]) -> dict[str, str]:
    """The label map of a file with what is suggested for the types that it leaves."""
    own = label_map if isinstance(label_map, Mapping) else {}
    left = {old: new for old, new in suggested.items() if old not in own}
    return {old: suggested.get(new, new) for old, new in own.items()} | left


def hint(types: Iterable[str], known: Collection[str]) -> str:
    """The suggested label map for the text of an error: ` ({PERSON: PER})`, or nothing."""
    suggested = suggest_label_map(types, known)
    pairs = ", ".join(f"{old}: {new}" for old, new in suggested.items())
    return f" ({{{pairs}}})" if pairs else ""


def _meanings(kind: str) -> list[str]:
    """What a type's name may mean, from the nearest to the widest: itself, its first word, what these belong to."""
    names, within = _known_names()
    found = [_key(kind)]
    meaning = names.get(found[0]) or names.get(_key(re.split(r"[^\w]|_", kind)[0]))
    while meaning is not None:
        found.append(meaning)
        meaning = within.get(meaning)
    return found[1:] or found


@functools.cache
def _known_names() -> tuple[dict[str, str], dict[str, str]]:
    """The meaning of each name, and the wider meaning of each meaning."""
    types = packaged_yaml("tof_hf.data", "type_names.yaml")
    names = {_key(name): meaning for meaning, facts in types.items() for name in facts["names"]}
    return names, {meaning: facts["within"] for meaning, facts in types.items() if "within" in facts}


def _key(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))
