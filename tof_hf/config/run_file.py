"""A whole run as a checked TofConfig. Help texts here become docs/config.md."""

import re
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tof_hf.config.data import LabellingConfig, SourceConfig, TargetConfig, TranslationConfig
from tof_hf.config.problems import suggestion
from tof_hf.config.row_kinds import RowKind
from tof_hf.config.section import ExpandedPath, OneOrMore, Section, Whole, facts, option, row_option, shown_option
from tof_hf.config.stage_name import StageName
from tof_hf.config.stages import (
    STAGES,
    DistillationConfig,
    MlmConfig,
    MrcConfig,
    NerConfig,
    StageConfig,
)
from tof_hf.config.yaml import dump_yaml, packaged_yaml
from tof_hf.utils.systems import DEFAULT_SYSTEM, SYSTEMS, known_systems, load_plug_in


def _known(name: str) -> str:
    load_plug_in(name)
    if name not in SYSTEMS:
        known = known_systems()
        raise ValueError(f"needs one of {', '.join(known)}, found {name!r}.{suggestion(name, known)}")
    return name


def _word_rule(rule: str) -> str:
    if not re.fullmatch(WORD_RULE, rule):
        raise ValueError(f"needs unicode, whitespace, characters or spacy:xx, found {rule!r}.")
    return rule


WORD_RULE = "unicode|whitespace|characters|legacy|spacy:[a-z]{2,3}"
WordRule = Annotated[str, AfterValidator(_word_rule), Field(json_schema_extra={"pattern": f"^({WORD_RULE})$"})]
System = Annotated[str, AfterValidator(_known), Field(json_schema_extra=lambda part: part.update(enum=known_systems()))]


def _stage(kind: type[StageConfig], name: str, paper: str) -> Any:
    return option(factory=partial(kind.of_preset, name), paper=paper)


class ForgettingConfig(Section):
    """What happens if a NER stage loses F1 on source validation against the best NER stage before it."""

    max_drop: float = option(0.05, ge=0, le=1)
    """The F1, from 0 to 1, that a stage may lose before the alarm; 1 = never."""
    action: Literal["warn", "stop", "mix"] = option("warn")
    """`warn` logs and records it. `stop` ends the run with an error; finished stages are kept. `mix` trains the
    stage a second time, in its own folder, with source sentences added (`use_source: true`), and continues with
    whichever of the two is better on source validation."""


class ReleaseConfig(Section):
    """What `push_to_hub` and `tof-hf push` publish, and where."""

    repo: str | None = shown_option(None)
    """Repository of the tagger on the Hub, `user/name`."""
    private: bool = shown_option(False)
    """Makes a new repository private; false uses the owner's default."""
    revision: str | None = shown_option(None)
    """Branch of the repository, created if needed; null is the main branch."""
    license: str | None = shown_option(None)
    """Licence of the tagger by its Hub id, such as `mit`. Its encoder and its data may dictate it."""
    language: OneOrMore[str] = shown_option(factory=list)
    """Language codes of the target, such as `[es]`; empty takes `target.name` if it is a code."""
    vocabulary: Literal["whole", "narrow"] = shown_option("whole")
    """`narrow` publishes only the pieces that the words of the run's data and of `vocabulary_text` need, and single
    characters of them: a smaller tagger with the same predictions on such words."""
    vocabulary_text: OneOrMore[str] = shown_option(factory=list)
    """More files of text for `narrow`, such as text of other languages that the tagger should keep."""
    mrc_repo: str | None = shown_option(None)
    """Also publishes the source data in MRC form as a data set with this name, if its licence allows it."""
    pseudo_labels_repo: str | None = shown_option(None)
    """Also publishes the target text with the pseudo-labels last trained on, if its licence allows it."""

    def rules(self) -> Iterator[tuple[str, str]]:
        for name in ("repo", "mrc_repo", "pseudo_labels_repo"):
            value: str | None = getattr(self, name)
            if value is not None and (value.count("/") != 1 or not all(value.split("/")) or " " in value):
                yield name, f"needs the name of a repository, `user/name`, found {value!r}."
        if self.license is not None:
            ids = [*chain.from_iterable(packaged_yaml("tof_hf.config", "licences.yaml").values())]
            if self.license not in ids:
                near = suggestion(self.license.lower(), ids) or " Write 'other' if it has none."
                yield "license", f"is {self.license!r}, which is not a licence id of the Hub.{near}"


class TofConfig(Section):
    """A whole run. `load_config` makes one of a run file; the defaults here are the `paper` preset.

    Example:
        >>> config = TofConfig(
        ...     model="google-bert/bert-base-multilingual-cased",
        ...     output_dir="runs/es",
        ...     source=SourceConfig(train="en/train.txt", validation="en/valid.txt"),
        ...     target=TargetConfig(text="es/train.txt"),
        ...     ner=NerConfig(max_length=64, learning_rate=2e-5),
        ... )
    """

    model: ExpandedPath = option(paper="line 1: BERT", listed=False)
    """The pretrained encoder: a folder or a Hub id."""
    output_dir: ExpandedPath = shown_option(listed=False)
    """The run's folder."""
    preset: Literal["paper", "official_code", "small"] = shown_option("paper")
    """Supplies the options that the run file does not set; `small` has sizes and rates for about a thousand sentences
    and a small encoder."""
    systems: OneOrMore[System] = option(factory=lambda: [DEFAULT_SYSTEM], paper="4.4")
    """What to train: TOF, its reduced forms, baselines and peers; stages that they share run once."""
    seed: Whole = option(2019, paper="Appendix B", ge=0, le=2**32 - 1, read=True)
    """Seed of every stage without its own."""
    rounds: Whole = option(1, paper="line 12", ge=0)
    """Rounds of continual learning (T); 0 stops after pseudo-labels."""
    order: Literal["mlm_mrc", "mrc_mlm"] = option("mlm_mrc", paper="5.3, Table 3")
    """Whether MLM or MRC is trained first."""
    labels: OneOrMore[str] | None = row_option(None, read=True)
    """Entity types; null takes those of the source training data."""
    label_map: Literal["span"] | dict[str, str] | None = row_option(None, paper="4.2", read=True)
    """Applied to every NER file after its own label_map; `span` for entity span detection."""
    word_rule: WordRule = row_option("unicode", read=True, listed=False)
    """How plain text is split into words, here and by the finished tagger: `unicode` (by Unicode's rules; scripts
    without blanks by character), `whitespace`, `characters`, or `spacy:xx` (spaCy's tokenizer of the language xx;
    extra `spacy`). `legacy`: as before this option, which run folders of that time keep."""
    queries: ExpandedPath | dict[str, str] | None = row_option(None, paper="4.2", read=True)
    """Questions: a YAML file or a mapping, both `type: question`, or the name of queries that come with the package: a
    language (`es`) or a set of types (`ontonotes`); null takes the English ones."""
    target_queries: ExpandedPath | dict[str, str] | None = row_option(None, read=True)
    """Questions about sentences of the target (pseudo-labels, translations), in the same forms; null asks those of
    `queries`. With `queries: en` and `target_queries: es` each sentence is asked in its own language."""
    source: SourceConfig = row_option(read=True, listed=False)
    """Labelled data."""
    target: TargetConfig = row_option(read=True, listed=False)
    """Unlabelled data."""
    translation: TranslationConfig = row_option(factory=TranslationConfig, paper="Guideline II", read=True)
    """Word-by-word translation of the source."""
    mlm: MlmConfig = _stage(MlmConfig, "mlm", "lines 1-2")
    """Masked language modelling."""
    mrc: MrcConfig = _stage(MrcConfig, "mrc", "lines 3-4")
    """Span extraction."""
    ner: NerConfig = _stage(NerConfig, "ner", "lines 5-6")
    """NER on source labels."""
    labelling: LabellingConfig = row_option(factory=LabellingConfig, paper="lines 7, 10, 17")
    """Pseudo-labelling."""
    pseudo_ner: NerConfig = _stage(NerConfig, "pseudo_ner", "lines 8-9")
    """NER on pseudo-labels."""
    continual_mrc: MrcConfig = _stage(MrcConfig, "continual_mrc", "lines 13-14")
    """Span extraction in each round."""
    continual_ner: NerConfig = _stage(NerConfig, "continual_ner", "lines 15-16")
    """NER in each round."""
    distillation: DistillationConfig = _stage(DistillationConfig, "distillation", "4.4: TSL, UniTrans")
    """A student of other taggers."""
    forgetting: ForgettingConfig = option(factory=ForgettingConfig)
    """The alarm for NER stages that forget the source."""
    push_to_hub: bool = shown_option(False, listed=False)
    """Publishes the finished tagger as `release` says."""
    release: ReleaseConfig = shown_option(factory=ReleaseConfig, listed=False)
    """What is published, and where."""

    def to_yaml(self) -> str:
        """The run file with every option written out; `load_config` reads it back to an equal config."""
        return dump_yaml(self.to_dict())

    @classmethod
    def explain_unknown(cls, key: str, name: str) -> str | None:
        try:
            stage = StageName.parse(name)  # of a stage's folder, such as `mrc1`
        except ValueError:
            return None
        if not stage.round or stage.section not in STAGES:
            return None
        return f"unknown key {key!r}. Did you mean {stage.section!r}? It sets the stages of all rounds."

    def stages(self) -> dict[str, StageConfig]:
        """The stage sections by name, in the order of Algorithm 1."""
        return {name: getattr(self, name) for name in STAGES}

    def read_options(self) -> dict[str, Any]:
        """The options that decide which rows are read from files."""
        names = {name for name, field in type(self).model_fields.items() if facts(field).get("read")}
        return self.model_dump(include=names) | {"include_target_test": self.mlm.include_target_test}

    def available_rows(self, *, translation: bool = True) -> set[RowKind]:
        """The kinds of training rows that there is data for; without `translation` none is translated."""
        translation = translation and self.translation.dictionary is not None
        available = {kind for kind in RowKind if translation or not kind.is_translated}
        if not self.target.mrc:
            available -= {RowKind.TARGET_QA}
        return available if self.source.mrc else available - {RowKind.SOURCE_QA, RowKind.TRANSLATED_QA}

    def rules(self) -> Iterator[tuple[str, str]]:
        systems = set(self.systems)
        if not systems or len(systems) < len(self.systems):
            yield "systems", f"must name at least one system, and each only once, found {self.systems}."
        for type_ in self.labels or []:
            if type_ == "O" or type_.startswith(("B-", "I-")):
                yield "labels", f"needs entity types such as PER, found the tag {type_!r}."
        translation = self.translation.dictionary is not None
        available = [kind for kind in RowKind if translation or not kind.is_translated]
        for name, stage in self.stages().items():
            problem = stage.missing_data(available)
            if problem:
                yield name, problem
        if self.rounds and self.continual_mrc.enabled and not self.continual_ner.enabled:
            yield (
                "continual_ner.enabled",
                "must be true if continual_mrc runs: a run ends with a tagger. "
                "Set rounds: 0 to stop after pseudo-labels.",
            )
        if self.push_to_hub and self.release.repo is None:
            yield "release.repo", "is missing: push_to_hub needs a repository, `user/name`."
        if self.labelling.targets != "hard" and self.target.labels:
            yield "labelling.targets", "must be hard: labels from elsewhere (target.labels) have no probabilities."
        for name in ("pseudo_ner", "continual_ner"):
            if self.labelling.targets != "hard" and getattr(self, name).loss != "cross_entropy":
                yield f"{name}.loss", f"must be cross_entropy: labelling.targets is {self.labelling.targets}."
        if not self.ner.enabled:
            yield "ner.enabled", "must be true: every system needs the tagger of that stage."
        if self.target_queries is not None and self.translation.translate_queries:
            yield "target_queries", "are given, and translation.translate_queries is true: remove one of them."
        if not translation:
            for system in sorted(systems):
                if "dictionary" in SYSTEMS[system].needs:
                    yield "translation.dictionary", f"is missing: {system} trains on translated sentences."
        if self.target.labels and self.labelling.targets != "hard":
            targets = self.labelling.targets
            yield "labelling.targets", f"is {targets}, but target.labels join hard labels alone. Remove one of them."
        for system in sorted(systems):
            if "labels" in SYSTEMS[system].needs and not self.target.labels:
                yield "target.labels", f"is missing: {system} trains on labels from elsewhere, such as a gazetteer's."
        for name in ("ner", "mrc"):
            for kind in STAGES[name].row_kinds():
                if kind.from_taggers and self.stages()[name].uses(kind):
                    yield f"{name}.{kind.use}", "must be false: no pseudo-labels exist before Algorithm 1, line 7."
