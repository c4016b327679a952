"""A run to the Hub: its tagger and, if asked for, the data sets made on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from datasets import Dataset

from tof_hf.algorithm.training_data import TofData
from tof_hf.config import ReleaseConfig, load_config
from tof_hf.errors import DataError
from tof_hf.hub.dataset_release import check_shareable, mrc_bundle, pseudo_label_bundle, records_of
from tof_hf.hub.model_release import model_bundle
from tof_hf.hub.released_run import ReleasedRun, read_released_run
from tof_hf.hub.upload import Bundle, open_repository, publish
from tof_hf.run.inputs import Inputs
from tof_hf.run.record import DataRecord


def prepare(
    folder: str | Path,
    release: ReleaseConfig,
    *,
    other_seeds: Sequence[str | Path] = (),
    datasets: Mapping[str, Dataset] | None = None,
) -> list[Bundle]:
    """All that `push` publishes of the finished run in `folder`, the tagger last; nothing asks the Hub.

    `other_seeds`: folders of the same run with other seeds, whose scores go into the card's means. `datasets`: those
    that the run was given in place of files. For `release.mrc_repo` the source is read again, from where the run had
    it. Raises a TofError for what cannot or must not be published.
    """
    run = read_released_run(Path(folder), [Path(other) for other in other_seeds])
    bundles = []
    if release.mrc_repo:
        bundles.append(mrc_bundle(run, release, lambda: _same_data(run, datasets)))
    if release.pseudo_labels_repo:
        bundles.append(pseudo_label_bundle(run, release))
    return [*bundles, model_bundle(run, release)]


def push(bundles: Sequence[Bundle], *, private: bool = False) -> list[str]:
    """The addresses of what was published, one commit each. Raises HubError; the same call may follow any failure."""
    for bundle in bundles:  # nothing is published if one of them is in vain
        open_repository(bundle.repo, repo_type=bundle.repo_type, private=private)
    return [publish(bundle, private=private) for bundle in bundles]


def check_before_training(release: ReleaseConfig, records: Sequence[DataRecord]) -> None:
    """Raise a TofError if what the run is to publish at its end must not or cannot be published."""
    if release.mrc_repo:
        check_shareable(records_of(records, "source.train"), "release.mrc_repo")
    if release.pseudo_labels_repo:
        check_shareable(records_of(records, "target.text"), "release.pseudo_labels_repo")
    open_repository(release.repo, private=release.private)
    for repo in filter(None, (release.mrc_repo, release.pseudo_labels_repo)):
        open_repository(repo, repo_type="dataset", private=release.private)


def _same_data(run: ReleasedRun, datasets: Mapping[str, Dataset] | None) -> TofData:
    """The data of the run, read again. Raises DataError if it is no longer what it was."""
    inputs = Inputs(load_config(run.folder / "config.yaml"), datasets)
    data = inputs.training()
    then = {record.option: record.fingerprint for record in run.lineage.data}
    for record in inputs.records:
        if then.get(record.option) != record.fingerprint:
            raise DataError(
                f"other rows in {record.option} ({record.name}) than the run was made of.",
                fix="bring the file back, or start the same run again.",
                path=run.folder,
            )
    return data
