"""Code that comes with a model is never run, whatever standard input says."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoModelForTokenClassification, OPTConfig

from tof_hf import load_tagger, run_tof
from tof_hf.cli import main
from tof_hf.data import read_ner
from tof_hf.errors import DataError, ModelError
from tof_hf.modeling import AutoModelForSpanExtraction
from tof_hf.modeling.transfer import load_for_ner
from tof_hf.utils.pretrained import make_from_config

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
LABELS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
REFUSED = "found a model that needs Python code of its own"
CLASSES = ("AutoConfig", "AutoModel", "AutoModelForMaskedLM", "AutoModelForTokenClassification")
SENTENCES = "Maria B-PER\nvisited O\nMadrid B-LOC\n. O\n\n"
# Each step is a command (a list) or a line of Python; the last one shows that the planted code is really dangerous.
STEPS = """
import contextlib, io, json, sys
from pathlib import Path
from tof_hf.cli import main

found = {}
for name, step in json.loads(sys.argv[1]).items():
    reported = io.StringIO()
    with contextlib.redirect_stderr(reported), contextlib.redirect_stdout(reported):
        try:
            main(step) if isinstance(step, list) else exec(step)
        except ValueError as error:
            print(type(error).__name__, error)
    found[name] = [reported.getvalue(), Path(sys.argv[2]).exists()]
print(json.dumps(found))
"""


def plant(folder: Path, marker: Path, **config: str) -> str:
    """Let the folder's config and tokenizer name Python code of its own, which writes a marker as it is imported."""
    folder.mkdir(exist_ok=True)
    classes = "".join(f"class {name}: pass\n" for name in ("Config", "Model", "Tokenizer"))
    code = f"from pathlib import Path\nPath({str(marker)!r}).write_text('ran')\n{classes}"
    (folder / "planted.py").write_text(code, encoding="utf-8")
    models = {name: "planted.Config" if name == "AutoConfig" else "planted.Model" for name in CLASSES}
    tokenizer = {"AutoTokenizer": ["planted.Tokenizer", "planted.Tokenizer"]}
    for name, own in (
        ("config.json", config | {"auto_map": models}),
        ("tokenizer_config.json", {"auto_map": tokenizer}),
    ):
        file = folder / name
        before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        file.write_text(json.dumps(before | own), encoding="utf-8")
    return str(folder)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


@pytest.fixture
def planted(tmp_path: Path, marker: Path) -> str:
    """A folder that transformers can load with nothing but its own code."""
    return plant(tmp_path / "planted", marker, model_type="planted")


@pytest.fixture
def stock(tmp_path: Path, marker: Path, checkpoint: Callable[..., str], tokenizers: dict) -> str:
    """A tagger of a stock architecture that names code all the same."""
    folder = tmp_path / "stock"
    load_for_ner(checkpoint("bert", "encoder"), LABELS)[0].save_pretrained(folder)
    tokenizers["wordpiece"].save_pretrained(folder)
    return plant(folder, marker)


@pytest.fixture
def options(tmp_path: Path) -> dict:
    """A run file but for its encoder."""
    for name in ("train", "validation"):
        (tmp_path / f"{name}.conll").write_text(SENTENCES * 4, encoding="utf-8")
    (tmp_path / "text.txt").write_text("Juan visited Madrid .\n", encoding="utf-8")
    return {
        "output_dir": str(tmp_path / "run"),
        "systems": ["source_only"],
        "source": {"train": str(tmp_path / "train.conll"), "validation": str(tmp_path / "validation.conll")},
        "target": {"text": str(tmp_path / "text.txt")},
        "ner": {"num_train_epochs": 1, "bf16": False},
    }


def test_no_command_runs_code_of_a_model_though_standard_input_says_yes(planted, marker, options, tmp_path):
    run_file = tmp_path / "run.yaml"  # JSON is YAML
    run_file.write_text(json.dumps(options | {"model": planted}), encoding="utf-8")
    text, out = str(tmp_path / "text.txt"), str(tmp_path / "out")
    steps = {
        "predict": ["predict", planted, text, out + ".jsonl"],
        "run": ["run", str(run_file)],
        "plan": ["run", "--plan", str(run_file)],
        "check": ["check", "--no-timing", str(run_file)],
        "load_tagger": f"import tof_hf; tof_hf.load_tagger({planted!r})",
        "load_tokenizer": f"from tof_hf.data import load_tokenizer; load_tokenizer({planted!r})",
        "span extraction": "from tof_hf.modeling import AutoModelForSpanExtraction as Auto; "
        f"Auto.from_pretrained({planted!r}, trust_remote_code=False)",
        "mlm": f"from tof_hf.modeling.transfer import load_for_mlm; load_for_mlm({planted!r})",
    }
    if find_spec("gradio"):
        steps["demo"] = ["demo", planted]
    if find_spec("onnxscript"):
        steps["export-onnx"] = ["export-onnx", planted, out]
    if find_spec("spacy"):
        steps["spacy"] = (
            "import spacy, tof_hf.integrations.spacy; "
            f"spacy.blank('es').add_pipe('tof_ner', config={{'model': {planted!r}}})"
        )
    alone = (
        "from transformers import AutoConfig; load = AutoConfig.from_pretrained\n"
        f"with contextlib.suppress(AttributeError): load({planted!r})  # its class is none, but it has run by then"
    )
    command = [sys.executable, "-c", STEPS, json.dumps(steps | {"transformers alone": alone}), str(marker)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, input="y\n" * 50, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    for name in steps:
        reported, ran = found[name]
        reported = " ".join(reported.split())  # check breaks lines
        assert not ran, name
        assert REFUSED in reported and "What to do: choose" in reported and planted in reported, (name, reported)
        assert "trust_remote_code=True" not in reported, name  # the advice of transformers, which is no use here
    assert found["transformers alone"][1], "the planted code would not have run anyway, so this test shows nothing"


def test_a_stock_architecture_that_names_code_is_loaded_without_it(stock, marker):
    assert load_tagger(stock, device="cpu").names == LABELS
    assert not marker.exists()


def test_what_is_trained_from_a_model_that_names_code_names_none(stock, marker, options):
    final = run_tof(options | {"model": stock}).final
    files = {path.name: path.read_text(encoding="utf-8") for path in final.glob("*.json")}
    assert {"config.json", "tokenizer_config.json"} <= set(files)
    assert not [name for name, text in files.items() if "auto_map" in text or "planted" in text]
    assert not marker.exists()


def test_report_and_push_run_no_code_of_a_tagger_in_the_runs_folder(stock, marker, options, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda question: "y")
    plant(run_tof(options | {"model": stock}).final, marker)
    assert main(["report", options["output_dir"]]) == 0
    assert main(["push", options["output_dir"], "somebody/tagger", "--license", "mit", "--dry-run"]) == 0
    assert "config.json" in capsys.readouterr().out
    assert not marker.exists()


def test_an_architecture_without_a_tagger_does_not_take_one_from_the_models_code(marker, tmp_path):
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "ffn_dim": 16, "vocab_size": 20}
    OPTConfig(**size, word_embed_proj_dim=16).save_pretrained(tmp_path / "opt")
    folder = plant(tmp_path / "opt", marker)
    with pytest.raises(ModelError, match=REFUSED):
        load_tagger(folder, device="cpu")
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    with pytest.raises(ModelError, match=REFUSED):
        make_from_config(AutoModelForTokenClassification, config)
    del config.auto_map
    with pytest.raises(ModelError, match="no AutoModelForTokenClassification can be made"):
        make_from_config(AutoModelForTokenClassification, config)
    assert not marker.exists()


@pytest.mark.parametrize("load", [load_tagger, AutoModelForSpanExtraction.from_pretrained])
def test_asking_for_the_code_of_a_model_is_refused(load, planted, stock, marker):
    for folder in (planted, stock):
        with pytest.raises(ModelError, match="never runs code that comes with a model"):
            load(folder, trust_remote_code=True)
    assert not marker.exists()


def test_a_script_beside_a_data_set_is_not_run(marker, tmp_path):
    folder = tmp_path / "rows"
    folder.mkdir()
    (folder / "rows.jsonl").write_text('{"tokens": ["Madrid"], "ner_tags": ["B-LOC"]}\n', encoding="utf-8")
    (folder / "rows.py").write_text(f"open({str(marker)!r}, 'w')", encoding="utf-8")
    with pytest.raises(DataError):
        read_ner(str(folder))
    assert not marker.exists()


def unsafe_calls(source: str) -> list[str]:
    """The calls that could run a model's code. `from_pretrained` must rule it out on its own line, for grep to see."""
    unsafe = []
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        owner, _, name = ast.unparse(call.func).rpartition(".")
        if owner in {"cls", "AutoModelForSpanExtraction"}:  # ours, which never runs any
            continue
        keywords = {key.arg: key.value for key in call.keywords}
        off = keywords.get("trust_remote_code")
        is_off = isinstance(off, ast.Constant) and off.value is False
        if name == "from_pretrained":
            is_off = is_off and off.lineno == call.func.end_lineno
        if not is_off and (name in {"from_pretrained", "from_config"} or (name == "pipeline" and "model" in keywords)):
            unsafe.append(ast.unparse(call))
    return unsafe


@pytest.mark.parametrize(
    ("source", "safe"),
    [
        ("AutoConfig.from_pretrained(name)", False),
        ("AutoConfig.from_pretrained(name, trust_remote_code=True)", False),
        ("AutoConfig.from_pretrained(name, trust_remote_code=trusted)", False),
        ("AutoConfig.from_pretrained(name, **options)", False),
        ("AutoConfig.from_pretrained(\n    name,\n    trust_remote_code=False,\n)", False),
        ("AutoConfig.from_pretrained(name, trust_remote_code=False, **options)", True),
        ("AutoModel.from_config(config)", False),
        ("AutoModel.from_config(config, trust_remote_code=False)", True),
        ("pipeline('token-classification', model=name)", False),
        ("pipeline(\n    'token-classification', model=name, trust_remote_code=False\n)", True),
    ],
)
def test_a_call_that_could_run_the_code_of_a_model_is_found(source, safe):
    assert bool(unsafe_calls(source)) != safe


def test_no_call_in_the_code_and_on_the_pages_could_run_the_code_of_a_model():
    places = ("tof_hf", "examples", "benchmarks", "dataset_scripts", "docs", "tests")
    sources = {file: file.read_text(encoding="utf-8") for place in places for file in (ROOT / place).rglob("*.py")}
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("tof_hf/**/*.md.jinja")]
    for page in pages:
        blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        blocks = [re.sub(r"\{\{.*?\}\}", "x", re.sub(r"\{%.*?%\}", "", block)) for block in blocks]
        sources |= {Path(f"{page}, block {number}"): block for number, block in enumerate(blocks)}
    assert len(sources) > 200 and any("pages" in file.parts for file in sources)
    unsafe = {str(file.relative_to(ROOT)): calls for file, text in sources.items() if (calls := unsafe_calls(text))}
    assert unsafe == {}
