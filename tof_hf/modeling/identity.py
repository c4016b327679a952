"""The identity of a pretrained encoder: the content of a folder, or the commit of a Hub repository."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from tof_hf.errors import ModelError
from tof_hf.modeling.checkpoints import read_config

# In the order in which transformers looks for them; an index names further files.
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_IGNORED_SETTINGS = {"transformers_version", "_name_or_path", "dtype", "torch_dtype"}  # always loaded as float32


def encoder_key(name_or_path: str) -> str:
    """The identity of a pretrained encoder: a hash of the folder's weights and config, or the Hub id and its commit.

    It leaves out the tokenizer, which a stage's fingerprint has anyway.
    """
    folder = Path(name_or_path)
    if not folder.is_dir():
        return "@".join(filter(None, (name_or_path, hub_commit(name_or_path, ask=True))))
    digest = hashlib.sha256(json.dumps(_config(folder / "config.json"), sort_keys=True).encode())
    for file in weight_files(folder):
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]


def weight_files(folder: Path) -> list[Path]:
    """The files that the weights of a folder are loaded from, without copies in other formats."""
    first = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if first is None:  # names of older libraries
        return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
    if first.suffix != ".json":
        return [first]
    shards = json.loads(first.read_text(encoding="utf-8"))["weight_map"].values()
    return [file for name in sorted(set(shards)) if (file := folder / name).is_file()]


def hub_commit(name: str, *, ask: bool = False) -> str | None:
    """The commit of a Hub repository in the local cache; None if it is not there.

    `ask`: download its config first if it is not in the cache.
    """
    commit = _cached_commit(name)
    if commit is None and ask:
        with contextlib.suppress(ModelError):  # loading will say what is wrong
            read_config(name)
            commit = _cached_commit(name)
    return commit


def _cached_commit(name: str) -> str | None:
    try:
        found = None if Path(name).exists() else try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        return None
    return Path(found).parent.name if isinstance(found, str) else None


def _config(file: Path) -> dict[str, Any]:
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # loading will say what is wrong
    return {name: value for name, value in config.items() if name not in _IGNORED_SETTINGS}
