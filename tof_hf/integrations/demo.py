"""A demo page for a tagger, on this machine or as a Space on the Hub."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from html import escape as escape_html
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tof_hf.data.labels import entity_types
from tof_hf.errors import DataError, ModelError, TofError
from tof_hf.storage.files import temporary_folder
from tof_hf.utils.extras import require
from tof_hf.utils.markdown import escape
from tof_hf.utils.templates import templates
from tof_hf.utils.text import printable

if TYPE_CHECKING:
    import gradio

    from tof_hf.data.tagged import Tagged
    from tof_hf.inference.tagger import Tagger

RESULTS = ("jsonl", "conll", "txt")
MOST_BYTES = "100mb"  # of a file in
ColumnType = Literal["str", "number"]
COLUMNS: dict[str, ColumnType] = {"Text": "str", "Label": "str", "Score": "number", "Start": "number", "End": "number"}


def run_demo(
    model: str, *, port: int | None = None, revision: str | None = None, target: str = "", examples: Sequence[str] = ()
) -> None:
    """Serve the demo page of a tagger (a folder or a Hub id) on this machine until it is interrupted.

    `port`: by default the first free one from 7860. `target`: the language or kind of its texts, by default that of its
    card. Raises ModelError if there is no tagger, DataError if the port is in use.
    """
    require("demo", "gradio")
    from tof_hf.inference.tagger import load_tagger

    folder = Path(os.path.realpath(model)) if Path(model).exists() else Path(model)
    name = folder.parent.name if folder.name == "final" else folder.name
    target = target or card_language(model, revision)
    page = build_page(load_tagger(model, revision=revision), title=name, target=target, examples=examples)
    try:
        _, address, _ = page.launch(
            server_name="127.0.0.1",
            server_port=port,
            share=False,
            ssr_mode=False,
            quiet=True,
            prevent_thread_lock=True,
            max_file_size=MOST_BYTES,
        )
    except OSError as problem:
        taken = "no free port from 7860 on" if port is None else f"the port {port} in use"
        raise DataError(f"{taken}.", fix="name another with --port.") from problem
    print(f"{address} (Ctrl+C stops it)", flush=True)
    page.block_thread()


def build_page(
    tagger: Tagger, *, title: str = "Named entities", target: str = "", examples: Sequence[str] = ()
) -> gradio.Blocks:
    """The page: entities of a text, highlighted and as a table, and files in and out. Without analytics.

    Its heading is the title with the tagger's types and `target`, the language or kind of its texts.
    """
    require("demo", "gradio")
    import gradio

    def find(text: str | None) -> tuple[list[tuple[str, str | None]], list[list[Any]]]:
        tagged = next(tagger.stream([text or ""]))
        return highlighted(tagged), table(tagged)

    def tag_file(source: str | None, form: str) -> Iterator[tuple[str | None, str]]:
        try:
            yield from tagged_file(tagger, source, form)
        except TofError as problem:  # gradio shows the message as HTML
            message = printable(str(problem)).replace(str(source), Path(str(source)).name)
            raise gradio.Error(escape_html(message)) from problem

    heading = f"{title}: {', '.join(entity_types(tagger.names))}" + (f" in {target}" if target else "")
    with gradio.Blocks(title=printable(heading), analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        gradio.Markdown(f"# {escape(heading)}")
        with gradio.Tab("Text"):
            text = gradio.Textbox(label="Text", lines=4, max_lines=12, placeholder="Write or paste a text.")
            button = gradio.Button("Find entities", variant="primary")
            if examples:
                gradio.Examples([[printable(example)] for example in examples], inputs=text)
            found = gradio.HighlightedText(label="Entities", show_whitespaces=True)
            rows = gradio.Dataframe(
                label="Table", headers=list(COLUMNS), datatype=list(COLUMNS.values()), interactive=False, max_chars=100
            )
            button.click(find, text, [found, rows], api_name="find")
        with gradio.Tab("File"):
            source = gradio.File(label="Texts: .txt (one a line), .jsonl, .conll or .parquet; also .gz")
            form = gradio.Radio(list(RESULTS), value=RESULTS[0], label="Form of the result")
            button = gradio.Button("Tag the file", variant="primary")
            counts = gradio.Textbox(label="Found", interactive=False)
            result = gradio.File(label="Result", interactive=False)
            button.click(tag_file, [source, form], [result, counts], api_name="tag_file")
    return page


def tagged_file(tagger: Tagger, source: str | None, form: str) -> Iterator[tuple[str | None, str]]:
    """Once the result of `predict_file` and what was found; the result is removed when the next one is asked for."""
    if source is None:
        yield None, "Choose a file first."
        return
    from tof_hf.inference.predict_file import predict_file

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / f"{Path(source).name.partition('.')[0]}-tagged.{form}"
        texts, entities = predict_file(tagger, Path(source), out)
        yield str(out), f"{entities:,} entities in {texts:,} texts"


def highlighted(tagged: Tagged) -> list[tuple[str, str | None]]:
    """The text in pieces, in order and without gaps; pieces that are entities have their label."""
    pieces: list[tuple[str, str | None]] = []
    done = 0
    for entity in tagged.entities:
        pieces += [(tagged.text[done : entity.start], None), (entity.text, entity.label)]
        done = entity.end
    return [
        (printable(text), label and printable(label)) for text, label in (*pieces, (tagged.text[done:], None)) if text
    ]


def table(tagged: Tagged) -> list[list[Any]]:
    """One row per entity, with the columns of the page."""
    return [[printable(e.text), printable(e.label), round(e.score, 3), e.start, e.end] for e in tagged.entities]


def write_space(folder: str | Path, model: str, *, revision: str | None = None, title: str | None = None) -> Path:
    """The folder, after writing a Gradio Space with the demo page of the tagger `model` (a Hub id) into it.

    It has app.py, requirements.txt, README.md and a copy of this package. Raises DataError if the folder has files
    already, ModelError for a local tagger.
    """
    require("demo", "gradio")
    target = Path(os.path.realpath(folder))
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError("other files in the folder for the Space.", fix="name a new folder.", path=folder)
    _check_hub_id(model)
    values = {
        "model": model,
        "revision": revision or "main",
        "title": title or model.rpartition("/")[2],
        "target": card_language(model, revision),
        "gradio": metadata.version("gradio"),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "requirements": _requirements(),
    }
    with temporary_folder(target.parent) as part:
        here = Path(__file__).parent.parent
        shutil.copytree(here, part / here.name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        for name in ("app.py", "requirements.txt", "README.md"):
            page = templates("tof_hf.integrations", "markdown" if name == "README.md" else "text")
            (part / name).write_text(page.get_template(f"{name}.jinja").render(values), encoding="utf-8")
        part.replace(target)  # fails if there are files in it now
    return Path(folder)


def card_language(model: str, revision: str | None) -> str:
    """The languages that a Hub id's card names; empty for a folder, and where there is no such card or no network."""
    from huggingface_hub import ModelCard, ModelCardData

    if Path(model).exists():
        return ""
    try:
        data = ModelCard(read_card(model, revision), ignore_metadata_errors=True).data
    except (OSError, ValueError):
        return ""
    language = data.language if isinstance(data, ModelCardData) else None
    return ", ".join([language] if isinstance(language, str) else language or [])


def read_card(model: str, revision: str | None) -> str:
    """The text of a Hub id's card. Raises OSError if there is none."""
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(model, "README.md", revision=revision)).read_text(encoding="utf-8")


def _check_hub_id(model: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        if Path(model).exists():
            raise HFValidationError("It is a folder on this machine, which a Space cannot read.")
        validate_repo_id(model)
    except HFValidationError as problem:
        fix = "What to do: push the tagger to the Hub (tof-hf push RUN USER/NAME) and give its id."
        raise ModelError(f"{model} is not a Hub id. {problem} {fix}") from problem


def _requirements() -> list[str]:
    """The requirements of the installed package with the extra `demo`."""
    from packaging.requirements import Requirement

    try:
        lines = metadata.requires("tof-hf") or []
    except metadata.PackageNotFoundError as problem:
        fix = 'What to do: pip install -e ".[demo]" in the folder of setup.cfg.'
        raise TofError(f"tof-hf is not installed, so its requirements are unknown. {fix}") from problem
    needed = [one for one in map(Requirement, lines) if one.marker is None or one.marker.evaluate({"extra": "demo"})]
    return [str(one).partition(";")[0].rstrip() for one in needed]
