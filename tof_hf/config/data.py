"""The data sections of a run file. Help texts here become docs/config.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from tof_hf.config.sections import KeyProblem, Section, join, option


@dataclass(frozen=True, kw_only=True)
class DataFile(Section):
    """Where one data set is and how to read it. In a run file a plain text means its `path`."""

    noun: ClassVar[str] = "a data file"

    path: str = option(
        help="A file, a folder of Parquet files, or a Hub id (`owner/name` or `owner/name:config`).", path=True
    )
    split: str | None = option(None, "Split of a Hub data set.")
    columns: dict[str, int | str] | None = option(
        None,
        "Where the values are: numbers in CoNLL-like files (`{tokens: 0, ner_tags: -1}`), names elsewhere "
        "(`{tokens: words}`).",
    )
    encoding: str | None = option(None, "Text encoding, such as `latin-1`; null detects UTF-8 and Latin-1.")
    scheme: str | None = option(None, "Tagging scheme of the file (`IOB1`, `IOB2`, `BIOES`, ...); null detects it.")
    label_map: Literal["span"] | dict[str, str] | None = option(
        None, "Renames entity types (`{OTHER: MISC}`); `span` makes one type of all.", paper="4.2"
    )
    format: str | None = option(None, "For unlabelled text: `conll` or `lines` (one sentence a line); null detects it.")
    license: str | None = option(
        None,
        "Licence of the data, by its id on the Hub, such as `cc-by-4.0`, for the cards of what is published; null "
        "reads it from the data card (README.md) beside the data, if there is one.",
    )
    limit: int | None = option(
        None, "Keeps this many rows, drawn with the run's seed; what is scored is drawn alike for all seeds.", minimum=1
    )
    exclude_contexts_of: str | None = option(
        None,
        "For question data: drops paragraphs that also stand in this file (SQuAD without those of XQuAD).",
        path=True,
    )

    @classmethod
    def normalise(cls, value: Any, key: str) -> Any:
        return {"path": value} if isinstance(value, str) else value

    def plain(self) -> dict[str, Any]:
        return {name: value for name, value in super().plain().items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class TranslationConfig(Section):
    """Word-by-word translation of the source data into the target language (Guideline II; after UniTrans)."""

    dictionary: str | None = option(
        None,
        "A MUSE dictionary or tab-separated pairs, source word first; null translates nothing. Which stages learn "
        "from translations is said there (`mlm.use_translated` and so on).",
        paper="4.4, footnote 2",
        path=True,
    )
    reverse: bool = option(False, "Turns the dictionary round, if its target words stand first.")
    choice: Literal["first", "most_frequent"] = option(
        "first", "Of several translations the file's first, or the one most frequent in `target.text`."
    )
    casing: Literal["source", "target"] = option(
        "source",
        "Case of translated words: that of the source word, or drawn as `target.text` writes the word (for German).",
    )
    copy_types: list[str] = option(
        factory=lambda: ["PER"], help="Entity types whose words stay as they are.", paper="after UniTrans"
    )
    translate_queries: bool = option(False, "Translates the questions about entity types too.")


@dataclass(frozen=True, kw_only=True)
class SourceConfig(Section):
    """Labelled data in the language or domain that has labels."""

    train: DataFile = option(help="Labelled NER data.", paper="D_s,n; its sentences are D_s,no")
    validation: DataFile = option(help="Labelled NER data that chooses the best checkpoint of every NER stage.")
    test: DataFile | None = option(None, "Labelled NER data, scored only.")
    mrc: list[DataFile] = option(factory=list, help="Question-answering data (SQuAD format).", paper="D_s,m")
    mrc_validation: list[DataFile] = option(
        factory=list, help="Question-answering data that helps choose the best MRC checkpoint."
    )


@dataclass(frozen=True, kw_only=True)
class TargetConfig(Section):
    """Data in the language or domain without labels; NER tags in these files are dropped when read."""

    name: str = option("target", "Name of the target in results.")
    benchmark: Literal["es", "nl", "de", "cbs", "twitter", "wnut16"] | None = option(
        None, "Which of the paper's benchmarks `gold` is: its published scores stand in the tables of `tof-hf ablate`."
    )
    text: list[DataFile] = option(help="Unlabelled sentences.", paper="D_t,no")
    test_text: list[DataFile] = option(
        factory=list,
        help="Test set sentences, read without tags, and only if `mlm.include_target_test`.",
    )
    mrc: list[DataFile] = option(factory=list, help="Question-answering data (SQuAD format).", paper="D_t,m")
    gold: DataFile | None = option(
        None, "Labelled test data. Only the scorer reads it: it never reaches training or model selection."
    )

    def check(self, key: str) -> None:
        super().check(key)
        if not self.text:
            raise KeyProblem(join(key, "text"), f"{key}.text is empty: TOF needs unlabelled target sentences.")
