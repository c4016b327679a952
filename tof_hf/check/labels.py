"""Entity types, label maps and queries: what does not fit together."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

from tof_hf.check.files import ReadFile
from tof_hf.config import TofConfig
from tof_hf.run.findings import Finding

ALIKE = 0.9  # two queries that differ in less than a tenth hardly say which type they ask for


def training_types(config: TofConfig, read: Sequence[ReadFile]) -> list[str]:
    """The entity types that the tagger will know; none if the source cannot be read."""
    source = next((one for one in read if one.facts.option == "source.train"), None)
    return sorted(config.labels or (source.types if source else []))


def check_types(config: TofConfig, read: Sequence[ReadFile]) -> list[Finding]:
    """Types that only one side has, files without an entity, and label maps that rename nothing."""
    known = training_types(config, read)
    whose = "labels" if config.labels else "source.train"
    findings = []
    after_own_maps: set[str] = set()
    for one in read:
        if one.facts.kind != "ner":
            continue
        option, own_map = one.facts.option, one.file.label_map if isinstance(one.file.label_map, dict) else {}
        if not one.types:
            fix = "give labelled sentences, and name the column of the tags; label_map may drop too much."
            findings.append(Finding("error", option, f"{one.file.path}: no entity", fix))
        elif known:
            findings += _compared(option, one.types, known, whose)
        findings += _unused(f"{option}.label_map", own_map, one.raw_types, "the file has")
        after_own_maps |= {own_map.get(kind, kind) for kind in one.raw_types}
    if isinstance(config.label_map, dict):
        findings += _unused("label_map", config.label_map, sorted(after_own_maps), "the files have")
    return findings


def _compared(option: str, types: Sequence[str], known: Sequence[str], whose: str) -> list[Finding]:
    findings = []
    if unknown := [kind for kind in types if kind not in known]:
        found = f"entity types {', '.join(unknown)}, which are not among those of {whose}: {', '.join(known)}"
        fix = "rename or drop them with label_map ({OTHER: MISC}, {OTHER: O}), or name all types in labels."
        findings.append(Finding("error", option, found, fix))
    if missing := [kind for kind in known if kind not in types]:
        found = f"no entity of the types {', '.join(missing)}, which the tagger learns"
        fix = "if the file does not label them, drop them with label_map ({MISC: O}): each one found counts as wrong."
        findings.append(Finding("warning", option, found, fix))
    return findings


def _unused(option: str, label_map: Mapping[str, str], types: Collection[str], whose: str) -> list[Finding]:
    unused = [kind for kind in label_map if kind not in types]
    if not unused:
        return []
    found = f"it renames {', '.join(unused)}, but {whose} {', '.join(types) or 'no entity'}"
    return [Finding("warning", option, found, "correct the name, or remove the entry.")]


def check_queries(types: Sequence[str], queries: Mapping[str, str]) -> list[Finding]:
    """Types without a query, and queries so alike that the reader cannot tell the types apart."""
    findings = []
    if missing := [kind for kind in types if kind not in queries]:
        found = f"no query for the entity types {', '.join(missing)}"
        fix = f"add them, e.g. `queries: {{{missing[0]}: <what an annotator should look for>}}`."
        findings.append(Finding("error", "queries", found, fix))
    for one, other in combinations([kind for kind in types if kind in queries], 2):
        ratio = difflib.SequenceMatcher(None, queries[one].lower(), queries[other].lower(), autojunk=False).ratio()
        if ratio > ALIKE:
            how = "the same" if ratio == 1 else f"{100 * ratio:.0f} % alike"
            found = f"the queries of {one} and {other} are {how}: {queries[one]!r}, {queries[other]!r}"
            fix = "say in each how the type differs from the other."
            findings.append(Finding("warning", "queries", found, fix))
    return findings
