"""The run file that `tof-hf init` writes: its data was read, and sizes and rates suit how much of it there is."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset

from tof_hf.config import TofConfig, load_config
from tof_hf.config.yaml import dump_yaml, parse_yaml
from tof_hf.data.label_checks import entities_by_type
from tof_hf.data.mrc_conversion import load_queries, packaged_names, packaged_queries, without_query
from tof_hf.data.tokenizers import load_encoder_tokenizer
from tof_hf.data.translation.dictionary import BilingualDictionary
from tof_hf.data.translation.words import check_direction
from tof_hf.data.type_names import extended, suggest_label_map
from tof_hf.errors import DataError, TargetLabelLeak
from tof_hf.run.inputs import Inputs, data_files
from tof_hf.run.leakage import look_for_overlaps
from tof_hf.run.validation import check_place

FEW = 3000  # labelled sentences: up to here sizes and rates are those of `preset: small`
MANY = 20_000  # sentences of the target: no more are read by the encoder and labelled at first
MEASURED = {"mlm": 600, "mrc": 2450, "ner": 1500, "pseudo_ner": 1000}  # rows that the epochs of `small` were chosen for
MOST_EPOCHS = 30
ENGLISH, MULTILINGUAL = "google-bert/bert-base-cased", "google-bert/bert-base-multilingual-cased"
COMMENTS = {
    "label_map": "Types of all labelled files, renamed as their names suggest so that each has a query.",
    "queries": "What is asked for each entity type; correct what does not describe your types (docs/data.md).",
}
WIDTH = 110

Block = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Wishes:
    """What a new run file is made of; files are paths, Hub ids, or mappings as in a run file.

    Attributes:
        model: the encoder; None takes a BERT for the languages.
        source_language, target_language: codes such as `en`; the target may have none.
    """

    train: str
    validation: str
    text: Sequence[str]
    questions: Sequence[str] = ()
    source_questions: Sequence[str] = ()
    dictionary: str | None = None
    gold: str | None = None
    model: str | None = None
    source_language: str = "en"
    target_language: str | None = None


def new_run_file(wishes: Wishes, output_dir: str) -> str:
    """The text of a run file with comments. Raises TofError if a file cannot be read or used.

    Example:
        >>> text = new_run_file(Wishes("en/train.txt", "en/valid.txt", ["es.txt"], target_language="es"), "runs/es")
    """
    values = _files(wishes) | {"output_dir": output_dir}
    config = load_config(values)
    check_place(Path(output_dir))
    inputs = Inputs(config)
    rows = {option: inputs.one(option, file, kind) for option, file, kind in data_files(config)}
    scored = {
        option: part for option, part in rows.items() if option in ("source.train", "source.validation", "target.gold")
    }
    for finding in look_for_overlaps(scored)[1]:
        if finding.level == "error":
            raise TargetLabelLeak(f"{finding.found}. What to do: {finding.fix}")
    types, about_types = _types(rows["source.train"], wishes.source_language)
    for option in ("source.validation", "target.gold"):
        if option in rows:
            _map_labels(values, option, rows[option], types, about_types.get("label_map", {}))
    blocks = _head(values, rows) + [(COMMENTS[name], {name: value}) for name, value in about_types.items()]
    if wishes.dictionary is not None:
        blocks.append(_translation(wishes, rows["source.train"]))
    blocks += _training(config, rows, types)
    text = "\n".join(f"{_comment(about)}{dump_yaml(options)}" for about, options in blocks)
    load_config(parse_yaml(text, name="the new run file"))  # a mistake here is one of ours
    return text


def _files(wishes: Wishes) -> dict[str, Any]:
    """The parts of the run file that name the encoder and data."""
    source: dict[str, Any] = {"train": _file(wishes.train), "validation": _file(wishes.validation)}
    target: dict[str, Any] = {"name": wishes.target_language or "target", "text": [_file(one) for one in wishes.text]}
    if wishes.source_questions:
        source["mrc"] = [_file(one) for one in wishes.source_questions]
    if wishes.questions:
        target["mrc"] = [_file(one) for one in wishes.questions]
    if wishes.gold is not None:
        target["gold"] = _file(wishes.gold)
    english = wishes.source_language == wishes.target_language == "en"
    return {"model": wishes.model or (ENGLISH if english else MULTILINGUAL), "source": source, "target": target}


def _file(text: str) -> Any:
    """A path, or the mapping that stands in `{path: x, columns: ...}`."""
    return parse_yaml(text, name=text) if text.lstrip().startswith("{") else text


def _types(train: Dataset, language: str) -> tuple[list[str], dict[str, Any]]:
    """The entity types that the tagger will know, and the options that give each of them a query."""
    types = [kind for kind, count in entities_by_type(train).items() if count]
    packaged = language != "en" and language in packaged_names()
    known = load_queries(language if packaged else None)
    missing, sets = without_query(types, known)
    if not missing or sets:
        return types, {"queries": sets[0]} if sets else {"queries": language} if packaged else {}
    renamed = {old: new for old, new in suggest_label_map(missing, known).items() if new != "O"}
    own = {kind: f"{kind} entities are names of the type {kind}." for kind in missing if kind not in renamed}
    options: dict[str, Any] = {"label_map": renamed} if renamed else {}
    if own:
        options["queries"] = (packaged_queries(language) if packaged else {}) | own
    elif packaged:
        options["queries"] = language
    return sorted({renamed.get(kind, kind) for kind in types}), options


def _map_labels(
    values: dict[str, Any], option: str, rows: Dataset, types: Sequence[str], then: Mapping[str, str]
) -> None:
    """Give the file of the option a label map if it has other types; `then` is that of the whole run."""
    section, _, key = option.partition(".")
    file = values[section][key]
    found = [then.get(kind, kind) for kind, count in entities_by_type(rows).items() if count]
    unknown = [kind for kind in found if kind not in types]
    label_map = suggest_label_map(unknown, types) or dict.fromkeys(unknown, "O")
    if not unknown:
        return
    if not {label_map.get(kind, kind) for kind in found} & set(types):
        raise DataError(
            f"entity types {', '.join(unknown)}, none of which has a name like those of the source, {', '.join(types)}",
            fix=f"give the label map with the file: '{{path: ..., label_map: {{{unknown[0]}: {types[0]}}}}}'.",
            path=file if isinstance(file, str) else file["path"],
        )
    options = {"path": file} if isinstance(file, str) else file
    values[section][key] = options | {"label_map": extended(options.get("label_map"), label_map)}


def _head(values: Mapping[str, Any], rows: Mapping[str, Dataset]) -> list[Block]:
    """The blocks about the encoder, the output and the data: a comment, and what it is about."""
    text = sum(len(part) for name, part in rows.items() if name.startswith("target.text"))
    train, validation = len(rows["source.train"]), len(rows["source.validation"])
    labelled = f"Labelled: {train:,} sentences to train on, {validation:,} to choose the best epochs."
    unlabelled = f"Unlabelled: {text:,} sentences; tags in the files are dropped when they are read."
    systems, trained = ["tof"], "What is trained: TOF."
    if "target.gold" in rows:
        unlabelled += f" Only the scorer reads the {len(rows['target.gold']):,} sentences of gold."
        systems = ["source_only", "tof"]
        trained = "What is trained: the source alone, the baseline to beat, and TOF; stages that they share run once."
    return [
        (
            "Made by `tof-hf init`; `tof-hf config` shows all options. The encoder, a folder or a Hub id, must know "
            "both languages.",
            {"model": values["model"], "output_dir": values["output_dir"]},
        ),
        (trained, {"systems": systems}),
        (labelled, {"source": values["source"]}),
        (unlabelled, {"target": values["target"]}),
    ]


def _translation(wishes: Wishes, train: Dataset) -> Block:
    """The dictionary, in the direction that fits, and the casing that the target's language needs."""
    dictionary = BilingualDictionary.from_file(str(wishes.dictionary))
    options: dict[str, Any] = {"dictionary": wishes.dictionary, "choice": "most_frequent"}
    try:
        check_direction(train, dictionary)
    except DataError:
        options["reverse"] = True
    if wishes.target_language == "de":  # nouns
        options["casing"] = "target"
    return "Word-by-word translations of the source are added to it.", {"translation": options}


def _training(config: TofConfig, rows: Mapping[str, Dataset], types: Sequence[str]) -> list[Block]:
    """The blocks about sizes and rates."""
    train = len(rows["source.train"])
    text = sum(len(part) for name, part in rows.items() if name.startswith("target.text"))
    asked = sum(len(part) for name, part in rows.items() if ".mrc" in name)
    blocks = _few(train, text, asked, types) if train <= FEW else _enough(train, text)
    window = load_encoder_tokenizer(config.model).model_max_length
    lower = {name: window for name in ("mlm", "mrc", "ner") if config.stages()[name].max_length > window}
    for _, options in blocks:
        for name in lower.keys() & options.keys():
            options[name] |= _window(name, window)
    named = {name for _, options in blocks for name in options}
    if rest := {name: _window(name, window) for name in lower if name not in named}:
        blocks.append((f"The encoder takes {window} pieces at most.", rest))
    return blocks


def _window(name: str, window: int) -> dict[str, int]:
    return {"max_length": window} | ({"stride": window // 4} if name == "mrc" else {})


def _few(train: int, text: int, asked: int, types: Sequence[str]) -> list[Block]:
    """Those of `preset: small`, with epochs enough for as many steps as it was chosen for."""
    questions = min(train, 500) * len(types) + asked
    rows = {"mlm": min(text, 600), "mrc": questions, "ner": train, "pseudo_ner": min(text, 1000)}
    usual = {"mlm": 1, "mrc": 1, "ner": 3, "pseudo_ner": 2}
    epochs = {
        name: min(MOST_EPOCHS, max(usual[name], math.ceil(usual[name] * MEASURED[name] / max(1, count))))
        for name, count in rows.items()
    }
    training: dict[str, dict[str, Any]] = {
        name: {"num_train_epochs": count} for name, count in epochs.items() if count > usual[name]
    }
    if "pseudo_ner" in training:
        training["continual_ner"] = dict(training["pseudo_ner"])
    blocks: list[Block] = [
        (
            f"{train:,} labelled sentences are few: with the paper's batches of 64 a tagger would make too few steps. "
            "This preset has batches of 8, higher rates, and the source in the last stage too, so that the tagger does "
            "not forget it. It reads 600 sentences of the target with masks and labels 1,000; on a GPU raise "
            "mlm.max_sentences, labelling.max_sentences and the caps of mrc.",
            {"preset": "small"},
        )
    ]
    if training:
        said = "More epochs than the preset has, so that so few sentences make as many steps as it was chosen for."
        blocks.append((said, training))
    return blocks


def _enough(train: int, text: int) -> list[Block]:
    """The paper's, but for what was measured, or what would take days."""
    blocks: list[Block] = [
        (
            f"{train:,} labelled sentences are enough for the paper's batches, rates and epochs, which suit a BERT on "
            "a GPU. Unlike the paper the last stage learns from the source too, so that the tagger does not forget it. "
            "`preset: small` has sizes for two processor cores.",
            {"preset": "paper", "continual_ner": {"use_source": True}, "mrc": {"negative_windows": 0.25}},
        )
    ]
    if text > MANY:
        said = f"Of {text:,} sentences of the target, to start with; more take longer."
        blocks.append((said, {"mlm": {"max_sentences": MANY}, "labelling": {"max_sentences": MANY}}))
    return blocks


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in textwrap.wrap(text, WIDTH))
