"""Data sets made in a run, for the Hub: the source as questions, and the target text with its last pseudo-labels."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from datasets import Dataset
from huggingface_hub import DatasetCardData

from tof_hf.algorithm.history import SelectionRecord
from tof_hf.algorithm.training_data import TofData
from tof_hf.data.licences import may_share
from tof_hf.data.mrc_conversion import ner_to_mrc
from tof_hf.errors import DataError, TofError
from tof_hf.hub.card import render
from tof_hf.hub.released_run import ReleasedRun
from tof_hf.hub.upload import Bundle, check_name
from tof_hf.run.record import DataRecord
from tof_hf.storage.cache import is_cached


def mrc_bundle(run: ReleasedRun, repo: str, read: Callable[[], TofData]) -> Bundle:
    """The labelled source in MRC form (the paper's D_s,nm), for `release.mrc_repo`; `read` returns the run's data.

    Raises TofError if the licence of the source does not let others publish it; then nothing is read.
    """
    records = records_of(run.lineage.data, "source.train")
    check_shareable(records, "release.mrc_repo")
    data = read()
    rows = ner_to_mrc(data.source, data.queries)
    return _bundle(
        repo,
        rows,
        records,
        run,
        title="Labelled sentences as questions",
        category="question-answering",
        how="Every labelled sentence is asked one question for every entity type; the entities of the type are the "
        "answers, as character spans (`end` exclusive), several or none.",
        facts={
            f"Question for {label}": question
            for label, question in data.queries.items()
            if label in run.lineage.entity_types
        },
    )


def pseudo_label_bundle(run: ReleasedRun, repo: str) -> Bundle:
    """The target text with the last labels that a stage was trained on, for `release.pseudo_labels_repo`.

    If `labelling.selection` selected some of them, only those. Raises TofError if the licence of the text does not let
    others publish it, DataError if the run made no labels or its labels have been changed.
    """
    records = records_of(run.lineage.data, "target.text")
    check_shareable(records, "release.pseudo_labels_repo")
    used = [entry for entry in run.history.pseudo_labels if set(entry.used_by) & set(run.all_stages)]
    if not used:
        raise DataError("a run without pseudo-labels.", fix="leave release.pseudo_labels_repo out.", path=run.folder)
    last = used[-1]
    chosen = last.selection
    sure = chosen is not None and chosen.by != "all"
    file = run.folder / (chosen or last).file
    if not is_cached(file):
        raise DataError(
            "no pseudo-labels, or not those that the run made.",
            fix="start the same run again, which repeats the labelling.",
            path=file,
        )
    return _bundle(
        repo,
        Dataset.from_parquet(str(file)),
        records,
        run,
        title="Raw text with the labels of a tagger",
        category="token-classification",
        how="The labels were given by a tagger that never saw a label of this text: they are predictions, with "
        "errors, not gold. `ner_probabilities` has the probability of each word's label." + (_CHOSEN if sure else ""),
        facts={f"{label} entities": f"{count:,}" for label, count in (chosen or last).entities.items()}
        | {f"Mean probability in {'all ' if sure else ''}entities": last.mean_entity_probability or "no entity"}
        | {"Tagger": last.tagger}
        | ({} if chosen is None else _selection(chosen, last.sentences, run.lineage.options)),
    )


_CHOSEN = (
    " Only labels that were sure enough to learn from are here. Where there is a column `ner_unsure`, words that are "
    "true in it were left out of the loss, and entities with such a word are not counted below."
)


def _selection(chosen: SelectionRecord, sentences: int, options: Mapping[str, Any]) -> dict[str, str]:
    """How labels were chosen, and how many of all `sentences`, for the card."""
    number = {"threshold": "labelling.threshold", "per_type_quota": "labelling.quota"}.get(chosen.by)
    by = chosen.by if number is None else f"{chosen.by} {options[number]}"
    chosen_of = f"{chosen.sentences:,} of {sentences:,} sentences"
    facts = {} if by == "all" else {"Chosen": f"{chosen_of}, by {by}, level {chosen.level}"}
    texts = ", ".join(f"{text} ({count:,})" for text, count in chosen.no_entities.items())
    return facts | ({"Labelled, but taken for no entity": texts} if texts else {})


def records_of(data: Sequence[DataRecord], option: str) -> list[DataRecord]:
    """The record of every file that the option names (target.text may name several)."""
    return [record for record in data if record.option == option or record.option.startswith(f"{option}.")]


def check_shareable(records: Sequence[DataRecord], option: str) -> None:
    """Raise TofError if the licence of any of the data does not let others publish what is made of it."""
    for record in records:
        if not may_share(record.license):
            found = f"has the licence {record.license!r}" if record.license else "has no stated licence"
            raise TofError(
                f"{option}: {record.option} ({record.name}) {found}, and what is made of it may be published "
                "only where its licence allows it; nothing was published. What to do: leave the data set out, or, if "
                f"you know that its licence allows changed copies, name it in {record.option}.license (an id of the "
                "Hub such as cc-by-4.0) and start the same run again: finished stages are reused."
            )


def _bundle(
    repo: str,
    rows: Dataset,
    records: Sequence[DataRecord],
    run: ReleasedRun,
    *,
    title: str,
    category: str,
    how: str,
    facts: Mapping[str, Any],
) -> Bundle:
    check_name(repo)
    buffer = io.BytesIO()
    rows.to_parquet(buffer)
    licenses = sorted({record.license for record in records if record.license})
    header = DatasetCardData(
        license=licenses[0] if len(licenses) == 1 else licenses,
        task_categories=[category],
        tags=["named-entity-recognition", "zero-resource", "tof-hf"],
        configs=[{"config_name": "default", "data_files": [{"split": "train", "path": "train.parquet"}]}],
    )
    card = render(
        "dataset_card.md.jinja",
        header=header.to_yaml(),
        repo=repo,
        title=title,
        how=how,
        facts=facts,
        records=records,
        rows=len(rows),
        columns={name: str(feature) for name, feature in rows.features.items()},
        versions=run.lineage.versions,
    )
    files = {"README.md": card.encode(), "train.parquet": buffer.getvalue()}
    return Bundle(repo, files, message=f"{title}, by tof_hf", repo_type="dataset")
