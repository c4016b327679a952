"""The sections of a run file about data and pseudo-labels. Help texts here become docs/config.md."""

import os
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import GetJsonSchemaHandler, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from tof_hf.config.section import ExpandedPath, OneOrMore, Section, Whole, option, row_option, shown_option
from tof_hf.utils.systems import Benchmark


class DataFile(Section):
    """Where one data set is and how to read it. In a run file a plain text means its `path`."""

    path: ExpandedPath = row_option()
    """A file, a folder of Parquet files, or a Hub id (`owner/name` or `owner/name:config`)."""
    split: str | None = row_option(None)
    """Split of a Hub data set."""
    columns: dict[str, Whole | str] | None = row_option(None)
    """Where the values are: numbers in CoNLL-like files (`{tokens: 0, ner_tags: -1}`), names elsewhere (`{tokens:
    words}`, `{text: body, spans: marks}`); null finds them."""
    encoding: str | None = row_option(None)
    """Text encoding, such as `latin-1`; null detects UTF-8 and Latin-1."""
    scheme: str | None = row_option(None)
    """Tagging scheme of the file (`IO`, `IOB1`, `IOB2`, `IOE`, `BIOES`, `BILOU`, `BMES`); null detects it."""
    labels: list[str] | None = row_option(None)
    """Names of tags that are numbers, in the order of the numbers: `[O, B-PER, I-PER]`."""
    label_map: Literal["span"] | dict[str, str] | None = row_option(None, paper="4.2")
    """Renames entity types (`{OTHER: MISC}`); `span` merges all types into one."""
    format: str | None = row_option(None)
    """For unlabelled text: `conll` or `lines` (one sentence a line); null detects it."""
    license: str | None = shown_option(None)
    """Licence of the data by its Hub id, such as `cc-by-4.0`, for the cards of what is published; null reads it
    from the data card (README.md) next to the data, if there is one."""
    limit: Whole | None = row_option(None, ge=1)
    """Keeps this many rows, drawn with the run's seed; test data is drawn the same way for all seeds."""
    exclude_contexts_of: ExpandedPath | None = row_option(None)
    """For question data: drops paragraphs that are also in this file (SQuAD without those of XQuAD)."""

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        return {"path": os.fspath(value)} if isinstance(value, str | os.PathLike) else value

    @model_serializer(mode="wrap")
    def _without_nulls(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"description": cls.__doc__, "anyOf": [{"type": "string"}, handler(core)]}


class LabelFile(DataFile):
    """Labels of the target text that a machine gave elsewhere, in any form of labelled sentences."""

    name: str | None = row_option(None)
    """Who gave the labels (`gazetteer`, `llm`); null takes the file's name."""
    weight: float = row_option(1.0, gt=0)
    """How much its labels count when they join those of the run's tagger, whose weight is 1."""

    complete: bool = row_option(True)
    """Whether its sentences have all of their entities labelled. Set false for a list of names: it then says where
    entities are, and not where none are."""

    @property
    def title(self) -> str:
        """Its name."""
        return self.name or os.path.basename(self.path).partition(".")[0]


class TranslationConfig(Section):
    """Word-by-word translation of the source data into the target language (Guideline II; after UniTrans)."""

    dictionary: ExpandedPath | None = row_option(None, paper="4.4, footnote 2")
    """A MUSE dictionary or tab-separated pairs, source word first; null translates nothing. Each stage has its own
    option for training on translations (`mlm.use_translated` and so on)."""
    reverse: bool = row_option(False)
    """Swaps the two sides, for a dictionary with the target words first."""
    choice: Literal["first", "most_frequent"] = row_option("first")
    """Which of several translations to take: the first in the file, or the most frequent in `target.text`."""
    casing: Literal["source", "target"] = row_option("source")
    """Case of translated words: that of the source word, or drawn as `target.text` writes the word (for German)."""
    copy_types: OneOrMore[str] = row_option(factory=lambda: ["PER"], paper="after UniTrans")
    """Entity types whose words are not translated."""
    translate_queries: bool = row_option(False)
    """Also translates the questions about entity types."""


class SourceConfig(Section):
    """Labelled data in the language or domain that has labels."""

    train: DataFile = row_option(paper="D_s,n; its sentences are D_s,no")
    """Labelled NER data."""
    validation: DataFile = option(effect="validation rows")
    """Labelled NER data that selects the best checkpoint of every NER stage."""
    test: DataFile | None = shown_option(None)
    """Labelled NER data that is only scored."""
    mrc: OneOrMore[DataFile] = row_option(factory=list, paper="D_s,m")
    """Question-answering data (SQuAD format)."""
    mrc_validation: OneOrMore[DataFile] = option(factory=list, effect="validation rows")
    """Question-answering data that helps select the best MRC checkpoint."""


class TargetConfig(Section):
    """Data in the language or domain without labels; NER tags in these files are dropped when read."""

    name: str = shown_option("target")
    """Name of the target in results."""
    benchmark: Benchmark | None = shown_option(None)
    """Which of the paper's benchmarks `gold` is: `tof-hf ablate` then shows its published scores in the tables."""
    text: OneOrMore[DataFile] = row_option(paper="D_t,no")
    """Unlabelled sentences."""
    test_text: OneOrMore[DataFile] = row_option(factory=list)
    """Test set sentences, read without tags, and only if `mlm.include_target_test`."""
    mrc: OneOrMore[DataFile] = row_option(factory=list, paper="D_t,m")
    """Question-answering data (SQuAD format)."""
    labels: OneOrMore[LabelFile] = row_option(factory=list, paper="not in the paper")
    """Machine-made labels of sentences of `text` (of a gazetteer, an LLM, an older system), never gold: they join the
    pseudo-labels as `labelling.combine` says, and `cofee` trains on them."""
    gold: DataFile | None = shown_option(None)
    """Labelled test data. Only the scorer reads it: it never reaches training or model selection."""

    def rules(self) -> Iterator[tuple[str, str]]:
        if not self.text:
            yield "text", "is empty: TOF needs unlabelled target sentences."
        names = [file.title for file in self.labels]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            yield "labels", f"has several files named {repeated[0]!r}. Give each a `name` of its own."


class LabellingConfig(Section):
    """Pseudo-labels for the target sentences (Algorithm 1, lines 7, 10 and 17)."""

    max_sentences: Whole | None = row_option(None, ge=1)
    """Cap on sentences to label."""
    teachers: Whole = row_option(1, ge=1)
    """Taggers that label, trained with as many seeds, the run's and those after it: their probabilities are averaged
    before labels are chosen. For `self_training` and the first labels of `tof`, and for each teacher of `tsl` and
    `unitrans`, after Wu et al. (2020, UniTrans)."""
    combine: Literal["vote", "union", "intersection", "prefer"] = row_option("vote", paper="not in the paper")
    """How the labels of `target.labels` join those of the tagger. `vote`: an entity counts if the weights times scores
    of those that found it exceed those of the others that have a say about its type; `intersection`: if none of these
    others is left; `union`: if one found it; `prefer`: for each type the labeller with the highest weight decides,
    `target.labels` before the tagger."""
    targets: Literal["hard", "soft", "sharpened"] = row_option("hard", paper="3.3.2: hard")
    """What NER learns of each pseudo-labelled word: its label, the tagger's class probabilities (or the mean of the
    `teachers`), or these squared and divided by their sum (a temperature of 0.5, after Berthelot et al. 2019). The
    source beside them has probability 1. `selection` and MRC go by the labels in any case."""
    repair: bool = row_option(True, paper="line 11")
    """Makes predicted tags valid IOB2 before they are used."""
    selection: Literal["all", "threshold", "per_type_quota", "agreement"] = row_option("all", paper="3.3.2: all")
    """Which labels are sure enough to train on: `all`; words with at least the probability `threshold`; the share
    `quota` of the entities of each type, by their mean probability; entities that the MRC head also finds, asked
    with the query of their type."""
    selection_level: Literal["sentence", "token"] = row_option("sentence")
    """`sentence` drops a sentence with an unsure word; `token` keeps it, without a loss on its unsure words. As
    questions, `token` leaves out those about the types of unsure entities, and all if a word outside is unsure."""
    threshold: float | None = row_option(None, ge=0, le=1)
    """For `selection: threshold`: the lowest probability of a word's label."""
    quota: float | None = row_option(None, gt=0, le=1)
    """For `selection: per_type_quota`: the share of entities kept, rounded up."""
    max_text_share: float | None = row_option(None, gt=0, le=1, paper="3.3.2: all")
    """If one text (such as `RT` in tweets) makes up more than this share of all entities, it is taken for a mistake
    and labelled `O` before training, also in the sentences that `distillation` learns from; null = never. A text with
    fewer than 20 entities is kept."""
    agreement_sentences: Whole = shown_option(200, ge=0)
    """Number of sentences on which the labels are compared with the last MRC stage's answers; 0 = off."""

    def rules(self) -> Iterator[tuple[str, str]]:
        for name, selection in (("threshold", "threshold"), ("quota", "per_type_quota")):
            value: float | None = getattr(self, name)
            if selection == self.selection and value is None:
                yield name, f"is missing: selection is {self.selection}. Give a share."
            if selection != self.selection and value is not None:
                yield name, f"is given, but selection is {self.selection}, which does not use it. Remove one of them."
        if self.selection == "all" and self.selection_level == "token":
            yield "selection_level", "is token, but selection is all: no word is unsure then. Remove one of them."
