"""The model card: everything in it about the model comes from the run's own record."""

import re
from collections.abc import Sequence
from typing import Any

from huggingface_hub import CardData, EvalResult, ModelCardData
from markupsafe import Markup

from tof_hf.algorithm.recipes import RECIPES
from tof_hf.algorithm.scores import SPLITS
from tof_hf.config.row_kinds import RowKind
from tof_hf.config.stage_name import StageName
from tof_hf.data.words import LEGACY, PATTERNS, SPACY
from tof_hf.hub.released_run import METRICS, ReleasedRun
from tof_hf.utils.templates import templates
from tof_hf.utils.text import printable

GOLD = {"target": "target.gold", "source_test": "source.test", "source_validation": "source.validation"}
_LANGUAGE = re.compile(r"[a-z]{2}")  # three letters would make languages of `bio` and `law`

PAGES = templates("tof_hf.hub", "markdown")
PAGES.filters |= {
    "kind": lambda stage: StageName.parse(stage).kind,
    "short": lambda stage: StageName.parse(stage).short,
}


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
    lineage, license = run.lineage, license and printable(license)
    language = list(language) or ([lineage.target] if _LANGUAGE.fullmatch(lineage.target) else [])
    stages = [lineage.stages[stage] for stage in run.all_stages]
    rule = lineage.word_rule or LEGACY
    return render(
        "model_card.md.jinja",
        header=front_matter(_header(run, repo, license, language)),
        repo=repo,
        run=run,
        lineage=lineage,
        license=license,
        language=language,
        spacy_language=rule.removeprefix(SPACY) if rule.startswith(SPACY) else "",
        legacy_pattern=Markup(PATTERNS[LEGACY]),
        scores={split: score for split in SPLITS if (score := run.mean(run.final.stage, split))},
        split_names=SPLITS,
        ends=run.last_taggers(),
        distant=any(RowKind.DISTANT_MRC in stage.rows for stage in stages),
        uses_target=any(kind.from_target and kind in stage.rows for stage in stages for kind in RowKind),
        recipe=RECIPES.get(run.final.system),
        validation_kinds=list(dict.fromkeys(kind for stage in reversed(stages) for kind in stage.validation_rows)),
    )


def render(template: str, **values: Any) -> str:
    """The page with these values filled in; a missing value is an error."""
    return PAGES.get_template(template).render(**values)


def front_matter(data: CardData) -> Markup:
    """The YAML between the lines of three dashes."""
    return Markup(data.to_yaml())


def _header(run: ReleasedRun, repo: str, license: str | None, language: list[str]) -> ModelCardData:
    lineage = run.lineage
    # The scores of these weights, not means over seeds.
    own = {score.split: score for score in run.scores if score.checkpoint == run.final.stage}
    split = next((split for split in SPLITS if split in own), "")
    results = [
        EvalResult(
            task_type="token-classification",
            task_name="Named entity recognition",
            # A Hub id, or a name of the characters that the Hub allows in its place.
            dataset_type=file.name.partition(":")[0] if file.hub else re.sub(r"[^A-Za-z0-9_.-]+", "-", file.name),
            dataset_name=re.sub(r"[^\w .,:/()-]+", "-", f"{file.name} ({SPLITS[split]})"),
            dataset_split=split,
            metric_type=name,
            metric_name=f"{name} (whole entities, seqeval default mode)",
            metric_value=round(getattr(own[split], name), 4),
        )
        for file in lineage.data
        if file.option == GOLD.get(split)
        for name in METRICS
    ]
    return ModelCardData(
        language=language or None,
        license=license,
        library_name="transformers",
        pipeline_tag="token-classification",
        tags=["named-entity-recognition", "zero-resource", "tof-hf"],
        base_model=lineage.encoder.name if lineage.encoder.hub else None,
        datasets=sorted({file.name.partition(":")[0] for file in lineage.data if file.hub}) or None,
        metrics=list(METRICS),
        model_name=repo.rpartition("/")[2],
        eval_results=results or None,
    )
