"""Typed records that are written as JSON and read again, with one clear error for a file that is not such a record."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from tof_hf.errors import DataError, as_data_error
from tof_hf.storage.files import write_text


def utc_now() -> str:
    """The date and time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Record(BaseModel):
    """A JSON object with typed keys. Unknown keys, such as those of a newer release, are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, ser_json_inf_nan="constants")

    @classmethod
    def read(cls, path: Path) -> Self:
        """The record in the file. Raises DataError if it is missing, not JSON, or not such a record."""
        fix = "start the same run again."
        with as_data_error("a file that cannot be read", OSError, fix=fix, path=path):
            data = path.read_bytes()
        with as_data_error("a damaged record", fix=fix, path=path):
            try:
                return cls.model_validate_json(data)
            except ValidationError as problem:
                raise DataError(f"a damaged record ({first_mistake(problem)}).", fix=fix, path=path) from problem

    @classmethod
    def read_if_whole(cls, path: Path) -> Self | None:
        """The record in the file; None if it is missing or damaged."""
        try:
            return cls.read(path)
        except DataError:
            return None

    def write(self, path: Path) -> None:
        """Write the record as readable JSON, in one step."""
        write_text(path, self.model_dump_json(indent=2, by_alias=True) + "\n")


def first_mistake(problem: ValidationError) -> str:
    """The first thing that is wrong, and how many more there are, in one line."""
    first, *others = problem.errors(include_url=False, include_input=False)
    place = ".".join(str(part) for part in first["loc"])
    more = f", and {len(others)} more" if others else ""
    return f"{place}: {first['msg']}{more}" if place else f"{first['msg']}{more}"
