"""The systems that a run file may name: those that have a recipe."""

from __future__ import annotations

import importlib
from typing import Annotated

from pydantic import AfterValidator, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from tof_hf.config.problems import suggestion

RECIPES = "tof_hf.algorithm.recipes"  # where systems are registered; looked up when needed, since it needs the config


def system_names() -> list[str]:
    """The names of all systems."""
    return list(importlib.import_module(RECIPES).RECIPES)


def systems_with_need(need: str) -> set[str]:
    """The names of the systems whose recipe says that it needs this, such as `dictionary`."""
    return {name for name, recipe in importlib.import_module(RECIPES).RECIPES.items() if need in recipe.needs}


def _known(name: str) -> str:
    names = system_names()
    if name not in names:
        raise ValueError(f"needs one of {', '.join(names)}, found {name!r}.{suggestion(name, names)}")
    return name


class _NamesInSchema:
    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "enum": system_names()}


System = Annotated[str, AfterValidator(_known), _NamesInSchema()]
