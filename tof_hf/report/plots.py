"""The charts of a report as files for papers and slides: SVG, and PNG with the extra `report`."""

import functools
from collections.abc import Sequence
from pathlib import Path

from tof_hf.errors import TofError
from tof_hf.report.svg import Drawing
from tof_hf.storage.files import new_file, write_text
from tof_hf.utils.extras import require

ZOOM = 2  # PNG pixels per unit of a drawing
_LETTERS = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><text y="15">{}</text></svg>'


def check_plots() -> None:
    """Raise TofError if PNG files cannot be drawn here, because the extra or every font is missing."""
    require("report", "resvg_py")
    if not _has_fonts():
        raise TofError("no font on this machine to draw PNG files with. What to do: install one, such as DejaVu Sans.")


def write_plots(figures: Sequence[Drawing], folder: Path) -> list[Path]:
    """The files NAME.svg and NAME.png of every chart, written in the light colours.

    Args:
        figures: the charts, such as `make_report(folder).figures`.
        folder: where the files go; older ones with the same names are replaced.

    Returns:
        The written files: for each chart its SVG, then its PNG with two pixels per unit of the drawing.

    Raises:
        TofError: the extra `report` or every font is missing.

    Example:
        >>> write_plots(make_report(Path("runs/es")).figures, Path("plots"))
    """
    check_plots()
    files = []
    for figure in figures:
        svg, png = folder / f"{figure.name}.svg", folder / f"{figure.name}.png"
        write_text(svg, figure.standalone)
        with new_file(png) as part:
            part.write_bytes(_png(figure.standalone, zoom=ZOOM))
        files += [svg, png]
    return files


def _png(drawing: str, *, zoom: int = 1) -> bytes:
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=drawing, zoom=zoom))


@functools.cache
def _has_fonts() -> bool:
    """Whether letters leave a trace: without a font they are silently left out."""
    return _png(_LETTERS.format("ABC")) != _png(_LETTERS.format(""))
