from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from tof_hf.cli import main
from tof_hf.report import plots
from tof_hf.report.page import mistakes_of
from tof_hf.report.reading import Run


@pytest.mark.slow
def test_a_real_run_becomes_one_page(tiny_run, parsed, capsys):
    assert main(["report", str(tiny_run)]) == 0
    file = tiny_run / "report.html"
    assert capsys.readouterr().out.startswith(f"written: {file} (")
    found = parsed(file.read_text(encoding="utf-8"))
    assert found.wrong == []
    assert "What is missing" not in found.text
    for part in ("Translation", "pseudo_ner", "source_only", "Confusion of types on target as a table", "peak memory"):
        assert part in found.text
    assert found.text.count("× the source's") > 1
    assert file.stat().st_size < 1_000_000


@pytest.mark.slow
def test_the_mistakes_of_a_real_run_agree_with_its_scores(tiny_run):
    run = Run.read(tiny_run)
    assert len(run.scores) == 8
    counted = mistakes_of(run)
    for score in run.scores:
        found = counted[score.checkpoint, score.split]
        entities = sum(found.pairs.values())
        matched = entities - found.kinds["missed"] - found.kinds["invented"]
        assert score.f1 == pytest.approx(2 * found.kinds["right"] / (entities + matched))


def test_the_page_is_the_same_every_time_and_another_name_can_be_given(written, tmp_path):
    run, pages = str(written.write()), [tmp_path / "a.html", tmp_path / "new" / "a.html"]
    for page in pages:
        assert main(["report", run, "--out", str(page)]) == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert not (written.folder / "report.html").exists()


def test_a_file_to_label_is_replaced_until_somebody_changes_it(written, capsys):
    folder = written.write()
    file = folder / "report-to-label.conll"
    assert main(["report", str(folder)]) == main(["report", str(folder)]) == 0
    assert capsys.readouterr().out.count(f"written: {file}") == 2
    file.write_text(file.read_text().replace("B-LOC", "O"), encoding="utf-8")
    changed = file.read_bytes()
    assert main(["report", str(folder)]) == main(["report", str(folder)]) == 0
    assert capsys.readouterr().out.count(f"kept: {file}, which was changed") == 2
    assert file.read_bytes() == changed


def test_fewer_sentences_can_be_shown(written, parsed):
    assert main(["report", str(written.write()), "--sentences", "0"]) == 0
    found = parsed((written.folder / "report.html").read_text(encoding="utf-8"))
    assert "2 of 3 sentences changed" in found.text
    assert not found.of("dd", dir="auto")


def test_a_folder_that_is_no_run_ends_with_status_2(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "What to do: name the folder of a run (output_dir)." in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["results.json", "page"])
def test_a_page_never_takes_the_place_of_another_kind_of_file(written, name, capsys):
    folder = written.write()
    before = (folder / "results.json").read_bytes()
    assert main(["report", str(folder), "--out", str(folder / name)]) == 2
    assert "name a file that ends in .html" in capsys.readouterr().err
    assert (folder / "results.json").read_bytes() == before


@pytest.mark.parametrize("named", [True, False])
def test_a_page_takes_the_place_of_another_only_if_that_is_a_report(named, written, tmp_path, capsys):
    folder = written.write()
    page = tmp_path / "keep.html" if named else folder / "report.html"
    command = ["report", str(folder), *(["--out", str(page)] if named else [])]
    page.write_text("mine", encoding="utf-8")
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "a page that tof-hf did not write. What to do: name another file with --out" in error
    assert page.read_text(encoding="utf-8") == "mine"
    page.unlink()
    assert main(command) == main(command) == 0


@pytest.mark.parametrize("option", ["--out", "--plots"])
def test_a_place_that_cannot_be_written_is_an_error_with_its_option(option, written, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(plots, "check_plots", lambda: None)
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / ("page.html" if option == "--out" else "plots")
    assert main(["report", str(written.write()), option, str(place)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"tof-hf: {place}: found a place that cannot be written to (")
    assert f"What to do: name another place with {option}." in error


@pytest.mark.parametrize("number", ["-1", "many", "2.5"])
def test_a_number_of_sentences_that_is_none_is_refused(number, capsys):
    with pytest.raises(SystemExit) as end:
        main(["report", "run", f"--sentences={number}"])
    assert end.value.code == 2
    assert f"found '{number}', needed 0 or a positive whole number" in capsys.readouterr().err


def test_every_chart_becomes_an_svg_and_a_png(written, tmp_path, capsys):
    pytest.importorskip("resvg_py")
    if not plots._has_fonts():
        pytest.skip("no font to draw with")
    assert main(["report", str(written.write()), "--plots", str(tmp_path / "plots")]) == 0
    drawings = sorted((tmp_path / "plots").glob("*.svg"))
    assert {"stages", "f1-target", "confusion-target", "time"} <= {file.stem for file in drawings}
    assert f"written: {2 * len(drawings)} files" in capsys.readouterr().out
    for file in drawings:
        root = ET.fromstring(file.read_text(encoding="utf-8"))
        picture = file.with_suffix(".png").read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert int.from_bytes(picture[16:20]) == pytest.approx(plots.ZOOM * float(root.get("width")), abs=1)


def test_plots_without_the_extra_say_how_to_install_it(written, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tof_hf.utils.extras.find_spec", lambda name: None)
    assert main(["report", str(written.write()), "--plots", str(tmp_path / "plots")]) == 2
    assert 'pip install ".[report]"' in capsys.readouterr().err
    assert not (written.folder / "report.html").exists()


def test_plots_without_a_font_are_an_error_and_no_empty_pictures(written, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(plots, "require", lambda *names: None)
    monkeypatch.setattr(plots, "_has_fonts", lambda: False)
    assert main(["report", str(written.write()), "--plots", str(tmp_path / "plots")]) == 2
    assert "no font on this machine" in capsys.readouterr().err


@pytest.mark.slow
def test_a_report_needs_no_torch(written):
    program = (
        f"import sys; from tof_hf.cli import main; assert main(['report', {str(written.write())!r}]) == 0; "
        "assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
