"""Loading models with transformers, without ever running code that comes with a model.

A model folder can name Python files of its own (`auto_map`). By default transformers asks on standard input whether to
run them, so a script that pipes text into a command could approve them by accident.
"""

import difflib
import functools
import os
import re
from pathlib import Path
from typing import Any

from safetensors import safe_open

from tof_hf.errors import DataError, ModelError, reason_of
from tof_hf.utils.outside import MODEL_NUMBER, parse_json

# user/name, or one of the first models of the Hub, which had no user and still load by that name.
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+|(albert|bert|camembert|distilbert|distilroberta|roberta|xlm)-[\w.-]+")
_NO_MODEL = "no model can be loaded from there."
_NEVER = "tof_hf never runs code that comes with a model"
_STOCK = "an architecture that is part of transformers, such as google-bert/bert-base-multilingual-cased"


def load_pretrained(loader: Any, name_or_path: str, *, if_unreadable: str = _NO_MODEL, **loading: Any) -> Any:
    """The model, config or tokenizer that `loader`, an Auto class or another class, loads from a folder or Hub id.

    `loading` is passed to the loader. Raises ModelError for `trust_remote_code=True`, for a checkpoint that needs its
    own code, for a path that does not exist, and, with the text `if_unreadable`, if nothing can be loaded.
    """
    if loading.pop("trust_remote_code", False):
        found = f"{name_or_path}: found trust_remote_code=True, but {_NEVER}"
        raise ModelError(f"{found}. What to do: leave it out, and choose {_STOCK}.")
    _check_name(str(name_or_path))
    try:
        _check_numbers(Path(name_or_path))
        return loader.from_pretrained(name_or_path, trust_remote_code=False, **loading)
    except Exception as problem:  # transformers and tokenizers raise whatever wrong content leads to
        if isinstance(problem, ModelError):
            raise
        raise ModelError(
            _needs_code(name_or_path, problem) or f"{name_or_path}: {if_unreadable} {reason_of(problem)}"
        ) from problem


def _check_numbers(folder: Path) -> None:
    """Raise a TofError for a number in a model's files that would take all memory before transformers checks it.

    Examples are a billion labels, more layers than there are tensors, and a word piece with the number 2^31.
    """
    files = {file: file.stat() for name in ("config.json", "tokenizer.json") if (file := folder / name).is_file()}
    contents = {file.name: _object(file, facts.st_mtime_ns, facts.st_size) for file, facts in files.items()}
    tensors = 0
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="np") as header:
            tensors += len(header.keys())
    for name, value in contents.get("config.json", {}).items():
        if tensors and "layer" in name and isinstance(value, int) and value > tensors:
            raise ModelError(f"{folder}: config.json has {name}={value}, but there are only {tensors} tensors.")


@functools.lru_cache(maxsize=8)
def _object(file: Path, time: int, size: int) -> dict[str, Any]:
    def checked(text: str) -> int:
        MODEL_NUMBER.check(number := int(text), path=file)
        return number

    content = parse_json(file.read_bytes(), path=file, parse_int=checked)
    if not isinstance(content, dict):
        raise DataError(f"JSON of type {type(content).__name__}.", fix="give a JSON object.", path=file)
    return content


def _check_name(name: str) -> None:
    """Raise ModelError for a mistyped path, which would cost a minute of retries if the Hub were asked for it."""
    if os.path.exists(name):
        return
    path = Path(name)
    if os.path.isdir(path.parent):
        folders = {folder.name: folder for folder in path.parent.glob("*/")}
        near = difflib.get_close_matches(path.name, folders, n=1)
    else:  # perhaps the folder that it is in was mistyped
        inside = [folder / path.name for folder in path.parent.parent.glob("*/")]
        folders = {folder.parent.name: folder for folder in inside if os.path.isdir(folder)}
        near = difflib.get_close_matches(path.parent.name, folders, n=1)
    if near or not _HUB_ID.fullmatch(name):
        found = folders[near[0]] if near else path
        hint = f" Did you mean {os.path.join(found.parent, found.name)}?" if near else ""
        raise ModelError(
            f"{name}: no folder of this name.{hint} Check the path, which is relative to the current folder; an id of "
            "the Hub has the form user/name."
        )


def make_from_config(loader: Any, config: Any, **options: Any) -> Any:
    """The model with random weights that the Auto class `loader` makes for a configuration.

    Raises ModelError if transformers has no such model for it.
    """
    try:
        return loader.from_config(config, trust_remote_code=False, **options)
    except Exception as problem:  # see load_pretrained
        name = config.name_or_path or config.model_type
        reason = str(problem).partition("\n")[0]  # a list of all architectures follows
        raise ModelError(
            _needs_code(name, problem) or f"{name}: no {loader.__name__} can be made. {reason} Choose {_STOCK}."
        ) from problem


def _needs_code(name_or_path: str, problem: Exception) -> str | None:
    """The message for a checkpoint that only loads with its own code; None for another problem."""
    if "trust_remote_code=True" not in str(problem):  # what transformers advises
        return None
    return (
        f"{name_or_path}: found a model that needs Python code of its own (auto_map in its config.json or "
        f"tokenizer_config.json), but {_NEVER}. What to do: choose {_STOCK}."
    )
