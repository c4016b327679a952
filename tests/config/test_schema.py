"""The JSON Schema of run files."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import transformers

from tof_hf.cli import main
from tof_hf.config.schema import run_file_schema
from tof_hf.config.yaml import read_yaml

CONFIGS = Path(__file__).parents[2] / "examples" / "configs"
SCHEMA = CONFIGS / "schema.json"
EXAMPLES = sorted(CONFIGS.rglob("*.yaml"))


@pytest.fixture(scope="module")
def mistakes():
    """Where a run file breaks the schema."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = run_file_schema()
    jsonschema.Draft202012Validator.check_schema(schema)

    def deepest(error):
        return [leaf for inner in error.context for leaf in deepest(inner)] if error.context else [error]

    def mistakes(values):
        errors = jsonschema.Draft202012Validator(schema).iter_errors(values)
        return [leaf.message for error in errors for leaf in deepest(error)]

    return mistakes


def test_the_committed_schema_equals_the_generated_one():
    committed = json.loads(SCHEMA.read_text(encoding="utf-8"))
    if not committed["$comment"].endswith(f"transformers {transformers.__version__}"):
        pytest.skip("the committed schema has the fields of another version of transformers")
    assert committed == run_file_schema(), "run `make pages`"


def test_the_command_prints_the_schema(capsys):
    assert main(["config", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == run_file_schema()


def test_config_without_a_run_file_asks_for_one(capsys):
    assert main(["config"]) == 2
    assert "config needs a run file" in capsys.readouterr().err


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_an_example_names_the_schema_and_keeps_to_it(path, mistakes):
    line = path.read_text(encoding="utf-8").partition("\n")[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", line)
    assert Path(os.path.normpath(path.parent / named[1])) == SCHEMA
    assert mistakes(read_yaml(path)) == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"modle": "x"}, "'modle' was unexpected"),
        ({"mlm": {"maskings": 0}}, "0 is less than the minimum of 1"),
        ({"mlm": {"max_sentences": 0}}, "0 is less than the minimum of 1"),
        ({"ner": {"lerning_rate": 1}}, "'lerning_rate' was unexpected"),
        ({"ner": {"learning_rate": "fast"}}, "'fast' is not of type 'number'"),
        ({"ner": {"training": {}}}, "'training' was unexpected"),
        ({"ner": {"output_dir": "x"}}, "'output_dir' was unexpected"),
        ({"systems": ["tofu"]}, "'tofu' is not one of"),
        ({"target": {"text": [{"limt": 3}]}}, "'limt' was unexpected"),
    ],
)
def test_the_schema_finds_mistakes(values, said, mistakes):
    assert any(said in message for message in mistakes(values))


@pytest.mark.parametrize(
    "values",
    [
        {"base": ["a.yaml", "b.yaml"], "mlm": None},
        {"source": {"train": {"limit": 3}, "mrc": "a.json"}, "target": {"text": ["a", {"path": "b"}]}},
        {"ner": {"seed": None, "learning_rate": 1, "max_source": None}, "systems": "tof", "label_map": "span"},
    ],
)
def test_the_schema_takes_what_a_run_file_may_hold(values, mistakes):
    assert mistakes(values) == []
