"""A JSON Schema of the run file, with which editors complete and check it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tof_hf.config.run_file import TofConfig
from tof_hf.config.stages import STAGE_KINDS
from tof_hf.config.training_fields import training_fields

_BASE = {
    "description": "The run file, or a list of them, that supplies what this one does not set.",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"}


def run_file_schema() -> dict[str, Any]:
    """The JSON Schema: pydantic's for TofConfig, with `base` and the TrainingArguments fields of the stages.

    No key is required: a run file may take any of them from its base, or be one.
    """
    from transformers import __version__

    schema = TofConfig.model_json_schema()
    training = training_fields().model_json_schema()["properties"]
    sections, options = schema["$defs"], schema["properties"]
    for kind in STAGE_KINDS:
        fields = sections[kind.__name__]["properties"]
        del fields["training"]
        fields |= {
            name: {"$ref": f"#/$defs/TrainingArguments/properties/{name}"} for name in training if name not in fields
        }
    staged = [option for kind in STAGE_KINDS for option in sections[kind.__name__]["properties"].values()]
    for option in (*training.values(), *staged):
        option.pop("default", None)  # of the field; the preset has another one
    for option in options.values():
        if "$ref" in option:  # a section may be empty
            option["anyOf"] = [{"$ref": option.pop("$ref")}, {"type": "null"}]
    sections["TrainingArguments"] = {"type": "object", "properties": training}
    for part in _parts(schema):
        _simplify(part)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"made by `tof-hf config --schema` with transformers {__version__}",
        "title": "A run file of tof-hf",
        **schema,
        "properties": {"base": _BASE, **options},
    }


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    """All schemas inside a schema, itself included."""
    if isinstance(schema, dict):
        if schema.keys() & {"type", "anyOf", "$ref"}:
            yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for value in schema:
            yield from _parts(value)


def _simplify(part: dict[str, Any]) -> None:
    """Take out what only we or pydantic need, and give limits the names that JSON Schema has for them."""
    for name in ("title", "required", "effect", "since_default"):
        part.pop(name, None)
    for ours, theirs in _LIMITS.items():
        if ours in part:
            part[theirs] = part.pop(ours)
    paper = part.pop("paper", "")
    if "description" in part:
        part["description"] = " ".join(f"{part['description']} {paper and f'Paper: {paper}.'}".split())
