"""The section of a run file that says what is published. Help texts here become docs/config.md."""

from __future__ import annotations

from dataclasses import dataclass

from tof_hf.config.sections import KeyProblem, Section, join, option


@dataclass(frozen=True, kw_only=True)
class ReleaseConfig(Section):
    """What `push_to_hub` and `tof-hf push` publish, and where."""

    repo: str | None = option(None, "Repository of the tagger on the Hub, `user/name`.")
    private: bool = option(False, "Makes a new repository private; false leaves it to its owner's settings.")
    revision: str | None = option(None, "Branch of the repository, made if need be; null is the main one.")
    license: str | None = option(
        None, "Licence of the tagger, by its id on the Hub, such as `mit`. Its encoder and its data may decide it."
    )
    language: list[str] = option(
        factory=list, help="Language codes of the target, such as `[es]`; empty takes `target.name` if it is a code."
    )
    mrc_repo: str | None = option(
        None, "Also publishes the source data in MRC form, as a data set of this name, if its licence allows it."
    )
    pseudo_labels_repo: str | None = option(
        None, "Also publishes the target text with the last pseudo-labels learned from, if its licence allows it."
    )

    def check(self, key: str) -> None:
        super().check(key)
        for name in ("repo", "mrc_repo", "pseudo_labels_repo"):
            value = self.__dict__[name]
            if value is not None and (value.count("/") != 1 or not all(value.split("/")) or " " in value):
                full = join(key, name)
                raise KeyProblem(full, f"{full} needs the name of a repository, `user/name`, found {value!r}.")
