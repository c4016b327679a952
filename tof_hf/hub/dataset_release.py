"""Data sets made in a run, for the Hub: the source as questions, and the target text with its last pseudo-labels."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset
from huggingface_hub import DatasetCardData

from tof_hf.algorithm.training_data import TofData
from tof_hf.data.licences import may_share
from tof_hf.data.mrc_conversion import ner_to_mrc
from tof_hf.errors import DataError, TofError
from tof_hf.hub.card import front_matter, render
from tof_hf.hub.released_run import ReleasedRun
from tof_hf.hub.upload import Bundle, check_name
from tof_hf.run.record import DataRecord
from tof_hf.stages.record import RECORD, StageRecord
from tof_hf.storage.cache import is_cached


@dataclass(frozen=True)
class _Kind:
    """One kind of data set: the options that name the data it is made of, and what its card says."""

    sources: tuple[str, ...]
    title: str
    category: str


KINDS = {  # by option of `release`
    "mrc_repo": _Kind(("source.train",), "Labelled sentences as questions", "question-answering"),
    "pseudo_labels_repo": _Kind(
        ("target.text", "target.labels"), "Raw text with the labels of a tagger", "token-classification"
    ),
}


def mrc_bundle(run: ReleasedRun, repo: str, read: Callable[[], TofData]) -> Bundle:
    """The labelled source in MRC form (the paper's D_s,nm), for `release.mrc_repo`; `read` returns the run's data.

    Raises TofError if the licence of the source does not let others publish it; then nothing is read.
    """
    shareable_records(run.lineage.data, "mrc_repo")
    data = read()
    return _bundle("mrc_repo", run, repo, ner_to_mrc(data.source, data.queries), questions=data.queries)


def pseudo_label_bundle(run: ReleasedRun, repo: str) -> Bundle:
    """The target text with the last labels that a stage was trained on, for `release.pseudo_labels_repo`.

    If `labelling.selection` selected some of them, only those. Raises TofError if the licence of the text does not let
    others publish it, DataError if the run made no labels or its labels have been changed.
    """
    shareable_records(run.lineage.data, "pseudo_labels_repo")
    if not run.labelled:
        raise DataError("a run without pseudo-labels.", fix="leave release.pseudo_labels_repo out.", path=run.folder)
    last = run.labelled[-1]
    file = run.folder / (last.selection or last).file
    made = StageRecord.read_if_whole(file.parent / RECORD)
    if not is_cached(file) or (made is not None and made.key != run.lineage.stages[last.tagger].key):
        raise DataError(
            "no pseudo-labels, or not those that the run made.",
            fix="start the same run again, which repeats the labelling.",
            path=file,
        )
    return _bundle("pseudo_labels_repo", run, repo, Dataset.from_parquet(str(file)), last=last)


def shareable_records(data: Sequence[DataRecord], option: str) -> list[DataRecord]:
    """The files that the data set for this option of `release` is made of (target.text may name several).

    Raises TofError if the licence of one of them does not let others publish what is made of it.
    """
    records = [
        record
        for record in data
        if any(record.option == source or record.option.startswith(f"{source}.") for source in KINDS[option].sources)
    ]
    for record in records:
        if not may_share(record.license):
            found = f"has the licence {record.license!r}" if record.license else "has no stated licence"
            raise TofError(
                f"release.{option}: {record.option} ({record.name}) {found}, and what is made of it may be published "
                "only where its licence allows it; nothing was published. What to do: leave the data set out, or, if "
                f"you know that its licence allows changed copies, name it in {record.option}.license (an id of the "
                "Hub such as cc-by-4.0) and start the same run again: finished stages are reused."
            )
    return records


def _bundle(option: str, run: ReleasedRun, repo: str, rows: Dataset, **values: Any) -> Bundle:
    check_name(repo)
    kind, records = KINDS[option], shareable_records(run.lineage.data, option)
    buffer = io.BytesIO()
    rows.to_parquet(buffer)
    licenses = sorted({record.license for record in records if record.license})
    header = DatasetCardData(
        license=licenses[0] if len(licenses) == 1 else licenses,
        task_categories=[kind.category],
        tags=["named-entity-recognition", "zero-resource", "tof-hf"],
        configs=[{"config_name": "default", "data_files": [{"split": "train", "path": "train.parquet"}]}],
    )
    values |= {"header": front_matter(header), "repo": repo, "title": kind.title, "lineage": run.lineage}
    card = render(f"{option}.md.jinja", records=records, rows=rows, **values)
    files = {"README.md": card.encode(), "train.parquet": buffer.getvalue()}
    return Bundle(repo, files, message=f"{kind.title}, by tof_hf", repo_type="dataset")
