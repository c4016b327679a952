"""The section of a run file that says what is published. Help texts here become docs/config.md."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tof_hf.config.section import OneOrMore, Section, option

_shown = partial(option, effect="none")


class ReleaseConfig(Section):
    """What `push_to_hub` and `tof-hf push` publish, and where."""

    repo: str | None = _shown(None)
    """Repository of the tagger on the Hub, `user/name`."""
    private: bool = _shown(False)
    """Makes a new repository private; false uses the owner's default."""
    revision: str | None = _shown(None)
    """Branch of the repository, created if needed; null is the main branch."""
    license: str | None = _shown(None)
    """Licence of the tagger by its Hub id, such as `mit`. Its encoder and its data may dictate it."""
    language: OneOrMore[str] = _shown(factory=list)
    """Language codes of the target, such as `[es]`; empty takes `target.name` if it is a code."""
    mrc_repo: str | None = _shown(None)
    """Also publishes the source data in MRC form as a data set with this name, if its licence allows it."""
    pseudo_labels_repo: str | None = _shown(None)
    """Also publishes the target text with the pseudo-labels last trained on, if its licence allows it."""

    def rules(self) -> Iterator[tuple[str, str]]:
        for name in ("repo", "mrc_repo", "pseudo_labels_repo"):
            value: str | None = getattr(self, name)
            if value is not None and (value.count("/") != 1 or not all(value.split("/")) or " " in value):
                yield name, f"needs the name of a repository, `user/name`, found {value!r}."
