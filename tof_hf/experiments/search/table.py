"""The tables of a search, as Markdown, CSV and JSON, written after every trial."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple

from tof_hf.experiments.ablation.formats import csv_text
from tof_hf.experiments.search.trials import Search, Trial
from tof_hf.storage.files import write_json, write_text
from tof_hf.utils.log import say
from tof_hf.utils.markdown import as_table, escape
from tof_hf.utils.processes import is_main_process

_KEYS = ("settings", "score", "reader_f1", "seconds", "error")  # of a trial in table.json


def write_trials(search: Search, trials: Iterable[Trial], *, total: int) -> list[Trial]:
    """The trials; after each of them, a line of progress and OUT/table.md, table.csv and table.json are written."""
    done: list[Trial] = []
    for trial in trials:
        done.append(trial)
        how = "failed" if trial.score is None else f"F1 {100 * trial.score:.2f} on source validation"
        say(f"{len(done)} of {total}: {' '.join(trial.settings)}: {how}")
        if is_main_process():
            _write(search, done)
    return done


def _write(search: Search, trials: Sequence[Trial]) -> None:
    write_text(search.out / "table.md", markdown(search, trials))
    header = ["options", "source_validation_f1", "mrc_span_f1", "seconds", "error"]
    rows = [[" ".join(one.settings), one.score, one.span_f1, one.seconds, one.error] for one in trials]
    write_text(search.out / "table.csv", csv_text(header, rows))
    about = {"stage": search.stage, "by": search.by, "system": search.system, "options": list(search.overrides)}
    records = [dict(zip(_KEYS, astuple(trial), strict=True)) for trial in trials]
    write_json(search.out / "table.json", about | {"trials": records})


def markdown(search: Search, trials: Sequence[Trial]) -> str:
    """One line for each trial, scores in percent, the best one marked."""
    best = max((trial.score for trial in trials if trial.score is not None), default=None)
    lines = [["options", "F1", "MRC spans F1", ""]]
    for trial in trials:
        scores = ["" if f1 is None else f"{100 * f1:.2f}" for f1 in (trial.score, trial.span_f1)]
        mark = "failed" if trial.score is None else "best" if trial.score == best and best > 0 else ""
        lines.append([" ".join(trial.settings), *scores, mark])
    after = "the first tagger after it" if search.by == "ner" and not search.own else "the stage itself"
    about = f"{search.stage} of {search.system}: F1 of {after} on source validation. No label of the target is read."
    failed = [f"- {escape(' '.join(trial.settings))}: {escape(trial.error)}" for trial in trials if trial.error]
    return "\n".join([about, "", as_table(lines, left=1), *([""] if failed else []), *failed]) + "\n"
