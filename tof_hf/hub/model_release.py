"""A run's tagger for the Hub: which of its files go there, with its card and its record."""

from __future__ import annotations

from pathlib import Path

from tof_hf.config import ReleaseConfig
from tof_hf.errors import DataError
from tof_hf.hub.card import model_card
from tof_hf.hub.released_run import ReleasedRun
from tof_hf.hub.upload import Bundle, check_name, matches
from tof_hf.modeling.checkpoints import MODEL_FILES
from tof_hf.run.record import LINEAGE, RESULTS

# Anything else in final/ is not published: optimizer states, training arguments with the paths of this machine, files
# that somebody put there.


def model_bundle(run: ReleasedRun, release: ReleaseConfig) -> Bundle:
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
    names = [name for name in found if matches(name, MODEL_FILES)]
    if "config.json" not in names or not any(name.endswith(".safetensors") for name in names):
        raise DataError(
            "no tagger in safetensors form (config.json, model.safetensors).",
            fix="start the same run again: finished stages are reused and final/ is rewritten.",
            path=final,
        )
    card = model_card(run, release.repo, license=release.license, language=release.language)
    files: dict[str, Path | bytes] = {name: final / name for name in names}
    files |= {name: run.folder / name for name in (LINEAGE, RESULTS)}
    return Bundle(
        release.repo,
        files | {"README.md": card.encode()},
        message="Tagger with its card and record, by tof_hf",
        revision=release.revision,
        replaces=MODEL_FILES,
        left_out=[f"final/{name}" for name in found if name not in names],
    )
