"""Reading and writing YAML."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tof_hf.config.yaml import dump_yaml, parse_document, parse_yaml
from tof_hf.errors import ConfigError

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10))
@example({"\x85": "a\u2028b"})
def test_yaml_gives_back_what_was_dumped(value):
    found = parse_yaml(dump_yaml(value), name="test")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2e-6", 2e-6),
        ("1E3", 1000.0),
        ("-.5", -0.5),
        ("0", 0),
        ("true", True),
        ("~", None),
        ("", None),
        *((text, text) for text in ("no", "on", "010", "1:30", "2020-01-01", "1_000")),
    ],
)
def test_yaml_scalars_mean_what_they_look_like(text, value):
    assert parse_yaml(text, name="test") == value


def test_the_line_of_a_key_is_found_also_inside_lists_and_of_the_last_part_that_is_there():
    document = parse_document("a:\n  b:\n  - c\n  - d: 1\n    e: 2\nf: {g: 3}\n", name="test")
    lines = [document.line(path.split(".")) for path in ("a", "a.b.1.e", "a.b.1.x", "f.g", "x")]
    assert lines == [1, 5, 4, 6, None]


def bomb(levels):
    """Lists of ten aliases each of the list before."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for level in range(1, levels):
        aliases = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} [{aliases}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3", r"test:3: not valid YAML: the key 'a' is written twice"),
        ("a: [1", r"test:1: not valid YAML"),
        (bomb(9), "more than 100,000 values once its aliases.* set the environment variable TOF_MAX_YAML_VALUES"),
        ("a: &a [*a]", "more than 100,000 values"),
        ("[" * 5_000, r"more than 100 levels of nesting \(TOF_MAX_DEPTH\)"),
        ("[" * 101 + "]" * 101, "more than 100 levels of nesting.* set the environment variable TOF_MAX_DEPTH"),
        ("#" * 1_000_001, "more than 1,000,000 characters of YAML.*TOF_MAX_YAML"),
        ("9" * 5_000, "cannot be read: "),
        ("a: !!python/object:os.system x", "could not determine a constructor for the tag"),
        ("a: !!bool maybe", "cannot be read"),
        ("a: !!timestamp 2020-01-01", "could not determine a constructor for the tag"),
        ("a: b\n---\nc: d", "but found another document"),
        ("\0", "unacceptable character"),
    ],
)
def test_what_is_no_plain_yaml_is_our_error(text, said):
    with pytest.raises(ConfigError, match=said):
        parse_yaml(text, name="test")


def test_an_alias_is_the_value_it_names():
    assert parse_yaml("a: &x [1, 2]\nb: *x", name="test") == {"a": [1, 2], "b": [1, 2]}
