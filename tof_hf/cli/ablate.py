"""`tof-hf ablate`: the tables of the paper from one run file."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tof_hf.cli.common import add_run_file, show
from tof_hf.errors import ConfigError
from tof_hf.utils.log import say
from tof_hf.utils.processes import is_main_process
from tof_hf.utils.runtime import configure_runtime
from tof_hf.utils.systems import BENCHMARKS

if TYPE_CHECKING:
    from tof_hf.experiments.ablation.rows import Row

HELP = "make the tables of the paper: many rows and seeds, shared stages trained once"
USAGE = "tof-hf ablate CONFIG [KEY=VALUE ...] [options]"  # behind an option with several values, CONFIG would be one
MOST_SEEDS = 100  # a single number up to this is how many seeds, a larger one is a seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_run_file(parser)
    tables = "tables of the paper: 1 systems (the default), 2 without one kind of data, 3 order, 4 another encoder"
    parser.add_argument("--tables", nargs="+", type=int, metavar="N", help=tables)
    parser.add_argument("--rows", nargs="+", default=[], metavar="NAME", help="only these rows (of all tables)")
    parser.add_argument("--rows-file", type=Path, metavar="FILE", help="rows of your own (YAML: name, system, set)")
    parser.add_argument("--swap-model", metavar="ENCODER", help="the other encoder of Table 4")
    seeds = f"how many seeds, starting at the run file's (5); several numbers, or one over {MOST_SEEDS}, are seeds"
    parser.add_argument("--seeds", nargs="+", type=int, default=[5], metavar="N", help=seeds)
    parser.add_argument("--baseline", metavar="ROW", help="row to compare all others with (the paper's baseline)")
    benchmark = f"show the paper's numbers for {', '.join(BENCHMARKS)} or none (target.benchmark)"
    parser.add_argument("--benchmark", help=benchmark)
    parser.add_argument("--out", type=Path, metavar="DIR", help="output folder (OUTPUT_DIR/ablation)")
    into = "also put the tables into a Markdown page, replacing those of this NAME (the target's)"
    parser.add_argument("--into", metavar="PAGE[#NAME]", help=into)
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="seeds at a time, each on its own GPU (1)")
    parser.add_argument("--finished", action="store_true", help="only make tables of finished runs; train nothing")
    parser.add_argument("--plan", action="store_true", help="list what would be trained or reused; train nothing")


def run(options: argparse.Namespace) -> int | None:
    """Run the command."""
    from tof_hf.experiments.ablation.formats import markdown
    from tof_hf.experiments.ablation.pages import check_page, parse_page, put_into
    from tof_hf.experiments.ablation.runs import set_up
    from tof_hf.experiments.ablation.sweep import ablate, plan
    from tof_hf.experiments.ablation.table import failures

    configure_runtime()
    if options.jobs < 1 or (options.jobs > 1 and int(os.environ.get("WORLD_SIZE", "1")) > 1):
        raise ConfigError("--jobs must be at least 1; more than 1 does not work under accelerate launch.")
    count_or_seed = len(options.seeds) == 1 and options.seeds[0] <= MOST_SEEDS
    seeds = options.seeds[0] if count_or_seed else options.seeds
    ablation = set_up(options.config, options.overrides, rows=_rows(options), seeds=seeds, out=options.out)
    benchmark = _benchmark(options.benchmark, ablation.benchmark)
    if options.baseline is not None and options.baseline not in ablation.names:
        raise ConfigError(f"--baseline {options.baseline} is none of the rows: {', '.join(ablation.names)}.")
    page, command = parse_page(options.into, ablation.target), command_line(options)
    if page is not None:
        check_page(*page)
    for row, why in ablation.left_out:
        say(f"left out: {row.name} ({row.title}): {why}")
    if len(ablation.seeds) > 1:
        say(f"{len(ablation.seeds)} seeds: {', '.join(map(str, ablation.seeds))}")
    if options.plan:
        show(plan(ablation))
        return None
    results, outcomes = ablate(
        ablation,
        jobs=options.jobs,
        baseline=options.baseline,
        benchmark=benchmark,
        publish=None if page is None else lambda so_far: put_into(*page, so_far, command),
        finished=options.finished,
    )
    failed = failures(outcomes)
    show(markdown(results), end="")
    say(f"written: {ablation.out}/table.md, .csv, .tex and .json")
    for failure in [*failed, "the same command retries what failed and reuses the rest"] if failed else []:
        show(f"tof-hf: {failure}", file=sys.stderr)
    if page is not None and is_main_process():
        put_into(*page, results, command)  # an error now; during the sweep it was a warning
    return 2 if failed else 0


def _rows(options: argparse.Namespace) -> list[Row]:
    """The rows that the options ask for: by table, from a file, by name."""
    from tof_hf.experiments.ablation.rows import chosen, rows_from, rows_of

    fourth = [4] if options.swap_model else []
    by_default = [1, 2, 3, *fourth] if options.rows else fourth or ([] if options.rows_file else [1])
    tables = by_default if options.tables is None else options.tables
    if fourth and 4 not in tables:
        raise ConfigError("--swap-model is for Table 4. Add 4 to --tables, or leave --swap-model out.")
    rows = [row for table in dict.fromkeys(tables) for row in rows_of(table, swap_model=options.swap_model)]
    if options.rows_file is not None:
        rows += rows_from(options.rows_file)
    if taken := [name for name in options.rows if "=" in name]:
        raise ConfigError(f"--rows took {taken[0]} as well. Put options of the run file right after CONFIG.")
    return chosen(rows, options.rows)


def command_line(options: argparse.Namespace) -> str:
    """The command that makes the same tables, without the options for the place of the output and for devices."""
    words = ["tof-hf", "ablate", options.config, *options.overrides]
    for name in ("tables", "rows", "seeds", "rows_file", "swap_model", "baseline", "benchmark"):
        if value := getattr(options, name):
            words += [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
    return shlex.join(words)


def _benchmark(named: str | None, own: str | None) -> str | None:
    """The benchmark whose published numbers are shown: the named one, or that of the run file."""
    if named not in (None, "none", *BENCHMARKS):
        raise ConfigError(f"--benchmark {named} is none of {', '.join(BENCHMARKS)}, none.")
    return None if named == "none" else named or own
