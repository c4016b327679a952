"""`tof-hf ablate`: the tables of the paper from one run file."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from tof_hf.cli.arguments import Commands, add_run_file
from tof_hf.errors import ConfigError
from tof_hf.utils.log import say
from tof_hf.utils.processes import is_main_process
from tof_hf.utils.runtime import configure_runtime

MOST_SEEDS = 100  # a single number up to this is how many seeds, a larger one is a seed


def add_ablate(commands: Commands) -> None:
    """Add the command to the program."""
    about = "the tables of the paper: many rows and seeds, common stages once"
    usage = "tof-hf ablate CONFIG [KEY=VALUE ...] [options]"  # a list of names would take CONFIG for one more
    parser = commands.add_parser("ablate", help=about, usage=usage)
    parser.set_defaults(command=_ablate)
    add_run_file(parser)
    tables = "tables of the paper: 1 systems (the default), 2 without one kind of data, 3 order, 4 another encoder"
    parser.add_argument("--tables", nargs="+", type=int, metavar="N", help=tables)
    parser.add_argument("--rows", nargs="+", default=[], metavar="NAME", help="only these rows (of all tables)")
    parser.add_argument("--rows-file", type=Path, metavar="FILE", help="rows of your own (YAML: name, system, set)")
    parser.add_argument("--swap-model", metavar="ENCODER", help="the other encoder of Table 4")
    seeds = f"how many, from the run file's on (5); several numbers, or one over {MOST_SEEDS}, are the seeds themselves"
    parser.add_argument("--seeds", nargs="+", type=int, default=[5], metavar="N", help=seeds)
    parser.add_argument("--baseline", metavar="ROW", help="what all rows are compared with (the paper's baseline)")
    benchmarks = "whose published numbers stand beside: es, nl, de, cbs, twitter, wnut16, none (target.benchmark)"
    parser.add_argument("--benchmark", help=benchmarks)
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to (OUTPUT_DIR/ablation)")
    into = "put the tables into a Markdown page as well, in place of those of this NAME (the target's)"
    parser.add_argument("--into", metavar="PAGE[#NAME]", help=into)
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="seeds at a time, each on its own GPU (1)")
    finished = "tables of the runs that are finished, and train nothing"
    parser.add_argument("--finished", action="store_true", help=finished)
    parser.add_argument("--plan", action="store_true", help="say what would be trained or reused, and train nothing")


def _ablate(options: argparse.Namespace) -> int:
    from tof_hf.experiments.ablation.formats import markdown
    from tof_hf.experiments.ablation.pages import check_page, place, put_into
    from tof_hf.experiments.ablation.runs import set_up
    from tof_hf.experiments.ablation.sweep import ablate, left_out, plan
    from tof_hf.experiments.ablation.table import failures

    configure_runtime()
    if options.jobs < 1 or (options.jobs > 1 and int(os.environ.get("WORLD_SIZE", "1")) > 1):
        raise ConfigError("--jobs needs a number from 1 on, and a single process: start it without a launcher.")
    ablation = set_up(
        options.config, options.overrides, rows=_rows(options), seeds=_seeds(options.seeds), out=options.out
    )
    benchmark = _benchmark(options.benchmark, ablation.benchmark)
    if options.baseline is not None and options.baseline not in ablation.names:
        raise ConfigError(f"--baseline {options.baseline} is none of the rows: {', '.join(ablation.names)}.")
    into, told = place(options.into, ablation.target), shlex.join(_told(options))
    if into is not None:
        check_page(*into)
    for line in left_out(ablation):
        say(line)
    if len(ablation.seeds) > 1:
        say(f"{len(ablation.seeds)} seeds: {', '.join(map(str, ablation.seeds))}")
    if options.plan:
        print(plan(ablation))
        return 0
    results, outcomes = ablate(
        ablation,
        jobs=options.jobs,
        baseline=options.baseline,
        benchmark=benchmark,
        publish=None if into is None else lambda found: put_into(*into, found, told),
        finished=options.finished,
    )
    if is_main_process():
        print(markdown(results), end="")
        say(f"written: {ablation.out}/table.md, .csv, .tex and .json")
        for failure in (failed := failures(outcomes)):
            print(f"tof-hf: {failure}", file=sys.stderr)
        if failed:
            print("tof-hf: the same command tries again what failed, and reuses the rest", file=sys.stderr)
        if into is not None:
            put_into(*into, results, told)  # during the sweep a page that cannot be written was a warning
    return 2 if failures(outcomes) else 0


def _rows(options: argparse.Namespace) -> list:
    """The rows that were asked for: of tables, of a file, by name."""
    from tof_hf.experiments.ablation.rows import chosen, rows_from, rows_of

    fourth = [4] if options.swap_model else []
    tables = options.tables
    if fourth and tables is not None and 4 not in tables:
        raise ConfigError("--swap-model is for Table 4. Add 4 to --tables, or leave --swap-model out.")
    if tables is None and options.rows:
        tables = [1, 2, 3, *fourth]
    elif tables is None:
        tables = fourth or ([] if options.rows_file else [1])
    rows = [row for table in dict.fromkeys(tables) for row in rows_of(table, swap_model=options.swap_model)]
    if options.rows_file is not None:
        rows += rows_from(options.rows_file)
    if taken := [name for name in options.rows if "=" in name]:
        raise ConfigError(f"--rows took {taken[0]} as well. Options of the run file stand right behind CONFIG.")
    return chosen(rows, options.rows)


def _told(options: argparse.Namespace) -> list[str]:
    """The command that gives the same tables, without where they go and on how many devices."""
    words = ["tof-hf", "ablate", options.config, *options.overrides]
    for name in ("tables", "rows", "seeds"):
        if getattr(options, name):
            words += [f"--{name}", *map(str, getattr(options, name))]
    for name in ("rows_file", "swap_model", "baseline", "benchmark"):
        if getattr(options, name) is not None:
            words += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    return words


def _seeds(given: list[int]) -> list[int] | int:
    if len(given) == 1 and given[0] <= MOST_SEEDS:
        return given[0]
    return given


def _benchmark(named: str | None, own: str | None) -> str | None:
    """The benchmark whose published numbers stand beside: the named one, or that of the run file."""
    from tof_hf.experiments.ablation.published import BENCHMARKS

    if named not in (None, "none", *BENCHMARKS):
        raise ConfigError(f"--benchmark {named} is none of {', '.join(BENCHMARKS)}, none.")
    return None if named == "none" else named or own
