"""Tells griffe, which reads the docstrings for the site, that a section `Example:` holds code."""

from __future__ import annotations

from typing import Any

import griffe


class Examples(griffe.Extension):
    """Gives `Example:` the name that griffe knows."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename the section in the docstring."""
        if obj.docstring:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
