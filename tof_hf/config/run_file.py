"""A run as a YAML file: `load_config` makes a checked TofConfig of it.

From weakest to strongest: defaults, preset, the run file's `base`, the run file, command line
(`mrc.learning_rate=2e-6`). Paths count from the current folder; `~` and `$VAR` are expanded.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from tof_hf.config.base import layers_of, merged, origin_of, refuse_on_command_line
from tof_hf.config.data import SourceConfig, TargetConfig, TranslationConfig
from tof_hf.config.labelling import ForgettingConfig, LabellingConfig
from tof_hf.config.presets import STAGES, stage_values
from tof_hf.config.release import ReleaseConfig
from tof_hf.config.sections import KeyProblem, KeyProblems, Section, join, mismatch, option
from tof_hf.config.stages import DistillationConfig, MlmConfig, MrcConfig, NerConfig, StageConfig
from tof_hf.config.yaml_text import dump_yaml, parse_yaml, read_yaml
from tof_hf.errors import ConfigError

System = Literal[
    "source_only",
    "adaptabert",
    "adaptabert_translation",
    "tsl",
    "unitrans",
    "tof_wo_pseudo",
    "tof_wo_continual",
    "tof",
]


def _stage(kind: type[StageConfig], name: str, help: str, paper: str) -> Any:
    return option(factory=functools.partial(kind.of_preset, name), help=help, paper=paper)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TofConfig(Section):
    """A whole run. `load_config` makes one of a run file; the defaults here are the `paper` preset."""

    model: str = option(help="The pretrained encoder: a folder or a Hub id.", paper="line 1: BERT", path=True)
    output_dir: str = option(help="The run's folder.", path=True)
    preset: Literal["paper", "official_code"] = option("paper", "Which values the options have that nobody sets.")
    systems: list[System] = option(
        factory=lambda: ["tof"],
        help="What to train: TOF, its reduced forms, baselines and peers; stages they have in common run once.",
        paper="4.4",
    )
    seed: int = option(2019, "Seed of every stage without its own.", paper="Appendix B", minimum=0, maximum=2**32 - 1)
    rounds: int = option(
        1, "Rounds of continual learning (T); 0 stops after pseudo-labels.", paper="line 12", minimum=0
    )
    order: Literal["mlm_mrc", "mrc_mlm"] = option("mlm_mrc", "Which comes first.", paper="5.3, Table 3")
    labels: list[str] | None = option(None, "Entity types; null takes those of the source training data.")
    label_map: Literal["span"] | dict[str, str] | None = option(
        None,
        "Applied to every NER file after its own label_map; `span` for entity span detection.",
        paper="4.2",
    )
    queries: str | dict[str, str] | None = option(
        None,
        "Questions: a YAML file or a mapping, both `type: question`; null takes the English ones.",
        paper="4.2",
        path=True,
    )
    source: SourceConfig = option(help="Labelled data.")
    target: TargetConfig = option(help="Unlabelled data.")
    translation: TranslationConfig = option(
        factory=TranslationConfig, help="Word-by-word translation of the source.", paper="Guideline II"
    )
    mlm: MlmConfig = _stage(MlmConfig, "mlm", "Masked language modelling.", "lines 1-2")
    mrc: MrcConfig = _stage(MrcConfig, "mrc", "Span extraction.", "lines 3-4")
    ner: NerConfig = _stage(NerConfig, "ner", "NER on source labels.", "lines 5-6")
    labelling: LabellingConfig = option(factory=LabellingConfig, help="Pseudo-labelling.", paper="lines 7, 10, 17")
    pseudo_ner: NerConfig = _stage(NerConfig, "pseudo_ner", "NER on pseudo-labels.", "lines 8-9")
    continual_mrc: MrcConfig = _stage(MrcConfig, "continual_mrc", "Span extraction in each round.", "lines 13-14")
    continual_ner: NerConfig = _stage(NerConfig, "continual_ner", "NER in each round.", "lines 15-16")
    distillation: DistillationConfig = _stage(
        DistillationConfig, "distillation", "A student of other taggers.", "4.4: TSL, UniTrans"
    )
    forgetting: ForgettingConfig = option(
        factory=ForgettingConfig, help="The alarm for what NER stages forget of the source."
    )
    push_to_hub: bool = option(False, "Publishes the finished tagger as `release` says.")
    release: ReleaseConfig = option(factory=ReleaseConfig, help="What is published, and where.")

    def __post_init__(self) -> None:
        self.check("")

    def check(self, key: str) -> None:
        super().check(key)
        if not self.systems or len(set(self.systems)) < len(self.systems):
            raise KeyProblem("systems", f"systems must name each system once and at least one, found {self.systems}.")
        for type_ in self.labels or []:
            if type_ == "O" or type_.startswith(("B-", "I-")):
                raise KeyProblem("labels", f"labels needs entity types such as PER, found the tag {type_!r}.")
        translation = self.translation.dictionary is not None
        for name in STAGES:
            if name != "mlm":  # the target's text is always there
                self.__dict__[name].check_sources(name, translation=translation)
        if {"source_only", "adaptabert", "tsl", "unitrans"} & set(self.systems):  # they never see a translation
            self.ner.check_sources("ner", translation=False)
        if self.rounds and self.continual_mrc.enabled and not self.continual_ner.enabled:
            raise KeyProblem(
                "continual_ner.enabled",
                "continual_ner.enabled must be true where continual_mrc runs: a run ends with a tagger. "
                "Set rounds: 0 to stop after pseudo-labels.",
            )
        if self.push_to_hub and self.release.repo is None:
            raise KeyProblem("release.repo", "release.repo is missing: push_to_hub needs a repository, `user/name`.")
        if not self.ner.enabled:
            raise KeyProblem("ner.enabled", "ner.enabled must be true: every system needs the tagger of that stage.")
        labels = {"tof", "tof_wo_continual"} & set(self.systems)
        if self.labelling.selection == "agreement" and labels and not self.mrc.enabled:
            raise KeyProblem(
                "labelling.selection",
                "labelling.selection is agreement, but mrc.enabled is false: there is no MRC head to agree "
                "with. Turn mrc on, or take another selection.",
            )
        for system in ("adaptabert_translation", "unitrans"):
            if system in self.systems and self.translation.dictionary is None:
                raise KeyProblem(
                    "translation.dictionary",
                    f"translation.dictionary is missing: {system} learns from translated sentences.",
                )
        if {"tsl", "unitrans"} & set(self.systems) and not self.distillation.enabled:
            raise KeyProblem("distillation.enabled", "distillation.enabled must be true for tsl and unitrans.")
        for name, used in (
            ("ner.use_pseudo", self.ner.use_pseudo),
            ("mrc.use_pseudo_mrc", self.mrc.use_pseudo_mrc),
        ):
            if used:
                raise KeyProblem(name, f"{name} must be false: no pseudo-labels exist before Algorithm 1, line 7.")

    @classmethod
    def typed_field(cls, key: str, name: Any, value: Any) -> Any:
        in_rounds = re.fullmatch(r"(mrc|ner)\d+", str(name))
        if in_rounds:  # the name of a stage's folder
            hint = f"Did you mean 'continual_{in_rounds[1]}'? It sets the stages of all rounds."
            raise KeyProblem(join(key, name), f"unknown key {join(key, name)!r}. {hint}")
        return super().typed_field(key, name, value)

    def to_dict(self) -> dict[str, Any]:
        """The values as JSON and YAML know them, stage sections flat; `from_dict` reads them back."""
        return self.plain()

    def to_yaml(self) -> str:
        """The run file with every option spelled out; `load_config` reads it back to an equal config."""
        return dump_yaml(self.plain())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The config with exactly these values: no preset, no inheritance, no expansion of paths.

        Raises:
            ConfigError: an unknown or missing key, or a value of the wrong type or out of range.
        """
        return cls.build(values)


def load_config(source: str | os.PathLike[str] | Mapping[str, Any], overrides: Sequence[str] = ()) -> TofConfig:
    """The checked TofConfig of a run file (or of a mapping like one).

    Args:
        source: path of a YAML file, or the mapping it would hold. With `base` it is laid over other files.
        overrides: `key=value` texts, stronger than the file. Keys are dotted (`source.train.limit=100`,
            `target.text.0.path=x.txt`; without the number all entries of the list), values are YAML (`null`, `[a, b]`,
            `{OTHER: MISC}`).

    Raises:
        ConfigError: the file, or the keys and what they need, with a suggestion for a mistyped name. As long as a key
            is unknown, or a value of the wrong type, what does not fit together is not looked at.
    """
    if isinstance(source, Mapping):
        layers = layers_of("config", source, Path())
    else:
        path = Path(source)
        layers = layers_of(os.fspath(source), read_yaml(path), path.parent, [path])
    raw = merged(layers, TofConfig)
    from_command_line: list[str] = []
    try:
        for override in overrides:
            key, value = _parse_override(override)
            from_command_line.append(key)
            refuse_on_command_line(key)
            _set(raw, key.split("."), value)
        raw |= {stage: {} for stage in STAGES if raw.get(stage) is None}
        TofConfig.typed(raw)  # before stages inherit a mistake, which is told where it was written
        config = TofConfig.build({**raw, **stage_values(raw.get("preset", "paper"), raw)})
        return _expanded(config, "")
    except KeyProblems as found:
        told = []
        for problem in found.problems:
            overridden = any(_related(problem.key, key) for key in from_command_line)
            origin = "command line" if overridden else origin_of(problem.key, layers)
            told.append(KeyProblem(problem.key, f"{origin}: {problem}"))
        raise KeyProblems(told) from None


def _related(key: str, given: str) -> bool:
    """Whether the keys are the same or one stands inside the other; `given` may leave out the number of an entry."""
    return any(
        f"{one}.".startswith(f"{given}.") or f"{given}.".startswith(f"{one}.")
        for one in (key, re.sub(r"\.\d+(?=\.|$)", "", key))
    )


def _parse_override(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[^\s.=]+(\.[^\s.=]+)*", key):
        raise ConfigError(f"command line: {text!r} is not key=value, such as mrc.learning_rate=2e-6.")
    return key, parse_yaml(value, name=f"command line: {key}")


def _set(place: Any, names: Sequence[str], value: Any, done: str = "") -> None:
    """Put a value where the names lead, making the sections on the way.

    In a list a number is one entry (from 0), any other name stands in all of them, as over a base file.
    """
    name, *rest = names
    if isinstance(place, list) and place and not name.isdigit():
        for number in range(len(place)):
            _set(place, [str(number), *names], value, done)
        return
    index = _index(place, name, done)
    if not rest:
        place[index] = value
        return
    done = join(done, name)
    child = place[index] if isinstance(place, list) else place.get(index)
    if rest[0].isdigit() and not isinstance(child, list):
        child = [] if child is None else [child]
    elif isinstance(child, str):
        child = {"path": child}  # the short form of a DataFile
    elif child is None:
        child = {}
    if not isinstance(child, (dict, list)):
        raise mismatch(done, "a section (key: value lines)", child)
    place[index] = child
    _set(child, rest, value, done)


def _index(place: Any, name: str, key: str) -> Any:
    if not isinstance(place, list):
        return name
    if not name.isdigit() or int(name) >= len(place):
        full = join(key, name)
        raise KeyProblem(full, f"{key} is a list with {len(place)} entries, counted from 0: there is no {full}.")
    return int(name)


def _expanded(section: Any, key: str) -> Any:
    """The section with `~` and `$VAR` replaced in every option that is a path."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(section):
        name, value = join(key, field.name), section.__dict__[field.name]
        if isinstance(value, Section):
            changes[field.name] = _expanded(value, name)
        elif isinstance(value, list) and value and isinstance(value[0], Section):
            changes[field.name] = [_expanded(item, f"{name}.{index}") for index, item in enumerate(value)]
        elif isinstance(value, str) and field.metadata["path"]:
            changes[field.name] = _expanded_path(value, name)
    return dataclasses.replace(section, **changes)


def _expanded_path(value: str, key: str) -> str:
    path = os.path.expanduser(os.path.expandvars(value))
    unset = re.search(r"\$(\w+|\{\w+\})", path)
    if unset:
        variable = unset.group(1).strip("{}")
        raise KeyProblem(key, f"{key} is {value!r}, but the environment variable {variable} is not set.")
    if not path.strip():
        raise KeyProblem(key, f"{key} is empty.")
    return path
