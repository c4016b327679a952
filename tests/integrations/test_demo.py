from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
from huggingface_hub import RepoCard
from nightly import nightly_only

from tof_hf.data.tagged import Tagged
from tof_hf.errors import DataError, ModelError, TofError
from tof_hf.inference.tagger import load_tagger
from tof_hf.integrations import demo
from tof_hf.integrations.demo import build_page, highlighted, run_demo, tagged_file, write_space
from tof_hf.utils.markdown import escape
from tof_hf.utils.text import printable

# Gradio is not imported here: it takes seconds, in every process that collects tests.
pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_spec("gradio") is None, reason="needs tof-hf[demo]")]

TEXTS = ["Maria visited  London,\n\n where <b>Juan</b> was. ", "", " \n", "(Paris)", "Juan ganó en New York . " * 2000]
NEEDS = ["torch>=2.13", 'pytest>=9.0; extra == "test"', 'gradio>=6.0; extra == "demo"', 'x; python_version < "3"']


@pytest.fixture(scope="module")
def folder(saved_tagger):
    return saved_tagger("xlm-roberta")


@pytest.fixture(scope="module")
def tagger(folder):
    return load_tagger(folder, device="cpu")


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda name: NEEDS)


def test_the_highlighted_pieces_are_the_text_and_its_entities(tagger):
    for tagged in tagger.stream(TEXTS):
        pieces = highlighted(tagged)
        assert "".join(piece for piece, _ in pieces) == tagged.text
        assert [piece for piece in pieces if piece[1]] == [(entity.text, entity.label) for entity in tagged.entities]


def test_the_button_of_the_page_gives_pieces_and_a_table(tagger):
    page = build_page(tagger, title="A page", examples=[TEXTS[0]])
    (find,) = [function.fn for function in page.fns.values() if function.api_name == "find"]
    for text in TEXTS:
        pieces, rows = find(text)
        assert "".join(piece for piece, _ in pieces) == text
        assert [row[:2] for row in rows] == [[*piece] for piece in pieces if piece[1]]
        assert all(text[start:end] == words and 0 < score <= 1 for words, _, score, start, end in rows)
    assert find(None) == ([], [])


def test_a_file_in_gives_a_file_out_until_the_page_took_it(tagger, tmp_path):
    source = tmp_path / "texts.txt"
    source.write_text("Maria visited London.\n\n(Paris)\n", encoding="utf-8")
    results = tagged_file(tagger, str(source), "jsonl")
    out, counts = next(results)
    rows = [json.loads(line) for line in Path(out).read_text(encoding="utf-8").splitlines()]
    assert Path(out).name == "texts-tagged.jsonl" and [row["text"] for row in rows] == [
        "Maria visited London.",
        "",
        "(Paris)",
    ]
    assert counts == f"{sum(len(row['entities']) for row in rows):,} entities in 3 texts"
    assert list(results) == [] and not Path(out).exists()
    assert list(tagged_file(tagger, None, "jsonl")) == [(None, "Choose a file first.")]


def test_a_file_that_cannot_be_read_is_named_without_its_folder(tagger, tmp_path):
    import gradio

    source = tmp_path / "<b>texts.pdf"
    source.write_bytes(b"%PDF")
    page = build_page(tagger)
    (tag_file,) = [function.fn for function in page.fns.values() if function.api_name == "tag_file"]
    with pytest.raises(gradio.Error, match="&lt;b&gt;texts.pdf: found the form") as error:
        next(tag_file(str(source), "jsonl"))
    assert str(tmp_path) not in str(error.value)


def test_the_language_of_a_hub_id_is_that_of_its_card(monkeypatch, folder):
    assert demo.card_language(folder, None) == demo.card_language("user/none", None) == ""
    for language, shown in (("es", "es"), (["de", "nl"], "de, nl"), (None, "")):
        card = f"---\nlanguage: {json.dumps(language)}\n---\n# A tagger\n"
        monkeypatch.setattr(demo, "read_card", lambda model, revision, card=card: card)
        assert demo.card_language("user/tagger", None) == shown


def test_a_title_and_a_text_are_shown_and_not_obeyed(tagger, installed, tmp_path):
    title = "[x](http://evil) <img src=x> \u202e\x1b"
    page = build_page(tagger, title=title, target="es")
    import gradio

    heading = next(block.value for block in page.blocks.values() if isinstance(block, gradio.Markdown))
    whole = f"{title}: LOC, PER in es"
    assert heading == f"# {escape(whole)}" and page.title == printable(whole)
    assert highlighted(Tagged("a\x1bb\u202ec", [], [], [])) == [("a\ufffdb\ufffdc", None)]
    space = write_space(tmp_path / "space", "user/tagger", title=title)
    assert f"# {escape(title)}" in (space / "README.md").read_text(encoding="utf-8")
    assert all(printable(text := (space / name).read_text()) == text for name in ("README.md", "app.py"))


def test_the_page_is_built_and_served_without_a_call_to_the_outside(tagger, monkeypatch):
    called, connect = [], socket.socket.connect

    def watched(self, address):
        called.append(address)
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", watched)
    page = build_page(tagger)
    assert page.analytics_enabled is False
    page.launch(server_name="127.0.0.1", share=False, quiet=True, prevent_thread_lock=True)
    page.close()
    assert {address[0] for address in called if isinstance(address, tuple)} == {"127.0.0.1"}


def test_a_port_in_use_is_named(folder):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(DataError, match=f"the port {port} in use.*--port"):
            run_demo(folder, port=port)


@nightly_only
def test_a_space_builds_its_page_from_its_own_copy_of_the_package(folder, installed, tmp_path):
    space = write_space(tmp_path / "space", "user/tagger-es", revision="v1", title='A "title": here')
    assert sorted(path.name for path in space.iterdir()) == ["README.md", "app.py", "requirements.txt", "tof_hf"]
    assert not list(space.rglob("__pycache__"))
    header = RepoCard.load(space / "README.md").data.to_dict()
    assert header["title"] == 'A "title": here' and header["models"] == ["user/tagger-es"]
    assert header["sdk"] == "gradio" and header["sdk_version"] == metadata.version("gradio")
    assert isinstance(header["python_version"], str) and (space / header["app_file"]).is_file()
    assert (space / "requirements.txt").read_text(encoding="utf-8") == "torch>=2.13\ngradio>=6.0\n"
    app = (space / "app.py").read_text(encoding="utf-8")
    compile(app, "app.py", "exec")
    assert "'user/tagger-es'" in app and "'v1'" in app
    code = "import app, tof_hf; print(type(app.page).__name__, tof_hf.__file__)"
    env = os.environ | {"TOF_MODEL": folder}
    done = subprocess.run([sys.executable, "-c", code], cwd=space, env=env, capture_output=True, text=True)
    assert done.stdout.split() == ["Blocks", str(space / "tof_hf" / "__init__.py")], done.stderr


def test_a_space_overwrites_nothing(installed, tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    for place in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(DataError, match="other files"):
            write_space(place, "user/tagger")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    assert (write_space(tmp_path / "empty", "user/tagger") / "app.py").is_file()


@pytest.mark.parametrize("model", ["folder", "no id/of the/Hub"])
def test_a_space_of_a_tagger_that_is_not_on_the_hub_is_refused(model, folder, installed, tmp_path):
    with pytest.raises(ModelError, match="push the tagger to the Hub"):
        write_space(tmp_path / "space", folder if model == "folder" else model)
    assert not list(tmp_path.iterdir())


def test_a_package_that_is_not_installed_has_no_requirements(monkeypatch, tmp_path):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", absent)
    with pytest.raises(TofError, match="not installed"):
        write_space(tmp_path / "space", "user/tagger")
    assert not list(tmp_path.iterdir())


def test_without_gradio_the_message_says_how_to_install_it(tagger, monkeypatch):
    monkeypatch.setattr("tof_hf.utils.extras.find_spec", lambda package: None)
    with pytest.raises(TofError, match=r'gradio.*pip install "\.\[demo\]"'):
        build_page(tagger)
