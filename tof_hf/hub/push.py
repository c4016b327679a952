"""Publishes a finished run on the Hub: its tagger and, if asked for, the data sets made on the way."""

import functools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from datasets import Dataset

from tof_hf.algorithm.training_data import TofData
from tof_hf.config import ReleaseConfig, TofConfig, load_config
from tof_hf.data import read_text
from tof_hf.data.words import LEGACY
from tof_hf.errors import DataError, TofError
from tof_hf.hub.card import model_card
from tof_hf.hub.dataset_release import KINDS, mrc_bundle, pseudo_label_bundle, shareable_records
from tof_hf.hub.released_run import ReleasedRun, read_released_run
from tof_hf.hub.upload import Bundle, check_name, matches, open_repository, publish
from tof_hf.modeling.checkpoints import MODEL_FILES, with_word_rule
from tof_hf.modeling.narrow_tagger import narrow_tagger
from tof_hf.run.inputs import Inputs
from tof_hf.run.record import LINEAGE, RESULTS, DataRecord
from tof_hf.storage.publishing import published, published_json
from tof_hf.utils.log import say
from tof_hf.utils.processes import is_main_process, main_process_first


def prepare(
    folder: str | Path,
    release: ReleaseConfig,
    *,
    other_seeds: Sequence[str | Path] = (),
    datasets: Mapping[str, Dataset] | None = None,
) -> list[Bundle]:
    """What `push` publishes of a finished run; the Hub is not contacted.

    Args:
        folder: The run's folder.
        release: What to publish, and under which names. For `mrc_repo` the source is read again, from the place where
            the run found it.
        other_seeds: Folders of the same run with other seeds; the card gives the means of all their scores.
        datasets: The datasets that the run used in place of files.

    Returns:
        One bundle for each repository, the tagger's last.

    Raises:
        TofError: The run is not finished, or something may not be published.

    Example:
        >>> push(prepare("runs/es", ReleaseConfig(repo="user/tagger-es")))
    """
    run = read_released_run(Path(folder), [Path(other) for other in other_seeds])
    bundles = []
    same_data = functools.cache(lambda: _same_data(run, datasets))
    if release.mrc_repo:
        bundles.append(mrc_bundle(run, release.mrc_repo, same_data))
    if release.pseudo_labels_repo:
        bundles.append(pseudo_label_bundle(run, release.pseudo_labels_repo))
    return [*bundles, _model_bundle(run, release, same_data)]


def push(bundles: Sequence[Bundle], *, private: bool = False) -> list[str]:
    """The addresses of what was published, one commit for each bundle.

    Args:
        bundles: The files of each repository, from `prepare`.
        private: Whether new repositories are private; existing ones must be then.

    Returns:
        One URL for each bundle.

    Raises:
        HubError: The Hub refused or could not be reached. The same call can be repeated after any failure.
    """
    for bundle in bundles:  # nothing is published unless all repositories can be written to
        open_repository(bundle.repo, repo_type=bundle.repo_type, private=private)
    return [publish(bundle, private=private) for bundle in bundles]


def check_before_training(config: TofConfig, records: Sequence[DataRecord]) -> None:
    """Raise a TofError if the run is to be published at its end, and may not or cannot be."""
    release = config.release
    if not config.push_to_hub or release.repo is None:
        return
    with main_process_first():
        repos = {option: repo for option in KINDS if (repo := getattr(release, option))}
        for option in repos:
            shareable_records(records, option)
        open_repository(release.repo, private=release.private)
        for repo in repos.values():
            open_repository(repo, repo_type="dataset", private=release.private)


def push_finished_run(config: TofConfig, datasets: Mapping[str, Dataset] | None) -> None:
    """Publish a finished run if its config says so. Raises a TofError; the run itself stays finished."""
    if not config.push_to_hub or not is_main_process():
        return
    try:
        bundles = prepare(config.output_dir, config.release, datasets=datasets)
        for address in push(bundles, private=config.release.private):
            say(f"published: {address}")
    except TofError as problem:
        hint = f"The run is finished; `tof-hf push {config.output_dir}` publishes it without training anything."
        raise TofError(f"{problem} {hint}") from problem


def _same_data(run: ReleasedRun, datasets: Mapping[str, Dataset] | None) -> TofData:
    """The data of the run, read again. Raises DataError if it is no longer what it was."""
    words = f"word_rule={run.lineage.word_rule or LEGACY}"
    inputs = Inputs(load_config(run.folder / "config.yaml", [words]), datasets)
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


def _sentences(data: TofData, release: ReleaseConfig) -> Iterator[list[str]]:
    """The words of every sentence of the run's data and of the texts whose pieces are to be kept too."""
    parts = [data.source, data.validation, data.target, data.target_test]
    parts += [read_text(file) for file in release.vocabulary_text]
    for rows in parts:
        if rows is not None:
            yield from rows["tokens"]


def _model_files(folder: Path, names: Sequence[str], word_rule: str | None) -> dict[str, Path | bytes]:
    """The files of a tagger with the rule by which it splits text into words, which a stage's own folder lacks."""
    files = {name: published(folder / name) for name in names}
    if word_rule is not None:
        files["config.json"] = published_json(with_word_rule(folder / "config.json", word_rule))
    return files


def _model_bundle(run: ReleasedRun, release: ReleaseConfig, data: Callable[[], TofData]) -> Bundle:
    """The tagger of a run with its card, its record and its scores, for `release.repo`; nothing asks the network.

    Raises DataError if there is no tagger in the run's folder, HubError if `release.repo` cannot be a name.
    """
    if release.repo is None:
        raise DataError("no repository.", fix="name one, USER/NAME, or set release.repo in the run file.")
    check_name(release.repo)
    final = run.folder / "final"
    if not final.is_dir() and (folder := run.lineage.stages[run.final.stage].folder):  # of a run with copy_final=False
        final = run.folder / folder / "model"
    found = sorted(path.relative_to(final).as_posix() for path in final.rglob("*") if path.is_file())
    # Not published: optimizer states, training arguments with the paths of this machine, files that somebody put there.
    names = [name for name in found if matches(name, MODEL_FILES)]
    if "config.json" not in names or not any(name.endswith(".safetensors") for name in names):
        raise DataError(
            "no tagger in safetensors form (config.json, model.safetensors).",
            fix="start the same run again: finished stages are reused and final/ is rewritten.",
            path=final,
        )
    card = model_card(run, release.repo, license=release.license, language=release.language)
    rule = run.lineage.word_rule
    files: dict[str, Path | bytes]
    if release.vocabulary == "narrow":
        with tempfile.TemporaryDirectory() as place:
            narrow_tagger(final, _sentences(data(), release), Path(place))
            narrow = _model_files(Path(place), [file.name for file in Path(place).iterdir()], rule)
            files = {name: file.read_bytes() if isinstance(file, Path) else file for name, file in narrow.items()}
    else:
        files = _model_files(final, names, rule)
    files |= {name: published(run.folder / name) for name in (LINEAGE, RESULTS)}
    return Bundle(
        release.repo,
        files | {"README.md": card.encode()},
        message="Tagger with its card and record, by tof_hf",
        revision=release.revision,
        replaces=MODEL_FILES,
        left_out=[f"final/{name}" for name in found if name not in names],
    )
