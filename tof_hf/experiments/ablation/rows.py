"""The rows of the paper's Tables 1 to 4, and rows of your own: a system and the options that make the row."""

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tof_hf.algorithm.recipe import Published
from tof_hf.algorithm.recipes import RECIPES, tof_wo_pseudo
from tof_hf.config import TofConfig
from tof_hf.config.loading import dotted
from tof_hf.config.problems import suggestion
from tof_hf.config.row_kinds import RowKind
from tof_hf.config.stages import STAGES
from tof_hf.config.yaml import packaged_yaml, parse_yaml, read_yaml
from tof_hf.errors import ConfigError

# The rows and numbers of Tables 2 to 4, whose keys the file explains; the recipes have those of Table 1.
_PAPER = packaged_yaml("tof_hf.experiments.ablation", "paper.yaml")
OWN = 0  # the table of rows from a file
TITLES = {table: about["title"] for table, about in _PAPER.items()} | {OWN: "Rows of your own"}
MRC_ENHANCING = tof_wo_pseudo.name  # the system of Tables 2 to 4: steps 1 to 3 of TOF
SWAPPED = "swapped_"  # how the names of rows with the other encoder begin


@dataclass(frozen=True)
class Row:
    """One row of a table: a system with options.

    Attributes:
        table: 1 to 4 for a table of the paper, 0 for a row of your own.
        name: the row's folder; rows of the same name in two tables are one run.
        title: the row's name in the tables.
        system: the recipe that trains it.
        set: options as `key=value`.
        needs: what the config must have for it: `dictionary`, `labels`, a stage, or a kind of rows of the MRC stage.
        claim: whether the row is meant to show that it is better than the baseline of its table, or worse.
        published: the paper's numbers by benchmark.

    Example:
        >>> Row(table=0, name="longer", title="Twice as long", system="tof", set=("ner.num_train_epochs=6",))
    """

    table: int
    name: str
    title: str
    system: str
    set: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    claim: Literal["better", "worse"] = "better"
    published: Mapping[str, Published] = field(default_factory=dict, repr=False, compare=False)


# Options that a row of your own cannot have, and why.
_FIXED = {
    "seed": "every row runs with all seeds, name them with --seeds",
    "output_dir": "all rows are in one folder, name it with --out",
    "systems": "name one with `system`, outside `set`",
    "push_to_hub": "a sweep publishes no run, `tof-hf push` does that with the folder of a run",
}


def rows_of(table: int, *, swap_model: str | None = None) -> list[Row]:
    """The rows of one of the paper's tables, in its order; Table 4 needs another encoder, `swap_model`.

    Raises ConfigError for a table that does not exist, or Table 4 without an encoder.
    """
    if table not in _PAPER:
        raise ConfigError(f"there is no Table {table}; the tables are {', '.join(map(str, _PAPER))}.")
    if table == 1:
        return [
            Row(1, name, one.title, name, needs=one.needs, published=one.published) for name, one in RECIPES.items()
        ]
    if table == 4 and swap_model is None:
        raise ConfigError("Table 4 needs another encoder. Name it with --swap-model, such as SpanBERT's folder.")
    return [_of_the_paper(table, name, swap_model or "", **row) for name, row in _PAPER[table]["rows"].items()]


def _of_the_paper(
    table: int,
    name: str,
    swap_model: str,
    *,
    title: str,
    set: Sequence[str] = (),
    needs: Sequence[str] = (),
    claim: Literal["better", "worse"] = "better",
    **numbers: Mapping[str, float],
) -> Row:
    system = name.removeprefix(SWAPPED)
    return Row(
        table,
        name,
        title.replace("ENCODER", Path(swap_model).name),
        system if system in RECIPES else MRC_ENHANCING,
        (override("model", swap_model),) if name.startswith(SWAPPED) else tuple(set),
        tuple(needs),
        claim,
        {bench: Published(**{kind: number}) for kind, known in numbers.items() for bench, number in known.items()},
    )


def baseline_of(table: int, names: Sequence[str]) -> str | None:
    """What the rows of a table, of these names, are compared with by default.

    Systems and rows of your own are compared with the last of the recipes marked as a baseline, or the first row; rows
    that show what one change does are compared with the unchanged one, or with none.
    """
    if table in (1, OWN):
        marked = [name for name, one in RECIPES.items() if one.baseline and name in names]
        return marked[-1] if marked else names[0]
    unchanged = next(iter(_PAPER[table]["rows"]))
    return unchanged if unchanged in names else None


def override(key: str, value: Any) -> str:
    """`key=value` for load_config; a string that YAML would read as something else is quoted, as JSON."""
    plain = isinstance(value, str) and re.fullmatch(r"[\w./-]+", value) and parse_yaml(value, name=key) == value
    return f"{key}={value if plain else json.dumps(value, ensure_ascii=False)}"


def rows_from(file: Path) -> list[Row]:
    """Rows of your own: a YAML list of `name`, `system`, and optionally `title` and `set` (`{key: value}`).

    Raises ConfigError for anything else.
    """
    values = read_yaml(file)
    if not isinstance(values, list) or not values:
        raise ConfigError(f"{file} needs a list of rows, each with name and system.")
    return [_own(value, f"{file}: row {number}") for number, value in enumerate(values, start=1)]


def _own(value: Any, place: str) -> Row:
    known = ("name", "system", "title", "set")
    if not isinstance(value, Mapping) or not {"name", "system"} <= value.keys() or value.keys() - set(known):
        raise ConfigError(f"{place} needs name and system, and may have title and set; nothing else.")
    texts = [value[key] for key in ("name", "system", "title") if key in value]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise ConfigError(f"{place}: name, system and title need to be strings.")
    name = value["name"]
    if name != Path(name).name or name.startswith(".") or name == "stages":
        raise ConfigError(f"{place}: the name {name!r} cannot be a folder's. Use letters, digits, - and _.")
    options = value.get("set") or {}
    if not isinstance(options, Mapping):
        raise ConfigError(f"{place}: set needs options, such as {{mrc.learning_rate: 2e-6}}.")
    flat = tuple(override(key, option) for key, option in dotted(options).items())
    if (why := _not_to_be_set(flat)) is not None:
        raise ConfigError(f"{place}: {why}")
    return Row(OWN, name, value.get("title", name), value["system"], flat)


def _not_to_be_set(options: Iterable[str]) -> str | None:
    """Why a row cannot set one of these `key=value`, or None: the sweep decides its folder, seed and score."""
    for key, _, value in (option.partition("=") for option in options):
        if (first := key.partition(".")[0]) in _FIXED:
            return f"a row cannot set {first}: {_FIXED[first]}."
        if key == "target.gold" and parse_yaml(value, name=key) is None:
            return "a row cannot set target.gold to null: the row is scored on it. Leave it out."
    return None


def not_for(row: Row, config: TofConfig, systems: Iterable[str]) -> str | None:
    """Why this config cannot have the row, or why its options would change nothing; else None."""
    if row.system not in systems:
        return f"there is no system {row.system} in this release"
    if (why := _not_to_be_set(row.set)) is not None:
        return why
    return next((why for need in row.needs if (why := _lacks(need, config))), None)


def _lacks(need: str, config: TofConfig) -> str | None:
    """Why the config lacks what a row needs: a dictionary, labels, a stage, or rows that the MRC stage trains on."""
    if need == "dictionary":
        return None if config.translation.dictionary else "translation.dictionary names no file"
    if need == "labels":
        return None if config.target.labels else "target.labels names no file"
    if need in STAGES:
        return None if config.stages()[need].enabled else f"{need}.enabled is false"
    used = config.mrc.uses(RowKind(need)) and need in config.available_rows()
    return None if used else f"the mrc stage has no {need} rows anyway"


def chosen(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """The rows of these names, in the order of the tables. Raises ConfigError for an unknown name."""
    known = list(dict.fromkeys(row.name for row in rows))
    for name in names:
        if name not in known:
            raise ConfigError(f"there is no row {name!r}.{suggestion(name, known)} The rows are {', '.join(known)}.")
    return [row for row in rows if row.name in names] if names else list(rows)


def check_names(rows: Sequence[Row]) -> None:
    """Raise ConfigError if two rows of one name are not the same run."""
    for row, other in itertools.combinations(rows, 2):
        if row.name == other.name and (row.system, row.set) != (other.system, other.set):
            raise ConfigError(f"two rows are called {row.name}, with different options. Rename one.")
        if (row.table, row.name) == (other.table, other.name):
            raise ConfigError(f"two rows of one table are called {row.name}. Rename one.")
