"""What is published says nothing about this machine: its folders, its users and the passwords in its addresses."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tof_hf.storage.files import json_text, read_json

# The folders of an absolute path, or of one that leads upwards, anywhere in a text; not of an address such as https://.
_FOLDERS = re.compile(
    r"""(?:(?<=[\s=:,;|'"(\[{])|^)(?:file://)?(?:[A-Za-z]:[\\/]|\\\\|(?:~[\w.-]*|\.\.)?/(?!/))(?=\S)"""
    r"""(?:[^\\/:,;|'"\n]*[\\/])+"""
)
_LOGIN = re.compile(r"(\w+://)[^\s/@]*@")
_QUERY = re.compile(r"(\w+://[^\s?#]*)[?#]\S*")
_SETTINGS = ("config.json", "tokenizer_config.json", "special_tokens_map.json", "lineage.json", "results.json")


def public(value: Any) -> Any:
    """The value; each text in it, at any depth, as `public_name` returns it."""
    return _mapped(value, public_name)


def public_name(name: str) -> str:
    """A Hub id or an address as it is, without its login and query; a local path by its last part and its config."""
    path = local_path(name) or name
    config = name.removeprefix(path)
    if path.startswith(("~", ".")) or os.path.isabs(path) or local_path(path):
        full = os.path.abspath(os.path.expanduser(path))
        path = "~" if full == os.path.expanduser("~") else os.path.basename(full)
    return without_folders(f"{path}{config}")


def local_path(name: str) -> str | None:
    """The existing file or folder that the name is, or that `folder:config` begins with; None if there is none."""
    paths = (name, name.partition(":")[0])
    return next((path for path in paths if path and os.path.exists(os.path.expanduser(path))), None)


def without_folders(text: str) -> str:
    """The text with each path of this machine in it cut to its last part, and addresses without login and query."""
    home = os.path.expanduser("~")
    if len(home) > 1:
        text = re.sub(rf"{re.escape(home)}(?![^\s/\\:,;|'\"])", "~", text)
    return _FOLDERS.sub("", _QUERY.sub(r"\1", _LOGIN.sub(r"\1", text)))


def published(file: Path) -> Path | bytes:
    """The file; if it has settings or a record with paths of this machine, its content with them cut."""
    if file.name not in _SETTINGS or (content := read_json(file)) is None:
        return file
    return file if _mapped(content, without_folders) == content else published_json(content)


def published_json(content: Any) -> bytes:
    """Settings as a file's content, with paths of this machine in them cut."""
    return json_text(_mapped(content, without_folders)).encode()


def remove_folders(model: Path) -> None:
    """Cut the paths of this machine in the settings of a saved model: some libraries save where it was loaded from."""
    for file in model.glob("*.json"):
        if isinstance(content := published(file), bytes):
            file.write_bytes(content)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_mapped(one, change) for one in value]
    if isinstance(value, dict):
        return {_mapped(key, change): _mapped(one, change) for key, one in value.items()}
    return change(value) if isinstance(value, str) else value
