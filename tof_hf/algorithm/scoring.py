"""Scores after every stage. Nothing else holds the target's gold labels."""

from collections.abc import Mapping
from pathlib import Path

from datasets import Dataset, List, Value
from transformers import PreTrainedTokenizerBase

from tof_hf.algorithm.scores import SOURCE, SOURCE_QUESTIONS, ScoreRow, Scores
from tof_hf.config import TaggerConfig
from tof_hf.config.stage_name import StageName
from tof_hf.data.fingerprint import content_hash
from tof_hf.errors import TargetLabelLeak
from tof_hf.evaluation.entity_scores import entity_scores
from tof_hf.stages.ner import label_words
from tof_hf.stages.record import RECORD, StageRecord
from tof_hf.stages.stage import Checkpoint
from tof_hf.storage.cache import cache_json, cache_parquet, is_cached, read_cached_json
from tof_hf.utils.processes import barrier, is_main_process


class Scorer:
    """Scores checkpoints on labelled splits; nothing of the target's labels reaches training.

    The splits cannot be read back: a recipe that asks for `gold` gets a TargetLabelLeak. Scores are appended to
    `results`, which the run owns; a recipe can only read those on source validation.
    """

    def __init__(
        self,
        gold: Mapping[str, Dataset],
        tokenizer: PreTrainedTokenizerBase,
        seed: int,
        target: str,
        results: list[ScoreRow] | None = None,
    ) -> None:
        self.__splits = dict(gold)
        self.__results = [] if results is None else results
        self.tokenizer, self.seed, self.target = tokenizer, seed, target

    @property
    def rows(self) -> list[ScoreRow]:
        """The scores that a recipe may act on: those on source validation."""
        return [row for row in self.__results if row.split in (SOURCE, SOURCE_QUESTIONS)]

    @property
    def gold(self) -> Mapping[str, Dataset]:
        """Always raises TargetLabelLeak."""
        raise TargetLabelLeak(
            "the scorer's labelled splits are for scores alone. What to do: train and select on source data; the "
            "scores on source validation are in scorer.rows, all others in results.json."
        )

    def tagger(self, checkpoint: Checkpoint, config: TaggerConfig, *, system: str) -> None:
        """Add one row a split: entity precision, recall and F1 in seqeval's default mode, and F1 in its strict mode.

        `predictions` in a row is the file, in the stage's folder, with the tags that were scored.
        """
        for split, dataset in self.__splits.items():
            scores = self._scores(checkpoint, config, split, dataset)
            self._add(checkpoint, system, split, scores, predictions_file(checkpoint, split, dataset).name)

    def mrc(self, checkpoint: Checkpoint, *, system: str) -> None:
        """Add the span scores of an MRC stage on its source validation questions."""
        record = StageRecord.read(checkpoint.folder / RECORD)
        best = max((entry for entry in record.log if "eval_f1" in entry), key=lambda entry: entry["eval_f1"])
        scores = {name: best[f"eval_{name}"] for name in ("precision", "recall", "f1")}
        self._add(checkpoint, system, SOURCE_QUESTIONS, Scores(**scores, mode="exact spans"))

    def _add(
        self, checkpoint: Checkpoint, system: str, split: str, scores: Scores, predictions: str | None = None
    ) -> None:
        stage = StageName.parse(checkpoint.name)
        row = ScoreRow(
            **dict(scores),
            system=system,
            stage=stage.step,
            round=stage.round,
            split=split,
            checkpoint=checkpoint.name,
            seed=self.seed,
            target=self.target,
            predictions=predictions,
        )
        self.__results.append(row)

    def _scores(self, checkpoint: Checkpoint, config: TaggerConfig, split: str, dataset: Dataset) -> Scores:
        file, tags = score_file(checkpoint, split, dataset), predictions_file(checkpoint, split, dataset)
        known = read_cached_json(file) if is_cached(tags) else None
        if known is None:
            predicted = label_words(checkpoint, dataset, config, tokenizer=self.tokenizer).tags
            names = dataset.features["ner_tags"].feature.names
            truth = [[names[tag] for tag in tags] for tags in dataset["ner_tags"]]
            strict = entity_scores(truth, predicted, mode="strict").as_dict()
            known = entity_scores(truth, predicted).as_dict() | {"strict": strict}
            if is_main_process():
                words = dataset.select_columns(["id", "tokens"])
                for name, column in (("gold", truth), ("predicted", predicted)):
                    words = words.add_column(name, column, feature=List(Value("string")))
                cache_parquet(tags, words)
                cache_json(file, known)
        barrier()
        return Scores.model_validate(known)


def score_file(checkpoint: Checkpoint, split: str, dataset: Dataset) -> Path:
    """Where a tagger's scores on a split are kept."""
    return checkpoint.folder / f"scores-{split}-{content_hash(dataset)}.json"


def predictions_file(checkpoint: Checkpoint, split: str, dataset: Dataset) -> Path:
    """Where the tags of a scored tagger are kept with the true ones: rows of `id`, `tokens`, `gold`, `predicted`."""
    return checkpoint.folder / f"predictions-{split}-{content_hash(dataset)}.parquet"
