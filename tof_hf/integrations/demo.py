"""A page on which people try a tagger, on this machine or as a Space of the Hub."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tof_hf.errors import DataError, ModelError, TofError
from tof_hf.storage.files import temporary_folder
from tof_hf.utils.extras import require

if TYPE_CHECKING:
    import gradio

    from tof_hf.inference.tagger import Tagged, Tagger

COLUMNS = {"Text": "str", "Label": "str", "Score": "number", "Start": "number", "End": "number"}

_APP = '''"""A page on which people try the tagger. The variables TOF_MODEL and TOF_REVISION name another one."""

import os

from tof_hf.integrations.demo import build_page
from tof_hf.tagger import load_tagger

MODEL = os.environ.get("TOF_MODEL", {model!r})
REVISION = os.environ.get("TOF_REVISION", {revision!r})

page = build_page(load_tagger(MODEL, revision=REVISION), title={title!r})

if __name__ == "__main__":
    page.launch()
'''
_README = """---
{header}
---

# {title}

Finds the entities in a text with [{model}](https://huggingface.co/{model}). If that is a private model, give this Space
a secret `HF_TOKEN` that may read it.

The folder `tof_hf` is a copy of the package, so that the Space needs no package index to have it.
"""


def run_demo(model: str, *, port: int | None = None, revision: str | None = None) -> None:
    """Nothing, after showing the page of a tagger (a folder or a Hub id) on this machine until it is interrupted.

    `port`: the first free one from 7860. Raises ModelError if there is no tagger, DataError if the port is taken.
    """
    require("demo", "gradio")
    from tof_hf.inference.tagger import load_tagger

    tagger = load_tagger(model, **({} if revision is None else {"revision": revision}))
    page = build_page(tagger, title=Path(model).name or model)
    try:
        _, address, _ = page.launch(
            server_name="127.0.0.1", server_port=port, share=False, ssr_mode=False, quiet=True, prevent_thread_lock=True
        )
    except OSError as problem:
        taken = "no free port from 7860 on" if port is None else f"the port {port} in use"
        raise DataError(f"{taken}.", fix="name another with --port.") from problem
    print(f"{address} (Ctrl+C ends it)", flush=True)
    page.block_thread()


def build_page(tagger: Tagger, *, title: str = "Named entities", examples: Sequence[str] = ()) -> gradio.Blocks:
    """The page: a text goes in, its entities come out highlighted and as a table. Nothing is reported to anyone."""
    require("demo", "gradio")
    import gradio

    def find(text: str | None) -> tuple[list[tuple[str, str | None]], list[list[Any]]]:
        tagged = next(tagger.stream([text or ""]))
        return highlighted(tagged), table(tagged)

    with gradio.Blocks(title=title, analytics_enabled=False) as page:
        gradio.Markdown(f"# {title}")
        text = gradio.Textbox(label="Text", lines=4, max_lines=12, placeholder="Write or paste a text.")
        button = gradio.Button("Find entities", variant="primary")
        if examples:
            gradio.Examples([[example] for example in examples], inputs=text)
        found = gradio.HighlightedText(label="Entities", show_whitespaces=True)
        rows = gradio.Dataframe(
            label="Table", headers=list(COLUMNS), datatype=list(COLUMNS.values()), interactive=False, max_chars=100
        )
        button.click(find, text, [found, rows], api_name="find")
    return page


def highlighted(tagged: Tagged) -> list[tuple[str, str | None]]:
    """The text in pieces, in order and without a gap; a piece that is an entity has its label."""
    return list(_pieces(tagged))


def _pieces(tagged: Tagged) -> Iterator[tuple[str, str | None]]:
    done = 0
    for entity in tagged.entities:
        if done < entity.start:
            yield tagged.text[done : entity.start], None
        yield entity.text, entity.label
        done = entity.end
    if done < len(tagged.text):
        yield tagged.text[done:], None


def table(tagged: Tagged) -> list[list[Any]]:
    """A row for every entity, with the columns of the page."""
    return [[e.text, e.label, round(e.score, 3), e.start, e.end] for e in tagged.entities]


def write_space(folder: str | Path, model: str, *, revision: str | None = None, title: str | None = None) -> Path:
    """The folder, after making it one that can be pushed as a Gradio Space: the page of the tagger `model`.

    `model` is a Hub id. The folder holds app.py, requirements.txt, README.md and a copy of this package. Raises
    DataError if there are files in it already, ModelError for a local tagger.
    """
    require("demo", "gradio")
    from huggingface_hub import SpaceCardData

    place = Path(os.path.realpath(folder))
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise DataError("other files in the place of the Space.", fix="name a new folder.", path=folder)
    _check_hub_id(model)
    title = title or model.rpartition("/")[2]
    header = SpaceCardData(
        title=title,
        sdk="gradio",
        sdk_version=metadata.version("gradio"),
        python_version=f"{sys.version_info.major}.{sys.version_info.minor}",
        app_file="app.py",
        models=[model],
    )
    files = {
        "app.py": _APP.format(model=model, revision=revision or "main", title=title),
        "requirements.txt": "".join(f"{line}\n" for line in _requirements()),
        "README.md": _README.format(header=header.to_yaml(), title=title, model=model),
    }
    with temporary_folder(place.parent) as part:
        here = Path(__file__).parent.parent
        shutil.copytree(here, part / here.name, ignore=shutil.ignore_patterns("__pycache__"))
        for name, content in files.items():
            (part / name).write_text(content, encoding="utf-8")
        part.replace(place)  # fails if there are files in it by now
    return Path(folder)


def _check_hub_id(model: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    fix = "What to do: push the tagger to the Hub (tof-hf push RUN USER/NAME) and give its id."
    if Path(model).exists():
        raise ModelError(f"{model} is a folder of this machine, which a Space cannot read. {fix}")
    try:
        validate_repo_id(model)
    except HFValidationError as problem:
        raise ModelError(f"{model} is no id of the Hub. {problem} {fix}") from problem


def _requirements() -> list[str]:
    """What the installed package needs, and what the page needs besides."""
    from packaging.requirements import Requirement

    try:
        lines = metadata.requires("tof-hf") or []
    except metadata.PackageNotFoundError as problem:
        fix = 'What to do: pip install -e ".[demo]" in the folder of setup.cfg.'
        raise TofError(f"tof-hf is not installed, so that its requirements are not known. {fix}") from problem
    wanted = [one for one in map(Requirement, lines) if one.marker is None or one.marker.evaluate({"extra": "demo"})]
    for one in wanted:
        one.marker = None
    return [str(one) for one in wanted]
