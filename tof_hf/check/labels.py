"""Entity types, label maps and queries: what does not fit together."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from itertools import combinations

from tof_hf.check.files import ReadFile
from tof_hf.config import TofConfig
from tof_hf.run.findings import Finding

ALIKE = 0.9  # of two queries that differ in less than a tenth, none says which type is asked for


def training_types(config: TofConfig, read: Sequence[ReadFile]) -> list[str]:
    """The entity types that the tagger will know; none if the source cannot be read."""
    source = next((one for one in read if one.option == "source.train"), None)
    return sorted(config.labels or (_occurring(source) if source else []))


def check_types(config: TofConfig, read: Sequence[ReadFile]) -> list[Finding]:
    """Types that only one side has, files without an entity, and label maps that map nothing."""
    known = training_types(config, read)
    findings = []
    for one in read:
        if one.facts.kind != "ner":
            continue
        there = _occurring(one)
        if not there:
            fix = "give labelled sentences, and name the column of the tags; label_map may drop too much."
            findings.append(Finding("error", one.option, f"{one.file.path}: no entity", fix))
        elif known:
            findings += _compared(one.option, there, known, named=bool(config.labels))
        findings += _unused_map(one)
    return findings + _unused_map_of_run(config, read)


def _compared(option: str, there: Sequence[str], known: Sequence[str], *, named: bool) -> list[Finding]:
    findings = []
    foreign = [kind for kind in there if kind not in known]
    if foreign:
        whose = "labels" if named else "source.train"
        found = f"entity types {', '.join(foreign)}, which are not among those of {whose}: {', '.join(known)}"
        fix = "rename or drop them with label_map ({OTHER: MISC}, {OTHER: O}), or name all types in labels."
        findings.append(Finding("error", option, found, fix))
    missing = [kind for kind in known if kind not in there]
    if missing:
        found = f"no entity of the types {', '.join(missing)}, which the tagger learns"
        fix = "drop the types with label_map ({MISC: O}) if the file does not label them: each one found counts wrong."
        findings.append(Finding("warning", option, found, fix))
    return findings


def _unused_map(one: ReadFile) -> list[Finding]:
    if not isinstance(one.file.label_map, dict):
        return []
    unused = [kind for kind in one.file.label_map if kind not in one.raw_types]
    if not unused:
        return []
    found = f"label_map renames {', '.join(unused)}, but the file has {', '.join(one.raw_types) or 'no entity'}"
    return [Finding("warning", f"{one.option}.label_map", found, "correct the name, or leave the entry out.")]


def _unused_map_of_run(config: TofConfig, read: Sequence[ReadFile]) -> list[Finding]:
    if not isinstance(config.label_map, dict):
        return []
    there: set[str] = set()
    for one in read:
        own = one.file.label_map if isinstance(one.file.label_map, dict) else {}
        there |= {own.get(kind, kind) for kind in one.raw_types}
    unused = [kind for kind in config.label_map if kind not in there]
    if not unused:
        return []
    found = f"renames {', '.join(unused)}, but the files have {', '.join(sorted(there)) or 'no entity'}"
    return [Finding("warning", "label_map", found, "correct the name, or leave the entry out.")]


def check_queries(types: Sequence[str], queries: Mapping[str, str]) -> list[Finding]:
    """Types without a query, and queries so alike that the reader cannot tell the types apart."""
    findings = []
    missing = [kind for kind in types if kind not in queries]
    if missing:
        found = f"no query for the entity types {', '.join(missing)}"
        fix = f"add them, e.g. `queries: {{{missing[0]}: <what an annotator should look for>}}`."
        findings.append(Finding("error", "queries", found, fix))
    for one, other in combinations([kind for kind in types if kind in queries], 2):
        ratio = difflib.SequenceMatcher(None, queries[one].lower(), queries[other].lower(), autojunk=False).ratio()
        if ratio > ALIKE:
            how = "the same" if ratio == 1 else f"{100 * ratio:.0f} % alike"
            found = f"the queries of {one} and {other} are {how}: {queries[one]!r}, {queries[other]!r}"
            fix = "say in each what tells the type from the other."
            findings.append(Finding("warning", "queries", found, fix))
    return findings


def _occurring(one: ReadFile) -> list[str]:
    return [kind for kind, count in (one.facts.entities or {}).items() if count]
