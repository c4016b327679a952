"""The model card: everything in it about the model comes from the run's own record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined

from tof_hf.algorithm.history import LabellingRecord
from tof_hf.algorithm.recipes import RECIPES
from tof_hf.hub.released_run import METRICS, MeanScore, ReleasedRun
from tof_hf.run.record import DataRecord
from tof_hf.stages.name import StageName

SPLITS = {"target": "target", "source_test": "source test", "source_validation": "source validation"}
WHAT = {
    "mlm": "masked language modelling",
    "mrc": "reading comprehension: questions about texts, answered by spans",
    "ner": "NER",
    "pseudo_ner": "NER on labels of its own",
    "translated_ner": "NER on translated sentences",
    "tuned_ner": "NER on translated sentences, started from another tagger",
    "distillation": "its teachers' class probabilities",
}
FROM_TARGET = {"target", "target_qa", "pseudo", "taught"}  # kinds of training rows
_LANGUAGE = re.compile(r"[a-z]{2}")  # three letters would make languages of `bio` and `law`


def model_card(run: ReleasedRun, repo: str, *, license: str | None = None, language: Sequence[str] = ()) -> str:
    """The text of README.md for the tagger of a run.

    Args:
        run: The record of the finished run, with the scores of one seed or the means of several.
        repo: The repository that it is published in, `user/name`.
        license: The licence of the tagger, by its id on the Hub.
        language: Language codes; by default the name of the target, if that is one.

    Returns:
        Markdown with a YAML header.

    Example:
        >>> text = model_card(read_released_run(Path("runs/es")), "user/tagger-es")
    """
    lineage = run.lineage
    language = list(language) or ([lineage.target] if _LANGUAGE.fullmatch(lineage.target) else [])
    labelled = [entry for entry in run.history.pseudo_labels if set(entry.used_by) & set(run.all_stages)]
    system = RECIPES.get(run.final.system)
    return render(
        "model_card.md.jinja",
        header=_header(run, repo, license, language).to_yaml(),
        repo=repo,
        name=repo.rpartition("/")[2],
        run=run,
        license=license,
        language=language,
        diagram=_diagram(run, labelled),
        final_scores=[score for split in SPLITS if (score := run.of(run.final.stage, split))],
        ends=[_end(run, name) for name in lineage.systems],
        splits={s: name for s, name in SPLITS.items() if run.of(run.final.stage, s)},
        split_names=SPLITS,
        labelled=labelled,
        alarms=[(entry.tagger, alarm) for entry in labelled for alarm in entry.health.alarms],
        forgotten=[drop for drop in run.history.forgetting if drop.kept in run.all_stages],
        uses_target=any(FROM_TARGET & set(lineage.stages[stage].rows) for stage in run.all_stages),
        origin=system and system.citation,
        kinds={StageName.parse(stage).kind for stage in run.all_stages},
        validated_on=_validated_on(run),
        what=lambda stage: WHAT.get(StageName.parse(stage).kind, StageName.parse(stage).kind),
        last=_short,
        **{name: getattr(lineage, name) for name in type(lineage).model_fields},
    )


def render(template: str, **values: Any) -> str:
    """The page with these values filled in; a missing value is an error."""
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


def _short(stage: str) -> str:
    return StageName.parse(stage).short


def _header(run: ReleasedRun, repo: str, license: str | None, language: list[str]) -> ModelCardData:
    lineage = run.lineage
    # The scores of these weights, not means over seeds.
    scored = {score.split: score for score in run.own if score.checkpoint == run.final.stage}
    split = next((split for split in SPLITS if split in scored), "")
    option = {"target": "target.gold", "source_test": "source.test", "source_validation": "source.validation"}.get(
        split
    )
    results = [
        EvalResult(
            task_type="token-classification",
            task_name="Named entity recognition",
            dataset_type=_identifier(file),
            dataset_name=f"{file.name} ({SPLITS[split]})",
            dataset_split=split,
            metric_type=name,
            metric_name=f"{name} (whole entities, seqeval default mode)",
            metric_value=round(scored[split].means[name], 4),
        )
        for file in lineage.data
        if file.option == option
        for name in METRICS
    ]
    return ModelCardData(
        language=language or None,
        license=license,
        library_name="transformers",
        pipeline_tag="token-classification",
        tags=["named-entity-recognition", "zero-resource", "tof-hf"],
        base_model=lineage.encoder.name if lineage.encoder.hub else None,
        datasets=sorted({one.name.partition(":")[0] for one in lineage.data if one.hub}) or None,
        metrics=list(METRICS),
        model_name=repo.rpartition("/")[2],
        eval_results=results or None,
    )


def _identifier(record: DataRecord) -> str:
    """A Hub id, or a name of the characters that the Hub allows in its place."""
    return record.name.partition(":")[0] if record.hub else re.sub(r"[^A-Za-z0-9_.-]+", "-", record.name)


def _validated_on(run: ReleasedRun) -> str:
    """The data that the best checkpoints of the tagger's stages were selected on, in words."""
    words = {"source": "labelled source sentences", "translated": "their translations"}
    words |= {"ner_mrc": "source labels turned into questions", "qa": "source question answering"}
    stages = [run.lineage.stages[stage].validation_rows for stage in run.all_stages]
    kinds = dict.fromkeys(kind for stage in reversed(stages) for kind in stage)
    return ", ".join(words.get(kind, kind) for kind in kinds)


def _diagram(run: ReleasedRun, labelled: Sequence[LabellingRecord]) -> str:
    """The stages from the encoder to the tagger, one line each."""
    entities = {entry.tagger: (sum(entry.entities.values()), entry.sentences) for entry in labelled}
    lines = [run.lineage.encoder.name]
    width = max(len(_short(stage)) for stage in run.path) + 2
    for stage in run.path:
        rows = " + ".join(f"{count:,} {what}" for what, count in run.lineage.stages[stage].rows.items())
        lines += ["  |", f" {_short(stage):{width}}{rows}"]
        if stage in entities:
            lines.append("  |--> labels {1:,} target sentences: {0:,} entities".format(*entities[stage]))
    return "\n".join([*lines, "  v", "this tagger"])


def _end(run: ReleasedRun, system: str) -> dict[str, Any]:
    """The last scores of a system, by split, without those of a stage that it did not continue from."""
    discarded = run.lineage.systems[system].discarded_stages()
    scores: dict[str, MeanScore] = {
        score.split: score for score in run.scores if score.system == system and score.checkpoint not in discarded
    }
    return {"system": system, "scores": scores}


def _cell(value: Any) -> str:
    """A value in a Markdown table."""
    return str(value).replace("|", "\\|").replace("\n", " ")
