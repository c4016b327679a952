"""The model card: every word of it that is about this model comes from the run's own record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined

from tof_hf.hub.run_record import NAMES, RunRecord, Score
from tof_hf.steps import MIXED

SPLITS = {"target": "target", "source_test": "source test", "source_validation": "source validation"}
WHAT = {
    "mlm": "masked language modelling",
    "mrc": "reading comprehension: questions about texts, answered by spans",
    "ner": "NER",
    "pseudo_ner": "NER on labels of its own",
    "translated_ner": "NER on translated sentences",
    "tuned_ner": "NER on translated sentences, going on from another tagger",
    "distillation": "its teachers' class probabilities",
}
FROM_TARGET = {"target", "target_qa", "pseudo", "taught"}  # kinds of training rows
ORIGINS = {
    "adaptabert": "Han and Eisenstein (2019), Unsupervised Domain Adaptation of Contextualized Embeddings for Sequence "
    "Labeling",
    "tsl": "Wu et al. (2020), Single-/Multi-Source Cross-Lingual NER via Teacher-Student Learning on Unlabeled Data in "
    "Target Language",
    "unitrans": "Wu et al. (2020), UniTrans: Unifying Model Transfer and Data Transfer for Cross-Lingual Named Entity "
    "Recognition with Unlabeled Data",
}
ORIGINS["adaptabert_translation"] = ORIGINS["adaptabert"]
_LANGUAGE = re.compile(r"[a-z]{2}")  # with three letters `bio` and `law` would be languages


def model_card(run: RunRecord, repo: str, *, license: str | None = None, language: Sequence[str] = ()) -> str:
    """The text of README.md for the tagger of a run in the repository `repo`."""
    lineage = run.lineage
    language = list(language) or ([lineage["target"]] if _LANGUAGE.fullmatch(lineage["target"]) else [])
    final = lineage["final"]["stage"]
    journey = lineage["systems"][lineage["final"]["system"]]
    labelled = [entry for entry in journey["pseudo_labels"] if set(entry["used_by"]) & set(run.chain)]
    kinds = {kind_of(stage) for stage in run.chain}
    return render(
        "model_card.md.jinja",
        header=_header(run, repo, license, language).to_yaml(),
        repo=repo,
        name=repo.rpartition("/")[2],
        run=run,
        license=license,
        language=language,
        diagram=_diagram(run, labelled),
        final_scores=[score for split in SPLITS if (score := run.of(final, split))],
        ends=[_end(run, system) for system in lineage["systems"]],
        splits={s: name for s, name in SPLITS.items() if run.of(final, s)},
        split_names=SPLITS,
        labelled=labelled,
        alarms=[(entry["tagger"], alarm) for entry in labelled for alarm in entry.get("health", {}).get("alarms", [])],
        forgotten=[drop for drop in journey.get("forgetting", []) if drop.get("kept") in run.chain],
        uses_target=any(FROM_TARGET & set(lineage["stages"][s]["rows"]) for s in run.chain),
        origin=ORIGINS.get(lineage["final"]["system"]),
        kinds=kinds,
        validated_on=_validated_on(run),
        what=lambda stage: WHAT.get(kind_of(stage), kind_of(stage)),
        last=lambda stage: stage.rpartition("-")[2],
        **lineage,
    )


def render(template: str, **values: Any) -> str:
    """A page of this package filled in; a value that the page needs and does not get is an error."""
    pages = Environment(
        loader=PackageLoader("tof_hf.hub", "pages"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # it is Markdown
    )
    pages.filters["percent"] = lambda value: f"{100 * value:.2f}"
    pages.filters["thousands"] = lambda value: f"{value:,}"
    pages.filters["cell"] = _cell
    return pages.get_template(template).render(**values)


def kind_of(stage: str) -> str:
    """What the stage of this name does: its last part without the round and the marks of translated and source data."""
    return re.sub(r"\d*(_tr)?(_mix)?$", "", stage.rpartition("-")[2])


def _header(run: RunRecord, repo: str, license: str | None, language: list[str]) -> ModelCardData:
    lineage = run.lineage
    final = lineage["final"]["stage"]
    # The value of these very weights, not a mean over seeds.
    scored = {score.split: score for score in run.own if score.checkpoint == final}
    own = next((scored[split] for split in SPLITS if split in scored), None)
    split = own and own.split
    files = {"target": "target.gold", "source_test": "source.test", "source_validation": "source.validation"}
    data = {record["option"]: record for record in lineage["data"]}
    results = []
    if split is not None and files[split] in data:
        file = data[files[split]]
        results = [
            EvalResult(
                task_type="token-classification",
                task_name="Named entity recognition",
                dataset_type=_identifier(file),
                dataset_name=f"{file['name']} ({SPLITS[split]})",
                dataset_split=split,
                metric_type=name,
                metric_name=f"{name} (whole entities, seqeval default mode)",
                metric_value=round(own.means[name], 4),
            )
            for name in NAMES
        ]
    return ModelCardData(
        language=language or None,
        license=license,
        library_name="transformers",
        pipeline_tag="token-classification",
        tags=["named-entity-recognition", "zero-resource", "tof-hf"],
        base_model=lineage["encoder"]["name"] if lineage["encoder"]["hub"] else None,
        datasets=sorted({d["name"].partition(":")[0] for d in lineage["data"] if d["hub"]}) or None,
        metrics=list(NAMES),
        model_name=repo.rpartition("/")[2],
        eval_results=results or None,
    )


def _identifier(record: dict[str, Any]) -> str:
    """A Hub id, or a name of the characters that the Hub allows in its place."""
    return record["name"].partition(":")[0] if record["hub"] else re.sub(r"[^A-Za-z0-9_.-]+", "-", record["name"])


def _validated_on(run: RunRecord) -> str:
    """What the best checkpoints of the tagger's stages were chosen by, in words."""
    told = {"source": "labelled source sentences", "translated": "their translations"}
    told |= {"ner_mrc": "source labels turned into questions", "qa": "source question answering"}
    stages = [run.lineage["stages"][stage]["validation_rows"] for stage in run.chain]
    kinds = dict.fromkeys(kind for stage in reversed(stages) for kind in stage)
    return ", ".join(told.get(kind, kind) for kind in kinds)


def _diagram(run: RunRecord, labelled: Sequence[dict[str, Any]]) -> str:
    """The way from the encoder to the tagger, one line a stage."""
    entities = {entry["tagger"]: (sum(entry["entities"].values()), entry["sentences"]) for entry in labelled}
    lines = [f"{run.lineage['encoder']['name']}"]
    width = max(len(stage.rpartition("-")[2]) for stage in run.way) + 2
    for stage in run.way:
        rows = " + ".join(f"{count:,} {what}" for what, count in run.lineage["stages"][stage]["rows"].items())
        lines += ["  |", f" {stage.rpartition('-')[2]:{width}}{rows}"]
        if stage in entities:
            lines.append("  |--> labels {1:,} target sentences: {0:,} entities".format(*entities[stage]))
    return "\n".join([*lines, "  v", "this tagger"])


def _end(run: RunRecord, system: str) -> dict[str, Any]:
    """The last scores of a system, by split; those of a stage that it did not go on from do not count."""
    found: dict[str, Score] = {}
    left = {drop["stage"] + MIXED for drop in run.lineage["systems"][system].get("forgetting", [])}
    left -= {drop.get("kept") for drop in run.lineage["systems"][system].get("forgetting", [])}
    for score in run.scores:
        if score.system == system and score.checkpoint not in left:
            found[score.split] = score
    return {"system": system, "scores": found}


def _cell(value: Any) -> str:
    """A value in a Markdown table."""
    return str(value).replace("|", "\\|").replace("\n", " ")
