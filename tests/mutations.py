"""Files made wrong: values of other types, other keys, depth, length, encodings, cuts. The same seed gives the same."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

ODD: list[Any] = [
    *(None, True, False, 0, 1, -1, 7, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf")),
    *("", " ", "x", "O", "B-", "I-PER", "PER", "a/b", "../..", "\ud800", "\0", "\x1b[31m", "\u202e", "a\nb", "ä" * 300),
    *("w" * 5_000, "1", "null", "*", "${HOME}", "~", [], {}, [None], [[]], ["x", 1], {"x": 1}, {"": None}, {"0": "O"}),
]
NOISE = [
    *(
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xc3",
        b"\n",
        b"\n\n",
        b"\r",
        b"\t",
        b" ",
        b"# ",
        b"-DOCSTART-",
    ),
    *("\u2028".encode(), "\u200b".encode(), "\u202e".encode(), b"B-X", b"[" * 3_000, b"{" * 40, b'"', b"\\ud800"),
    *(
        b"9" * 5_000,
        b"w" * 3_000,
        b"NaN",
        b"1e999",
        b"-",
        b":",
        b"*a",
        b"&a ",
        b"!!python/object:os.system ",
        b"\x1f\x8b",
    ),
]
ENCODINGS = ("utf-16", "utf-16-le", "utf-8-sig", "latin-1", "utf-32", "utf-7")


def mutated(value: Any, draw: Random) -> Any:
    """A copy of a JSON value with one to three of its parts made wrong."""
    value = copy.deepcopy(value)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        value = _one_change(value, draw)
    return value


def _one_change(value: Any, draw: Random) -> Any:
    """The value with one part changed; deeper parts are as likely as shallow ones."""
    place, around = value, []
    while isinstance(place, dict | list) and place and draw.random() < 0.8:
        key = draw.choice(list(place) if isinstance(place, dict) else range(len(place)))
        around.append((place, key))
        place = place[key]
    if not around:
        return _other(value, draw)
    parent, key = around[-1]
    kind = draw.choice(("replace", "replace", "replace", "remove", "add", "rename", "swap"))
    if kind == "remove":
        del parent[key]
    elif kind == "swap":  # with a value from another place
        other, name = draw.choice(around)
        parent[key] = copy.deepcopy(other[name])
    elif isinstance(parent, dict) and kind in ("add", "rename"):
        name = draw.choice(("x", "", "\ud800", "0", "id", "type", "k" * 300, key + " ", key.upper(), *parent))
        parent[name] = parent.pop(key) if kind == "rename" else _other(place, draw)
    elif kind == "add":
        parent.insert(key, _other(place, draw))
    else:
        parent[key] = _other(place, draw)
    return value


def _other(value: Any, draw: Random) -> Any:
    """Something in the place of a value."""
    kind = draw.choice(("odd", "odd", "odd", "odd", "text", "number", "wrapped", "deep", "many"))
    if kind == "text":
        return str(value)[: draw.choice((5, 100))]
    if kind == "number" and isinstance(value, int | float):
        return draw.choice((-value, value + 1, value * 1000, value + 0.5, str(value)))
    if kind == "wrapped":
        return draw.choice(([value], {"x": value}, [value, value]))
    if kind == "deep":
        for _ in range(draw.choice((30, 99, 150))):
            value = [value]
        return value
    if kind == "many":
        return [value] * draw.choice((0, 3, 40))
    return copy.deepcopy(draw.choice(ODD))


def spoiled(data: bytes, draw: Random) -> bytes:
    """The bytes with one to three changes: cut, repeated, other bytes put in, another encoding."""
    for _ in range(draw.choice((1, 1, 2, 3))):
        start, end = sorted(draw.randrange(len(data) + 1) for _ in range(2))
        kind = draw.choice(("cut", "remove", "repeat", "put", "put", "put", "flip", "flip", "encode", "lines"))
        if kind == "cut":
            data = data[:end]
        elif kind == "remove":
            data = data[:start] + data[end:]
        elif kind == "repeat":
            data = data[:end] + data[start:end][:2_000] + data[end:]
        elif kind == "put":
            data = data[:start] + draw.choice(NOISE) + data[start:]
        elif kind == "flip" and start < len(data):
            data = data[:start] + bytes([data[start] ^ 1 << draw.randrange(8)]) + data[start + 1 :]
        elif kind == "encode":
            data = data.decode("utf-8", "replace").encode(draw.choice(ENCODINGS), "replace")
        elif kind == "lines":
            lines = data.split(b"\n")
            draw.shuffle(lines)
            data = b"\n".join(lines)
    return data


def json_bytes(value: Any, draw: Random) -> bytes:
    """A JSON file of the value made wrong, or of the value with its bytes made wrong."""
    kind = draw.random()
    text = json.dumps(mutated(value, draw) if kind < 0.8 else value, ensure_ascii=draw.random() < 0.8)
    data = text.encode("utf-8", "surrogatepass")
    return spoiled(data, draw) if kind > 0.7 else data
