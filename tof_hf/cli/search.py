"""`tof-hf search`: choose options of a stage on source validation."""

import argparse
from pathlib import Path

from tof_hf.cli.common import add_run_file, show
from tof_hf.errors import ConfigError
from tof_hf.utils.log import say
from tof_hf.utils.runtime import configure_runtime
from tof_hf.utils.systems import DEFAULT_SYSTEM

HELP = "choose options of a stage on source validation, never on the target"
USAGE = "tof-hf search CONFIG [KEY=VALUE ...] --stage STAGE [options]"  # behind --values, CONFIG would be a value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_run_file(parser)
    stage = "mlm, mrc, ner, pseudo_ner, continual_mrc or continual_ner; distillation with --system tsl or unitrans"
    parser.add_argument("--stage", required=True, help=stage)
    parser.add_argument("--field", default="learning_rate", help="option of the stage to search (learning_rate)")
    parser.add_argument("--values", nargs="+", help="values to try (the paper's nine learning rates)")
    by = "the F1 that decides: that of the first tagger after the stage (ner, the default), or of the stage itself"
    parser.add_argument("--by", choices=["ner", "stage"], default="ner", help=by)
    parser.add_argument("--system", default=DEFAULT_SYSTEM, help=f"system that the stage belongs to ({DEFAULT_SYSTEM})")
    parser.add_argument("--trials", type=int, metavar="N", help="let optuna draw this many trials (extra: search)")
    space = "what optuna draws from: KEY=LOW:HIGH, KEY=LOW:HIGH:log or KEY=VALUE,VALUE; instead of --field"
    parser.add_argument("--space", nargs="+", default=[], metavar="KEY=...", help=space)
    out = "output folder (OUTPUT_DIR/search/STAGE, and after it what is not the default: STAGE-SYSTEM-by_stage-OPTION)"
    parser.add_argument("--out", type=Path, metavar="DIR", help=out)
    parser.add_argument("--stages", type=Path, metavar="DIR", help="folder of the stages (that of tof-hf ablate)")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from tof_hf.config.yaml import parse_yaml
    from tof_hf.experiments.ablation.rows import override
    from tof_hf.experiments.search.table import markdown, write_trials
    from tof_hf.experiments.search.trials import (
        LEARNING_RATES,
        Dimension,
        best_of,
        draw,
        parse_dimension,
        set_up,
        try_all,
    )
    from tof_hf.run.validation import check_place
    from tof_hf.storage.lock import lock_files, only_run_in

    configure_runtime()
    _check(options)
    key = options.field if "." in options.field else f"{options.stage}.{options.field}"
    values = [parse_yaml(text, name=f"--values {text}") for text in options.values or []] or list(LEARNING_RATES)
    space = [parse_dimension(text, options.stage) for text in options.space] or [Dimension(key, tuple(values))]
    default = options.trials is None and key == f"{options.stage}.learning_rate"
    search = set_up(
        options.config,
        options.overrides,
        stage=options.stage,
        by=options.by,
        system=options.system,
        options=[] if default else [dimension.key for dimension in space],
        out=options.out,
        stages=options.stages,
    )
    place = "output_dir" if options.out is None else "--out"
    check_place(search.out, place)
    lock_files(search.out, "table.md", "table.csv", "table.json").check(place)
    with only_run_in(search.out):
        if options.trials is None:
            trials = try_all(search, [[override(key, value)] for value in values])
        else:
            trials = draw(search, space, options.trials)
        done = write_trials(search, trials, total=options.trials or len(values))
    show(markdown(search, done), end="")
    say(f"written: {search.out}/table.md, .csv and .json")
    show(" ".join(best_of(done).settings))


def _check(options: argparse.Namespace) -> None:
    """Raise ConfigError for options that do not go together."""
    if options.values is None and options.field != "learning_rate" and not options.space:
        raise ConfigError(f"--field {options.field} needs --values; only learning_rate has default values.")
    if options.space and (options.values is not None or options.field != "learning_rate"):
        raise ConfigError("Use either --space, or --field and --values, not both.")
    if options.space and options.trials is None:
        raise ConfigError("--space is for optuna: say how many trials to draw with --trials.")
    if options.trials is not None and options.trials < 1:
        raise ConfigError(f"--trials {options.trials} draws nothing. Use a number from 1.")
    if taken := [text for text in options.values or [] if "=" in text]:
        raise ConfigError(f"--values took {taken[0]} as well. Put options of the run file right after CONFIG.")
