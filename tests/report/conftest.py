"""Run folders to report on: written by hand in a moment, and one of a real tiny run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tof_hf.data.labels import label_names
from tof_hf.evaluation.entity_scores import entity_scores

TOKENS = [["Ana", "Ruiz", "vive", "en", "Lima"], ["Lima", "gana", "a", "Roma"], ["nada"]]
GOLD = [["B-PER", "I-PER", "O", "O", "B-LOC"], ["B-LOC", "O", "O", "B-LOC"], ["O"]]
FIRST = [["B-PER", "O", "O", "O", "B-LOC"], ["B-PER", "O", "O", "B-LOC"], ["O"]]
LAST = [["B-PER", "I-PER", "O", "O", "B-LOC"], ["B-PER", "O", "O", "O"], ["O"]]


@dataclass
class Written:
    """What a hand-made run folder holds; a test changes what it is about, then writes it."""

    folder: Path
    systems: dict[str, list[str]] = field(default_factory=lambda: {"tof": ["mlm", "mlm-ner", "mlm-ner-ner1"]})
    unfinished: tuple[str, ...] = ()
    splits: tuple[str, ...] = ("target", "source_validation")
    types: tuple[str, ...] = ("LOC", "PER")
    tokens: list[list[str]] = field(default_factory=lambda: [list(row) for row in TOKENS])
    tags: dict[str, list[list[str]]] = field(default_factory=lambda: {"ner": FIRST, "ner1": LAST})
    gold: list[list[str]] = field(default_factory=lambda: GOLD)
    alarms: tuple[str, ...] = ()
    against_source: dict[str, float | None] = field(default_factory=dict)
    forgetting: list[dict[str, Any]] = field(default_factory=list)
    keep_tags: bool = True
    dictionary: str | None = None
    probabilities: list[list[float]] | None = None  # of the labels of target text
    answers: list[list[list[Any]]] | None = None  # of the MRC head in mlm-mrc

    def write(self) -> Path:
        """The folder, with all files of a run that a report reads."""
        names = [name for name in dict.fromkeys(sum(self.systems.values(), [])) if name not in self.unfinished]
        taggers = [name for name in names if name.rpartition("-")[2] in self.tags]
        rows, labellings = [], {system: [] for system in self.systems}
        for system, stages in self.systems.items():
            for name in stages:
                rows += [self._row(system, name, split) for split in self.splits if name in taggers]
                labellings[system] += [self._labelling(name)] if name in taggers else []
        for name in names:
            self._stage(name)
        for name in taggers if self.keep_tags else ():
            for split in self.splits:
                columns = {"tokens": self.tokens, "gold": self.gold, "predicted": self._tags(name)}
                self._table(name, f"predictions-{split}-0", columns)
        whole = not self.unfinished
        lineage = {
            "format": 1,
            "versions": {"tof_hf": "0.1.0"},
            "encoder": {"name": "some/encoder", "hub": True},
            "entity_types": list(self.types),
            "target": "es",
            "preset": "paper",
            "seed": 7,
            "rounds": 1,
            "options": ({"systems": [*self.systems, "later"]} if self.unfinished else {})
            | ({} if self.dictionary is None else {"translation.dictionary": self.dictionary}),
            "data": [{"option": "target.text", "name": "t.txt", "rows": 3, "license": None, "fingerprint": "ab"}],
            "systems": {
                system: {"stages": stages, "pseudo_labels": labellings[system], "forgetting": self.forgetting}
                for system, stages in self.systems.items()
            },
            "stages": {name: self._record(name) for name in names},
            "final": {"system": system, "stage": stages[-1]} if whole else None,
        }
        self._json("lineage.json", lineage)
        self._json("results.json", {"rows": rows})
        return self.folder

    def _tags(self, name: str) -> list[list[str]]:
        return self.tags[name.rpartition("-")[2]]

    def _row(self, system: str, name: str, split: str) -> dict[str, Any]:
        short = name.rpartition("-")[2]
        place = {"system": system, "stage": short.rstrip("1"), "round": int(short[-1] == "1"), "split": split}
        return place | {"checkpoint": name} | entity_scores(self.gold, self._tags(name)).as_dict()

    def _labelling(self, name: str) -> dict[str, Any]:
        from datasets import ClassLabel, Features, List, Value

        label = ClassLabel(names=label_names(self.types))
        features = {"id": Value("string"), "tokens": List(Value("string")), "ner_tags": List(label)}
        columns = {"tokens": self.tokens, "ner_tags": self._tags(name)}
        if self.probabilities is not None:
            columns["ner_probabilities"] = self.probabilities
            features["ner_probabilities"] = List(Value("float32"))
        self._table(name, "pseudo-0", columns, Features(features))
        health = {"words_changed": None, "changed_share": None, "confidence": [0] * 9 + [4], "unseen_forms": 0.5}
        health |= {"agreement": None, "alarms": list(self.alarms), "against_source": self.against_source}
        if self.answers is not None:
            self._json("stages/mlm-mrc/answers-0.json", self.answers)
            health |= {"agreement": 0.5, "agreement_sentences": len(self.answers)}
        return {
            "tagger": name,
            "file": f"stages/{name}/pseudo-0.parquet",
            "answers": "" if self.answers is None else "stages/mlm-mrc/answers-0.json",
            "sentences": len(self.tokens),
            "words": sum(map(len, self.tokens)),
            "entities": {kind: 2 for kind in self.types},
            "mean_probability": 0.9,
            "mean_entity_probability": 0.8,
            "health": health,
            "selection": None,
            "used_by": [f"{name}-ner1"],
        }

    def _record(self, name: str) -> dict[str, Any]:
        numbers = {"windows": 3, "steps": 20, "seconds": 90.0, "peak_memory_mb": 512}
        return {"start": name.rpartition("-")[0] or None, "rows": {"source": 3}, "hand_off": {}} | numbers

    def _stage(self, name: str) -> None:
        log = [{"step": 10, "loss": 1.0}, {"step": 10, "eval_loss": 1.2, "eval_f1": 0.3}, {"step": 20, "loss": 0.5}]
        self._json(f"stages/{name}/stage.json", {"name": name, "log": log})

    def _json(self, name: str, value: Any) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value), encoding="utf-8")

    def _table(self, stage: str, name: str, columns: dict[str, Any], features: Any = None) -> None:
        from datasets import Dataset

        columns = {"id": [f"s-{number}" for number in range(len(self.tokens))]} | columns
        if features is not None:
            tags = features["ner_tags"].feature
            columns["ner_tags"] = [[tags.str2int(tag) for tag in row] for row in columns["ner_tags"]]
        file = self.folder / "stages" / stage / f"{name}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        Dataset.from_dict(columns, features=features).to_parquet(str(file))


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """A run of three stages that nobody wrote yet."""
    return Written(tmp_path / "run")


class Page(HTMLParser):
    """What a page is made of: elements with their attributes, texts, and whether tags close as they opened."""

    VOID = frozenset({"meta", "link", "br", "img", "input", "hr"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.wrong: list[str] = []
        self.feed(html)
        self.wrong += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        """All that is to be read, with single blanks."""
        return " ".join(" ".join(self.texts).split())

    def of(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a kind; `class_` stands for class."""
        wanted = {name.rstrip("_"): value for name, value in wanted.items()}
        return [found for name, found in self.elements if name == tag and wanted.items() <= found.items()]


@pytest.fixture
def parsed() -> Callable[[str], Page]:
    """Reads a page."""
    return Page


@pytest.fixture
def page(written: Written, parsed: Callable[[str], Page]) -> Callable[..., Page]:
    """Writes the run and reads its report."""
    from tof_hf.report.page import make_report

    return lambda **options: parsed(make_report(written.write(), **options).html)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real run: translation, a round, two systems, everything scored."""
    from examples.toy_world import words
    from examples.toy_world.encoder import train_encoder
    from examples.toy_world.world import make_world, write_world
    from tof_hf import run_tof

    folder = tmp_path_factory.mktemp("report")
    world = make_world(size="tiny")
    data = {name: str(path) for name, path in write_world(world, folder / "data").items()}
    encoder = train_encoder(world, folder / "encoder", steps=0, layers=1, hidden=32)
    pairs = [f"{english}\t{spanish}" for english, spanish, _ in words.THINGS]
    (folder / "en-es.tsv").write_text("\n".join(pairs) + "\n", encoding="utf-8")
    once = {"num_train_epochs": 1, "bf16": False}
    options = {
        "model": str(encoder),
        "output_dir": str(folder / "run"),
        "systems": ["source_only", "tof"],
        "source": {"train": data["source_train"], "validation": data["source_validation"]},
        "target": {"name": "es", "text": data["target_text"], "gold": data["target_gold"]},
        "translation": {"dictionary": str(folder / "en-es.tsv")},
        "mlm": once | {"maskings": 1},
        "mrc": once | {"max_validation": 5, "max_ner_mrc": 10, "use_translated_ner_mrc": False},
        "ner": once | {"num_train_epochs": 4, "learning_rate": 1e-2, "per_device_train_batch_size": 8},
        "pseudo_ner": {"num_train_epochs": 2, "learning_rate": 1e-2},
    }
    run_tof(options)
    return folder / "run"
