"""`tof-hf search`: options of a stage chosen on source validation."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tof_hf.cli.arguments import Commands, add_run_file
from tof_hf.errors import ConfigError
from tof_hf.storage.files import write_json, write_text
from tof_hf.utils.log import say
from tof_hf.utils.markdown import as_table
from tof_hf.utils.processes import is_main_process
from tof_hf.utils.runtime import configure_runtime

if TYPE_CHECKING:
    from tof_hf.experiments.search.trials import Search, Trial


def add_search(commands: Commands) -> None:
    """Add the command to the program."""
    about = "choose options of a stage on source validation, never on the target"
    usage = "tof-hf search CONFIG [KEY=VALUE ...] --stage STAGE [options]"  # --values would take CONFIG for one more
    parser = commands.add_parser("search", help=about, usage=usage)
    parser.set_defaults(command=_search)
    add_run_file(parser)
    stages = "mlm, mrc, ner, pseudo_ner, continual_mrc or continual_ner; distillation with --system tsl or unitrans"
    parser.add_argument("--stage", required=True, help=stages)
    parser.add_argument("--field", default="learning_rate", help="the option of the stage (default: learning_rate)")
    parser.add_argument("--values", nargs="+", help="what to try (default: the paper's nine learning rates)")
    decides = "whose F1 decides: that of the first tagger after the stage (ner, the default), or the stage's own"
    parser.add_argument("--by", choices=["ner", "stage"], default="ner", help=decides)
    parser.add_argument("--system", default="tof", help="the system whose stage it is (default: tof)")
    parser.add_argument("--trials", type=int, metavar="N", help="let optuna draw this often (extra: search)")
    space = "what it draws from: KEY=LOW:HIGH, KEY=LOW:HIGH:log or KEY=VALUE,VALUE; instead of --field"
    parser.add_argument("--space", nargs="+", default=[], metavar="KEY=...", help=space)
    out = "where to (OUTPUT_DIR/search/STAGE, behind it what is not the default: STAGE-SYSTEM-by_stage-OPTION)"
    parser.add_argument("--out", type=Path, metavar="DIR", help=out)
    parser.add_argument("--stages", type=Path, metavar="DIR", help="folder of the stages (that of tof-hf ablate)")


def _search(options: argparse.Namespace) -> int:
    from tof_hf.config import load_config
    from tof_hf.config.yaml import parse_yaml
    from tof_hf.experiments.ablation.rows import override
    from tof_hf.experiments.search.spaces import Space, draw, parse_space
    from tof_hf.experiments.search.trials import LEARNING_RATES, best_of, set_up, try_all
    from tof_hf.run.validation import check_place
    from tof_hf.storage.lock import lock_files, only_run_in

    configure_runtime()
    if options.values is None and options.field != "learning_rate" and not options.space:
        raise ConfigError(f"--field {options.field} needs --values; only learning rates have values of their own.")
    if options.space and (options.values is not None or options.field != "learning_rate"):
        raise ConfigError("--space says what to try, and so do --field and --values. Drop one.")
    if options.space and options.trials is None:
        raise ConfigError("--space is for optuna: say with --trials how often it draws.")
    if options.trials is not None and options.trials < 1:
        raise ConfigError(f"--trials {options.trials} draws nothing. Take a number from 1 on.")
    key = options.field if "." in options.field else f"{options.stage}.{options.field}"
    texts = options.values or []
    if taken := [text for text in texts if "=" in text]:
        raise ConfigError(f"--values took {taken[0]} as well. Options of the run file stand right behind CONFIG.")
    values = [parse_yaml(text, name=f"--values {text}") for text in texts] or list(LEARNING_RATES)
    spaces = [parse_space(text, options.stage) for text in options.space] or [Space(key, tuple(values))]
    plain = options.trials is None and key == f"{options.stage}.learning_rate"
    search = set_up(
        options.config,
        options.overrides,
        stage=options.stage,
        by=options.by,
        system=options.system,
        options=[] if plain else [space.key for space in spaces],
        out=options.out,
        stages=options.stages,
    )
    place = "output_dir" if options.out is None else "--out"
    check_place(search.out, place)
    lock_files(search.out, "table.md", "table.csv", "table.json").check(place)

    def tell(done: Sequence[Trial]) -> None:
        if is_main_process():
            _write(search, done)

    with only_run_in(search.out):
        if options.trials is None:
            trials = try_all(search, [[override(key, value)] for value in values], tell)
        else:
            seed = load_config(options.config, options.overrides).seed
            trials = draw(search, spaces, options.trials, seed=seed, tell=tell)
    if is_main_process():
        print(markdown(search, trials), end="")
        say(f"written: {search.out}/table.md, .csv and .json")
    best = best_of(trials)
    if is_main_process():
        print(" ".join(best.settings))
    return 0


def _write(search: Search, trials: Sequence[Trial]) -> None:
    """Write OUT/table.md, table.csv and table.json."""
    write_text(search.out / "table.md", markdown(search, trials))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["options", "source_validation_f1", "mrc_span_f1", "seconds", "error"])
    writer.writerows([" ".join(one.settings), one.score, one.reader_f1, one.seconds, one.error] for one in trials)
    write_text(search.out / "table.csv", text.getvalue())
    told = {"stage": search.stage, "by": search.by, "system": search.system, "options": list(search.overrides)}
    write_json(search.out / "table.json", told | {"trials": [asdict(trial) for trial in trials]})


def markdown(search: Search, trials: Sequence[Trial]) -> str:
    """One line a trial, scores in percent, the best one marked."""
    best = max((trial.score for trial in trials if trial.score is not None), default=None)
    lines = [["options", "F1", "MRC spans F1", ""]]
    for trial in trials:
        scores = ["" if f1 is None else f"{100 * f1:.2f}" for f1 in (trial.score, trial.reader_f1)]
        mark = "failed" if trial.score is None else "best" if trial.score == best and best > 0 else ""
        lines.append([" ".join(trial.settings), *scores, mark])
    after = "the first tagger after it" if search.by == "ner" and not search.own else "the stage itself"
    told = f"{search.stage} of {search.system}: F1 of {after} on source validation. No label of the target is read."
    failed = [f"- {' '.join(trial.settings)}: {trial.error}" for trial in trials if trial.error]
    return "\n".join([told, "", as_table(lines, left=1), *([""] if failed else []), *failed]) + "\n"
