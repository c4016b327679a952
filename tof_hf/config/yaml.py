"""YAML 1.2 as people read it: `2e-6` is a number, `no` is text, and a key that is written twice is an error."""

import io
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode
from ruamel.yaml.representer import SafeRepresenter
from ruamel.yaml.resolver import BaseResolver

from tof_hf.errors import ConfigError, reason_of
from tof_hf.utils.outside import DEPTH, YAML_TEXT, YAML_VALUES, check_depth

# The core schema of YAML 1.2.2 (section 10.3.2) without octal and hexadecimal integers. ruamel.yaml's own resolver
# also takes dates, `0b1` and `1_000`.
_SCALARS = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
)


class _Resolver(BaseResolver):
    def __init__(self, version: Any = None, loader: Any = None, loadumper: Any = None) -> None:
        super().__init__(loader or loadumper)

    @property
    def processing_version(self) -> tuple[int, int]:
        return (1, 2)


class _Constructor(SafeConstructor):
    yaml_constructors = {
        tag: function
        for tag, function in SafeConstructor.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in ("null", "bool", "int", "float", "str", "seq", "map")
    }

    def check_mapping_key(self, node: Any, key_node: Any, mapping: Any, key: Any, value: Any) -> bool:
        if key in mapping:
            problem = f"the key {key!r} is written twice; keep one of the two"
            raise ConstructorError(problem=problem, problem_mark=key_node.start_mark)
        return True


class _Representer(SafeRepresenter):
    def ignore_aliases(self, data: Any) -> bool:
        return True  # an anchor saves space but is harder to read than the value


def _represent_text(representer: _Representer, value: str) -> Any:
    # Readers take these for line ends, but in other styles the writer leaves them in the text.
    style = '"' if set(value) & set("\x85\u2028\u2029") else None
    return representer.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Representer.add_representer(str, _represent_text)
for _tag, _pattern, _first in _SCALARS:
    _Resolver.add_implicit_resolver_base(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})$"), list(_first))


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.Resolver, yaml.Constructor, yaml.Representer = _Resolver, _Constructor, _Representer
    yaml.default_flow_style, yaml.allow_unicode, yaml.width = False, True, 100
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


@dataclass(frozen=True)
class Document:
    """The value of a YAML text, and the lines on which its parts were written."""

    value: Any
    root: Node | None

    def line(self, names: Sequence[str]) -> int | None:
        """The line (1-based) of the part that the names and list positions lead to, or of the last one on the way."""
        node, line = self.root, None
        for name in names:
            found: list[tuple[Node, Node]] = []
            if isinstance(node, MappingNode):
                found = [(key, value) for key, value in node.value if str(key.value) == name]
            elif isinstance(node, SequenceNode) and name.isdecimal():
                found = [(value, value) for value in node.value[int(name) : int(name) + 1]]
            if found:
                start, node = found[0]
                line = start.start_mark.line + 1
            elif name != "0":  # one entry stands for a list
                break
        return line


def read_document(path: Path) -> Document:
    """The content of a YAML file with its lines. Raises ConfigError naming file and line."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(YAML_TEXT.limit + 1)  # parse_document says that it is too long
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file. Relative paths start at the current folder.") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return parse_document(text, name=str(path))


def read_yaml(path: Path) -> Any:
    """The content of a YAML file. Raises ConfigError naming file and line."""
    return read_document(path).value


def packaged_yaml(package: str, file: str) -> Any:
    """The content of a YAML file that comes with a package."""
    return parse_yaml((files(package) / file).read_text(encoding="utf-8"), name=file)


def parse_yaml(text: str, *, name: str) -> Any:
    """The value of a YAML text; errors call the text `name`."""
    return parse_document(text, name=name).value


def parse_document(text: str, *, name: str) -> Document:
    """The value of a YAML text with its lines; errors call the text `name`."""
    yaml = _yaml()
    try:
        YAML_TEXT.check(len(text))
        root = yaml.compose(text)
        YAML_VALUES.check(0 if root is None else _size(root, YAML_VALUES.limit, {}))
        value = root and yaml.constructor.construct_document(root)
        check_depth(value)
        return Document(value, root)
    except MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f":{error.problem_mark.line + 1}"
        raise ConfigError(f"{name}{line}: not valid YAML: {error.problem or error.context}") from error
    except RecursionError as error:
        found = f"more than {DEPTH.limit} levels of nesting ({DEPTH.variable})"
        raise ConfigError(f"{name}: cannot be read: found {found}.") from error
    except Exception as error:  # ruamel.yaml raises many kinds; ValueError also for a number with too many digits
        raise ConfigError(f"{name}: cannot be read: {reason_of(error)}") from error


def dump_yaml(value: Any) -> str:
    """YAML text that `parse_yaml` reads back to an equal value; keys keep their order."""
    text = io.StringIO()
    _yaml().dump(value, text)
    return text.getvalue()


def _size(node: Node, limit: int, known: dict[int, int]) -> int:
    """How many values the node stands for."""
    if not isinstance(node, MappingNode | SequenceNode):
        return 1
    if id(node) not in known:
        known[id(node)] = limit + 1  # if it contains itself
        children = itertools.chain(*node.value) if isinstance(node, MappingNode) else node.value
        known[id(node)] = 1 + sum(_size(child, limit, known) for child in children)
    return known[id(node)]
