from __future__ import annotations

import io
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import tof_hf
from tof_hf.cli import main
from tof_hf.cli.common import show
from tof_hf.config import load_config
from tof_hf.utils.log import warn
from tof_hf.utils.runtime import configure_runtime
from tof_hf.utils.text import printable

ROOT = Path(__file__).parents[2]
HEAVY = ("accelerate", "datasets", "evaluate", "numpy", "pyarrow", "seqeval", "torch", "transformers", "yaml")
RUN_FILE = """\
model: some/encoder
output_dir: runs/x
source: {train: train.txt, validation: valid.txt}
target: {text: target.txt}
"""


@pytest.fixture
def run_file(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(RUN_FILE, encoding="utf-8")
    return str(path)


def heavy_modules_after(program):
    """Names of the heavy packages that a fresh interpreter has imported after the program."""
    program += f"\nimport sys; print(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stderr.split()


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_help_and_version_import_nothing_heavy(arguments):
    program = f"from tof_hf.cli import main\ntry: main({arguments})\nexcept SystemExit as end: assert not end.code"
    assert heavy_modules_after(program) == []


def test_every_public_name_is_there():
    assert [name for name in tof_hf.__all__ if getattr(tof_hf, name, None) is None] == []
    assert set(tof_hf.__all__) <= set(dir(tof_hf))


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="attribute TofPipelin"):
        tof_hf.TofPipelin  # noqa: B018


def test_what_a_command_prints_logs_and_refuses_has_no_character_that_a_terminal_obeys(run_file, capsys, tmp_path):
    evil = "\x1b[31m\u202eevil\r"
    assert main(["config", f"{tmp_path}/{evil}.yaml"]) == 2
    show(evil)
    configure_runtime()
    warn(evil)
    printed = capsys.readouterr()
    for text, count in ((printed.out, 1), (printed.err, 2)):
        assert text.count("\ufffd[31m\ufffdevil\ufffd") == count and printable(text) == text


def test_config_prints_a_file_that_loads_to_the_same_config(run_file, capsys, tmp_path):
    assert main(["config", run_file, "ner.learning_rate=1e-5"]) == 0
    printed = tmp_path / "printed.yaml"
    printed.write_text(capsys.readouterr().out, encoding="utf-8")
    assert load_config(printed) == load_config(run_file, ["ner.learning_rate=1e-5"])


def test_a_mistake_ends_with_status_2_and_one_line_without_traceback(run_file, capsys):
    assert main(["run", run_file, "modle=x"]) == 2
    printed = capsys.readouterr()
    assert printed.err == "tof-hf: command line: unknown key 'modle'. Did you mean 'model'?\n"
    assert printed.out == ""


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("run", "Train; a run that was stopped continues where it was."),
        ("report", "Write one page about a run, or two runs side by side: sentences, scores, mistakes."),
    ],
)
def test_the_help_of_a_command_begins_with_what_it_does(command, sentence, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    about = capsys.readouterr().out.split("\n\n")[1]
    assert " ".join(about.split()) == sentence


def parser_error(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    return capsys.readouterr().err


def test_a_run_needs_a_run_file_and_nothing_else(capsys):
    assert parser_error(capsys, "run").endswith("the following arguments are required: CONFIG\n")


@pytest.mark.parametrize(
    ("words", "example"),
    [
        (["--seed", "3"], "seed=3"),
        (["--ner.learning-rate=1e-5", "--seed", "3"], "ner.learning_rate=1e-5 seed=3"),
        (["--fast"], "ner.learning_rate=1e-5"),
    ],
)
def test_an_unknown_flag_of_a_run_names_the_option_as_it_is_written(run_file, words, example, capsys):
    said = f"unrecognized arguments: {' '.join(words)}"
    err = parser_error(capsys, "run", run_file, *words)
    assert err.endswith(f"{said}; options of a run are KEY=VALUE: write {example}\n")
    assert parser_error(capsys, "predict", "model", "in", "out", *words).endswith(f"{said}\n")


def test_a_mistyped_command_has_a_suggestion(capsys):
    assert parser_error(capsys, "rn", "mine.yaml").endswith("unknown command 'rn'. Did you mean 'run'?\n")
    assert "invalid choice: 'xyz'" in parser_error(capsys, "xyz")


def test_a_mistyped_option_has_a_suggestion(run_file, capsys):
    assert parser_error(capsys, "run", run_file, "--pln").endswith("arguments: --pln. Did you mean '--plan'?\n")
    assert parser_error(capsys, "predict", "m", "in", "out", "--fromat=txt").endswith("Did you mean '--from'?\n")
    assert parser_error(capsys, "--verson").endswith("Did you mean '--version'?\n")


def test_a_shell_that_asks_for_completions_gets_them_from_the_commands_parser(capsys, monkeypatch):
    asked = []
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    monkeypatch.setitem(sys.modules, "argcomplete", SimpleNamespace(autocomplete=asked.append))
    parser_error(capsys, "run")
    assert [parser.prog for parser in asked] == ["tof-hf"]


def test_env_says_what_a_bug_report_needs_and_nothing_about_the_user(capsys):
    assert main(["env"]) == 0
    printed = capsys.readouterr().out
    assert {"tof_hf", "python", "torch", "transformers", "platform", "devices"} <= set(
        re.findall("^- (.*?):", printed, re.M)
    )
    assert not any(name in printed for name in (str(Path.home()), sys.prefix, str(Path.cwd())))


@pytest.mark.parametrize(("encoding", "text"), [("ascii", "caf\\xe9"), ("cp1252", "café")])
def test_a_terminal_shows_what_its_encoding_has_and_a_file_gets_utf8(run_file, encoding, text, monkeypatch):
    for is_terminal, expected in ((True, text.encode(encoding)), (False, "café".encode())):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(stream, "isatty", lambda answer=is_terminal: answer)
        monkeypatch.setattr("sys.stdout", stream)
        assert main(["config", run_file, "target.name=café"]) == 0
        assert b"name: " + expected + b"\n" in stream.buffer.getvalue()


def test_a_name_that_the_locale_cannot_write_is_refused(run_file, capsys, monkeypatch):
    def open_file(*arguments):
        raise UnicodeEncodeError("ascii", "runs/año", 6, 7, "ordinal not in range(128)")

    monkeypatch.setattr("tof_hf.config.load_config", open_file)
    assert main(["config", run_file]) == 2
    assert r"'runs/a\xf1o' cannot be written as ascii. What to do: " in capsys.readouterr().err


@pytest.mark.slow
def test_a_command_ends_quietly_when_nobody_reads_its_output(run_file):
    # The reader closes its end before anything is written.
    program = f"import sys; sys.stdin.read(1); from tof_hf.cli import main; sys.exit(main(['config', {run_file!r}]))"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as process:
        process.stdout.close()
        err = process.communicate(b"x")[1]
    assert (process.returncode, err) == (141, b"")


def test_an_output_without_room_is_an_error_and_no_traceback(run_file, capsys, monkeypatch):
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["config", run_file]) == 2
    assert "tof-hf: No space left on device. What to do: make room" in capsys.readouterr().err


@pytest.mark.parametrize("variable", ["RANK", "LOCAL_RANK"])
def test_only_the_first_process_of_a_launch_prints_the_mistake(variable, run_file, capsys, monkeypatch):
    monkeypatch.setenv(variable, "1")
    assert main(["run", run_file, "modle=x"]) == 2
    assert capsys.readouterr().err == ""


@pytest.fixture
def runs(monkeypatch):
    """The configs that were run; nothing is trained."""
    configs = []

    def run_tof(config):
        configs.append(config)
        return SimpleNamespace(table="the table")

    monkeypatch.setattr("tof_hf.pipeline.run_tof", run_tof)
    return configs


def test_run_runs_the_config_and_prints_the_scores(run_file, runs, capsys):
    assert main(["run", run_file, "seed=7"]) == 0
    assert runs == [load_config(run_file, ["seed=7"])]
    assert capsys.readouterr().out == "the table\n"


def test_the_example_script_runs_the_same(run_file, runs, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["run_tof.py", run_file, "seed=7"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / "examples" / "run_tof.py"), run_name="__main__")
    assert end.value.code == 0
    assert runs == [load_config(run_file, ["seed=7"])]
