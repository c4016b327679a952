"""A JSON Schema of the run file, with which editors complete and check it."""

import json
from typing import Any

from tof_hf.config.run_file import TofConfig
from tof_hf.config.section import FACTS
from tof_hf.config.stages import STAGES
from tof_hf.config.training_fields import training_fields

_BASE = {
    "description": "The run file, or a list of them, that supplies what this one does not set.",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"}
_DROPPED = ("title", "required", "effect", "paper", *FACTS)


def run_file_schema() -> dict[str, Any]:
    """The JSON Schema: pydantic's for TofConfig, with `base` and the TrainingArguments fields of the stages.

    No key is required: a run file may take any of them from its base, or be one.
    """
    from transformers import __version__

    schema = TofConfig.model_json_schema()
    training = training_fields().model_json_schema()["properties"]
    sections, options = schema["$defs"], schema["properties"]
    kinds = dict.fromkeys(STAGES.values())
    for kind in kinds:
        fields = sections[kind.__name__]["properties"]
        del fields["training"]
        fields |= {
            name: {"$ref": f"#/$defs/TrainingArguments/properties/{name}"} for name in training if name not in fields
        }
    staged = [option for kind in kinds for option in sections[kind.__name__]["properties"].values()]
    for option in (*training.values(), *staged):
        option.pop("default", None)  # of the field; the preset has another one
    for option in options.values():
        if "$ref" in option:  # a section may be empty
            option["anyOf"] = [{"$ref": option.pop("$ref")}, {"type": "null"}]
    sections["TrainingArguments"] = {"type": "object", "properties": training}
    schema = json.loads(json.dumps(schema), object_hook=_simplified)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"made by `tof-hf config --schema` with transformers {__version__}",
        "title": "A run file of tof-hf",
        **schema,
        "properties": {"base": _BASE, **schema["properties"]},
    }


def _simplified(part: dict[str, Any]) -> dict[str, Any]:
    """A schema without what only we or pydantic need, its limits under the names that JSON Schema has for them."""
    if not part.keys() & {"type", "anyOf", "$ref"}:  # not a schema, such as the names of a section
        return part
    schema = {_LIMITS.get(name, name): value for name, value in part.items() if name not in _DROPPED}
    if "description" in part:
        paper = f" Paper: {part['paper']}." if part.get("paper") else ""
        schema["description"] = " ".join(f"{part['description']}{paper}".split())
    return schema
