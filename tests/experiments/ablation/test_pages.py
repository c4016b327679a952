"""The tables inside a page of somebody else's: put there once, replaced later, nothing else touched."""

from __future__ import annotations

import pytest

from tof_hf.cli.ablate import command_line
from tof_hf.cli.program import _parse, main
from tof_hf.errors import ConfigError, DataError, TofError
from tof_hf.experiments.ablation import pages
from tof_hf.experiments.ablation.formats import markdown
from tof_hf.experiments.ablation.pages import check_page, parse_page, put_into
from tof_hf.experiments.ablation.rows import rows_of
from tof_hf.experiments.ablation.runs import Ablation
from tof_hf.experiments.ablation.table import TableBuilder
from tof_hf.pipeline import TofPipeline

pytestmark = pytest.mark.slow


@pytest.fixture
def results(tmp_path):
    """Makes the tables of a target of which nothing is measured yet."""

    def make(target="es"):
        return TableBuilder(
            Ablation("a.yaml", (), tuple(rows_of(1)[:2]), (), (1,), tmp_path, target, "target", ())
        ).results()

    return make


def test_the_tables_are_put_at_the_end_with_the_command_that_made_them(results, tmp_path):
    page = tmp_path / "results.md"
    page.write_text("# Results\n\nWords.\n", encoding="utf-8")
    put_into(page, "es", results(), "tof-hf ablate a.yaml")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Results\n\nWords.\n\n<!-- tof-hf ablate: es -->\n```bash\ntof-hf ablate a.yaml\n```\n")
    assert markdown(results(), level=3) in text and "\n### Table 1" in text


def test_a_second_time_they_replace_the_old_ones_of_their_target_alone(results, tmp_path):
    page = tmp_path / "results.md"
    for target in ("es", "de"):
        put_into(page, target, results(target), f"first {target}")
    page.write_text(page.read_text(encoding="utf-8") + "The end.\n", encoding="utf-8")
    put_into(page, "es", results(), "second es")
    text = page.read_text(encoding="utf-8")
    assert [word in text for word in ("first es", "second es", "first de")] == [False, True, True]
    assert text.index("second es") < text.index("first de") and text.endswith("The end.\n")


def test_tables_of_a_name_stand_beside_those_of_their_target(results, tmp_path):
    page = tmp_path / "results.md"
    for reported in ("first", "second"):
        put_into(*parse_page(str(page), "es"), results(), f"{reported} systems")
        put_into(*parse_page(f"{page}#es-peers", "es"), results(), f"{reported} peers")
    text = page.read_text(encoding="utf-8")
    assert [text.count(name) for name in ("<!-- tof-hf ablate: es -->", "<!-- tof-hf ablate: es-peers -->")] == [1, 1]
    assert "first" not in text and text.index("second systems") < text.index("second peers")


@pytest.mark.parametrize("name", ["", "a -->", "two words", "a--b"])
def test_a_name_that_no_comment_could_hold_is_refused(name):
    with pytest.raises(ConfigError, match="letters, digits and single hyphens"):
        parse_page(f"page.md#{name}", "es")


def test_a_page_that_does_not_exist_is_made(results, tmp_path):
    put_into(tmp_path / "new.md", "es", results(), "c")
    assert (tmp_path / "new.md").read_text(encoding="utf-8").startswith("<!-- tof-hf ablate: es -->")


def test_nothing_is_lost_where_the_closing_comment_is_missing(results, tmp_path):
    page = tmp_path / "results.md"
    put_into(page, "es", results(), "c")
    torn = page.read_text(encoding="utf-8").replace(pages._END, "and words of mine")
    page.write_text(torn, encoding="utf-8")
    with pytest.raises(DataError, match="without <!-- end of tof-hf ablate -->"):
        put_into(page, "es", results(), "c")
    assert page.read_text(encoding="utf-8") == torn


def test_a_page_that_ends_with_the_closing_comment_and_no_line_break_is_no_torn_one(results, tmp_path):
    page = tmp_path / "results.md"
    put_into(page, "es", results(), "first es")
    page.write_text(page.read_text(encoding="utf-8").rstrip("\n"), encoding="utf-8")
    check_page(page, "es")
    put_into(page, "es", results(), "second es")
    text = page.read_text(encoding="utf-8")
    assert "second es" in text and "first es" not in text and text.endswith(f"{pages._END}\n")


@pytest.mark.parametrize(
    ("name", "reported", "kind"),
    [
        ("page.txt", "name a Markdown page", ConfigError),
        ("folder.md", "a page that cannot be read", DataError),
        ("latin.md", "a page that cannot be read", DataError),
        ("torn.md", "without <!-- end of tof-hf ablate -->", DataError),
        ("latin.md/below.md", "nothing can be written to .*latin.md is not a folder", ConfigError),
    ],
)
def test_a_page_that_cannot_take_the_tables_is_named_before_anything_is_trained(tmp_path, name, reported, kind):
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "latin.md").write_bytes("España".encode("latin-1"))
    (tmp_path / "torn.md").write_text("<!-- tof-hf ablate: es -->\nand words of mine\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(kind, match=reported) as caught:
        check_page(tmp_path / name, "es")
    assert str(tmp_path / name) in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    check_page(tmp_path / "new" / "page.md", "es")
    check_page(tmp_path / "torn.md", "de")


def test_a_page_that_is_damaged_meanwhile_does_not_end_the_sweep_and_is_reported_at_its_end(
    run_file, tmp_path, monkeypatch, capsys
):
    page, ran = tmp_path / "results.md", []

    def damaging(self):
        page.write_text("<!-- tof-hf ablate: es -->\n", encoding="utf-8")
        ran.append(self)
        raise TofError("no such luck")

    monkeypatch.setattr(TofPipeline, "run", damaging)
    command = ["ablate", run_file(), "--rows", "source_only", "adaptabert", "--seeds", "1", "--into", str(page)]
    assert main(command) == 2 and len(ran) == 2
    reported = capsys.readouterr()
    lines = [line for line in reported.err.splitlines() if "without <!-- end of tof-hf ablate -->" in line]
    assert len(lines) == 2 and "The sweep continues" in lines[0] and lines[1].startswith(f"tof-hf: {page}: ")
    assert "## Table 1" in reported.out

    ran.clear()
    assert main([*command, "--plan"]) == 2 and main(command) == 2 and ran == []


def test_the_command_on_the_page_is_what_was_asked_for_but_for_where_it_went():
    command = "tof-hf ablate a.yaml rounds=2 --tables 1 2 --seeds 3 --baseline tof"
    words = [*command.split()[1:], "--into", "p.md", "--jobs", "2", "--out", "/secret/place"]
    assert command_line(_parse(words)) == command
