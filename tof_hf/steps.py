"""The steps of Algorithm 1, each bound to the run's data and options: which rows a stage trains on is decided here."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset

from tof_hf.config import MrcConfig, NerConfig, StageConfig, TofConfig
from tof_hf.data.conversion import ner_to_mrc
from tof_hf.data.fingerprint import content_hash
from tof_hf.data.mixing import cap, mix
from tof_hf.data.pseudo_labels import label_statistics, pseudo_label
from tof_hf.data.sources import unlabelled
from tof_hf.inputs import TofData
from tof_hf.run_folder import barrier, is_main_process, say
from tof_hf.scoring import Scorer
from tof_hf.stages.base import fit
from tof_hf.stages.mlm import mlm_task
from tof_hf.stages.mrc import mrc_task
from tof_hf.stages.ner import label_words, ner_task
from tof_hf.stages.task import Checkpoint, StageTask

FROM_PSEUDO_LABELS = {"pseudo", "pseudo_mrc"}  # kinds of training rows


@dataclass
class Journey:
    """What a recipe went through, in order: the names of its stages, and what was labelled on the way.

    Each labelling says which tagger gave it, the file, its counts, and `used_by`: the stages that learned from it.
    """

    stages: list[str] = field(default_factory=list)
    pseudo_labels: list[dict[str, Any]] = field(default_factory=list)


class Steps:
    """What a recipe is made of. Every step takes a checkpoint and gives one; a step that is off gives its start."""

    def __init__(
        self,
        config: TofConfig,
        data: TofData,
        scorer: Scorer,
        *,
        system: str,
        journey: Journey | None = None,
        record: Callable[[], None] = lambda: None,
    ) -> None:
        self.config, self.data, self.scorer, self.system = config, data, scorer, system
        self.journey = journey or Journey()
        self.record = record  # called whenever something is finished
        self.tokenizer = scorer.tokenizer
        self.folder = Path(config.output_dir) / "stages"
        self.pretrained = Checkpoint("", config.model, encoder_key(config.model))

    def without_translation(self) -> Steps:
        """The same steps on data of which nothing is translated."""
        data = dataclasses.replace(self.data, translated=None)
        return type(self)(self.config, data, self.scorer, system=self.system, journey=self.journey, record=self.record)

    def mlm(self, start: Checkpoint) -> Checkpoint:
        """Step 1: MLM on {D_t,no, D_s,no}."""
        config = self.config.mlm
        if not config.enabled:
            return start
        target = self.data.target
        if config.include_target_test:
            target = mix([target, self.data.target_test], columns=["id", "tokens"])
        translated = self.data.translated if config.use_translated else None
        return self._visit(
            mlm_task(
                start,
                config,
                base=self.config.model,
                target=target,
                source=unlabelled(self.data.source),
                translated=None if translated is None else unlabelled(translated.source),
                stage=_named("mlm", translated is not None),
                tokenizer=self.tokenizer,
                seed=self._seed(config),
            )
        )

    def mrc(self, start: Checkpoint) -> Checkpoint:
        """Step 2: MRC on {D_t,m, D_s,m, D_s,nm}."""
        return self._mrc(start, self.config.mrc, "mrc", round=0)

    def ner(self, start: Checkpoint) -> Checkpoint:
        """Step 3: NER on D_s,n, with a fresh head."""
        return self._ner(start, self.config.ner, "ner", round=0, keep_head=False)

    def pseudo_ner(self, start: Checkpoint, pseudo: Dataset) -> Checkpoint:
        """Step 5: NER on the pseudo-labelled target; the head of step 3 goes on."""
        return self._ner(start, self.config.pseudo_ner, "pseudo_ner", pseudo=pseudo, round=0, keep_head=True)

    def continual_mrc(self, start: Checkpoint, pseudo: Dataset, *, round: int) -> Checkpoint:
        """Step 6: MRC on {D_t,m, pseudo-MRC}; the start is a tagger, so the MRC head is fresh."""
        return self._mrc(start, self.config.continual_mrc, "mrc", pseudo=pseudo, round=round)

    def continual_ner(self, start: Checkpoint, pseudo: Dataset, *, round: int) -> Checkpoint:
        """Step 7: NER on the pseudo-labels, with a fresh head after MRC."""
        after_mrc = self.config.continual_mrc.enabled
        return self._ner(start, self.config.continual_ner, "ner", pseudo=pseudo, round=round, keep_head=not after_mrc)

    def label(self, tagger: Checkpoint) -> Dataset:
        """Steps 4, 8 and 9: the target text with the tagger's labels, kept beside the tagger as Parquet."""
        options, file = self.config.labelling, self.pseudo_label_file(tagger)
        if not file.is_file():
            target = self.text_to_label()
            predicted = label_words(tagger, target, self.config.ner, tokenizer=self.tokenizer)
            labelled = pseudo_label(target, predicted, label_names=self.data.label_names, repair=options.repair)
            if is_main_process():
                part = file.with_suffix(".part")
                labelled.to_parquet(str(part))
                part.replace(file)
        barrier()
        labelled = Dataset.from_parquet(str(file), cache_dir=str(tagger.folder / "cache"))
        counted = label_statistics(labelled)
        say(f"{tagger.name}: {sum(counted['entities'].values()):,} entities labelled in {len(labelled):,} sentences")
        file_in_run = file.relative_to(self.folder.parent).as_posix()
        if all(entry["file"] != file_in_run for entry in self.journey.pseudo_labels):
            entry = {"tagger": tagger.name, "file": file_in_run} | counted | {"used_by": []}
            self.journey.pseudo_labels.append(entry)
        labelled.info.description = file_in_run  # goes along when rows are chosen or columns dropped
        return labelled

    def pseudo_label_file(self, tagger: Checkpoint) -> Path:
        """Where the labels of this tagger for the target text are, or will be."""
        suffix = "" if self.config.labelling.repair else "-unrepaired"
        return tagger.folder / f"pseudo-{content_hash(self.text_to_label())}{suffix}.parquet"

    def text_to_label(self) -> Dataset:
        """The target sentences that taggers label."""
        return cap(self.data.target, self.config.labelling.max_sentences, seed=self.config.seed)

    def _mrc(
        self, start: Checkpoint, config: MrcConfig, stage: str, *, pseudo: Dataset | None = None, round: int
    ) -> Checkpoint:
        if not config.enabled:
            return start
        seed = self._seed(config)
        translated = self.data.translated
        kinds: dict[str, tuple[bool, int | None, Dataset | None, Callable[[Dataset], Dataset]]] = {
            "target_qa": (config.use_target_qa, config.max_target_qa, self.data.target_qa, _same),
            "source_qa": (config.use_source_qa, config.max_source_qa, self.data.source_qa, _same),
            "ner_mrc": (config.use_ner_mrc, config.max_ner_mrc, self.data.source, self._to_mrc),
            "pseudo_mrc": (config.use_pseudo_mrc, config.max_pseudo_mrc, pseudo, self._to_mrc),
        }
        if translated is not None:
            queries = translated.queries
            to_mrc = functools.partial(ner_to_mrc, queries=queries)
            kinds["translated_qa"] = (config.use_translated_qa, config.max_translated_qa, translated.source_qa, _same)
            kinds["translated_ner_mrc"] = (
                config.use_translated_ner_mrc, config.max_translated_ner_mrc, translated.source, to_mrc
            )  # fmt: skip
        questions = {
            name: convert(cap(rows, limit, seed=_drawing(name, seed)))
            for name, (wanted, limit, rows, convert) in kinds.items()
            if wanted and rows is not None
        }
        validation = {"ner_mrc": self._to_mrc(cap(self.data.validation, config.max_validation, seed=self.config.seed))}
        if self.data.validation_qa is not None:
            validation["qa"] = self.data.validation_qa
        checkpoint = self._visit(
            mrc_task(
                start,
                config,
                stage=_named(f"{stage}{round or ''}", any(name.startswith("translated") for name in questions)),
                questions=questions,
                validation=validation,
                tokenizer=self.tokenizer,
                seed=seed,
            ),
            pseudo,
        )
        self._score_reader(checkpoint, stage, round)
        return checkpoint

    def _ner(
        self,
        start: Checkpoint,
        config: NerConfig,
        stage: str,
        *,
        pseudo: Dataset | None = None,
        round: int,
        keep_head: bool,
    ) -> Checkpoint:
        if not config.enabled:
            return start
        seed = self._seed(config)
        translated = self.data.translated
        kinds = {
            "source": (config.use_source, config.max_source, self.data.source),
            "translated": (config.use_translated, config.max_translated, translated and translated.source),
            "pseudo": (config.use_pseudo, config.max_pseudo, pseudo),
        }
        sentences = {
            name: cap(rows, limit, seed=_drawing(name, seed))
            for name, (wanted, limit, rows) in kinds.items()
            if wanted and rows is not None
        }
        if config.equal_sizes:
            least = min(map(len, sentences.values()))
            sentences = {
                name: rows if name == "source" else cap(rows, least, seed=_drawing(name, seed))
                for name, rows in sentences.items()
            }
        validation = {"source": self.data.validation}
        if translated is not None and config.validate_translated:
            validation["translated"] = translated.validation
        limit = config.max_validation
        touched = "translated" in sentences or len(validation) > 1
        checkpoint = self._visit(
            ner_task(
                start,
                config,
                stage=_named(f"{stage}{round or ''}", touched),
                sentences=sentences,
                validation={name: cap(rows, limit, seed=self.config.seed) for name, rows in validation.items()},
                label_names=self.data.label_names,
                keep_head=keep_head,
                tokenizer=self.tokenizer,
                seed=seed,
            ),
            pseudo,
        )
        self._score_tagger(checkpoint, config, stage, round)
        return checkpoint

    def _visit(self, task: StageTask, pseudo: Dataset | None = None) -> Checkpoint:
        self.journey.stages.append(task.name)
        if pseudo is not None and FROM_PSEUDO_LABELS & task.rows.keys():
            for entry in self.journey.pseudo_labels:
                if entry["file"] == pseudo.info.description:
                    entry["used_by"].append(task.name)
        checkpoint = self._carry_out(task)
        self.record()
        return checkpoint

    def _score_tagger(self, checkpoint: Checkpoint, config: NerConfig, stage: str, round: int) -> None:
        self.scorer.tagger(checkpoint, config, system=self.system, stage=stage, round=round)
        self.record()

    def _score_reader(self, checkpoint: Checkpoint, stage: str, round: int) -> None:
        self.scorer.reader(checkpoint, system=self.system, stage=stage, round=round)

    def _carry_out(self, task: StageTask) -> Checkpoint:
        return fit(task, self.folder)

    def _to_mrc(self, dataset: Dataset) -> Dataset:
        return ner_to_mrc(dataset, self.data.queries)

    def _seed(self, config: StageConfig) -> int:
        return self.config.seed if config.seed is None else config.seed


def _drawing(name: str, seed: int) -> int:
    """The seed that draws rows of this kind: another one for translations, or the same sentences would come twice."""
    return seed + 1 if name.startswith("translated") else seed


def _named(stage: str, translated: bool) -> str:
    """The stage's name in its folder's: another one with translations, so that no system replaces another's."""
    return f"{stage}_tr" if translated else stage


def _same(dataset: Dataset) -> Dataset:
    return dataset


def encoder_key(name_or_path: str) -> str:
    """What identifies the pretrained encoder: the bytes of a folder's weights, or the Hub id."""
    folder = Path(name_or_path)
    if not folder.is_dir():
        return name_or_path
    digest = hashlib.sha256()
    weights = [*folder.glob("*.safetensors"), *folder.glob("*.bin")]
    for file in sorted([*weights, folder / "config.json", folder / "tokenizer.json"]):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
