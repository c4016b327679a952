"""A finished run on the Hub: what goes there, what people load from it, and what never leaves."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from nightly import nightly
from safetensors.torch import load_file
from transformers import pipeline

from tof_hf import load_config, run_tof
from tof_hf.cli import main
from tof_hf.config import ReleaseConfig
from tof_hf.config.yaml import parse_yaml
from tof_hf.errors import DataError, TofError
from tof_hf.hub import upload
from tof_hf.hub.push import prepare, push
from tof_hf.hub.released_run import read_released_run as read_run
from tof_hf.inference.tagger import load_tagger
from tof_hf.integrations.onnx import export_onnx
from tof_hf.report.page import make_report

pytestmark = pytest.mark.slow

REPO = "tester/es-tagger"
ROOT = Path(__file__).parents[2]


def files_of(hub, repo=REPO, kind="model"):
    return hub.repos[kind, repo].files()


def commits(hub, repo=REPO, kind="model"):
    return [commit.title for commit in hub.repos[kind, repo].branches["main"]][1:]


def test_one_commit_holds_tagger_tokenizer_card_record_and_scores(hub, run_folder):
    assert main(["push", str(run_folder), REPO, "--license", "mit"]) == 0
    assert commits(hub) == ["Tagger with its card and record, by tof_hf"]
    assert set(files_of(hub)) == {
        ".gitattributes", "README.md", "config.json", "lineage.json", "model.safetensors", "results.json",
        "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    assert files_of(hub)["model.safetensors"] == (run_folder / "final" / "model.safetensors").read_bytes()


def test_the_published_tagger_loads_by_its_id(hub, run_folder, monkeypatch):
    monkeypatch.setattr("tof_hf.inference.tagger.has_bf16", lambda: False)
    main(["push", str(run_folder), REPO])
    words = "Zara visited Valdoro .".split()
    here, there = load_tagger(str(run_folder / "final"), device="cpu"), load_tagger(REPO, device="cpu")
    assert there([words] * 2) == here([words] * 2)
    settings = {"aggregation_strategy": "first", "stride": 16, "device": "cpu"}
    stock = pipeline("token-classification", model=REPO, trust_remote_code=False, **settings)
    found = stock(words, is_split_into_words=True)[0]
    assert [(e["start"], e["end"], e["entity_group"]) for e in found] == [
        (e.start, e.end, e.label) for e in there([words])[0]
    ]


def test_a_narrow_tagger_is_smaller_and_labels_the_same(run_folder, tmp_path):
    (tmp_path / "more.txt").write_text("Qqqq qq .\n")
    text = {"vocabulary_text": [str(tmp_path / "more.txt")]}
    whole, narrow, more = (
        prepare(run_folder, ReleaseConfig(repo=REPO, **release))[-1].files
        for release in ({}, {"vocabulary": "narrow"}, {"vocabulary": "narrow"} | text)
    )
    assert whole.keys() == narrow.keys()
    sizes = [json.loads(files["config.json"])["vocab_size"] for files in (narrow, more)]
    assert sizes[0] <= sizes[1] and "word_rule" in str(json.loads(narrow["config.json"]))
    for name, content in narrow.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    settings = {"aggregation_strategy": "first", "device": "cpu"}
    taggers = [
        pipeline("token-classification", model=str(place), trust_remote_code=False, **settings)
        for place in (tmp_path, run_folder / "final")
    ]
    words = "Zara visited Valdoro ."
    here, there = ([(one["word"], one["entity_group"]) for one in tagger(words)] for tagger in taggers)
    assert here == there
    assert len(narrow["model.safetensors"]) <= whole["model.safetensors"].stat().st_size


def test_the_published_tagger_loads_where_tof_hf_is_not_installed(hub, hub_environment, run_folder, tmp_path):
    main(["push", str(run_folder), REPO])
    code = f"""
import sys
sys.modules["tof_hf"] = None  # whoever imports it gets an ImportError
from transformers import pipeline
tagger = pipeline(
    "token-classification", model="{REPO}", trust_remote_code=False, aggregation_strategy="first", stride=16
)
print(len(tagger("Zara visited Valdoro . " * 200)) >= 0, tagger.model.config.id2label[1])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=hub_environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.split() == ["True", "B-LOC"], done.stderr


def test_the_python_of_the_published_card_runs(hub, run_folder, monkeypatch, capsys):
    main(["push", str(run_folder), REPO])
    card = files_of(hub)["README.md"].decode()
    blocks = re.findall(r"^```python\n(.*?)^```$", card, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "card", "exec"), {})


def test_a_dry_run_lists_every_file_with_its_size_and_does_not_contact_the_hub(hub, run_folder, capsys):
    (run_folder / "final" / "training_args.bin").write_bytes(b"/home/me")
    (run_folder / "final" / "optimizer.pt").write_bytes(b"state")
    assert main(["push", str(run_folder), REPO, "--dry-run", "--revision", "v2"]) == 0
    printed = capsys.readouterr().out
    assert hub.requests == [] and f"model {REPO}, branch v2: 7 files" in printed
    size = (run_folder / "final" / "model.safetensors").stat().st_size
    assert re.search(rf" {size:,}  model.safetensors$", printed, re.MULTILINE)
    assert re.findall(r"stays here  (.*)", printed) == ["final/optimizer.pt", "final/training_args.bin"]
    main(["push", str(run_folder), REPO])
    assert not {"training_args.bin", "optimizer.pt"} & set(files_of(hub))


def text_of(path, content):
    """The bytes of a published file, and of a Parquet file what it holds unpacked."""
    if not path.endswith(".parquet"):
        return content
    table = pq.read_table(io.BytesIO(content))
    return repr((table.schema, table.schema.metadata, table.to_pydict())).encode()


def test_nothing_published_names_a_folder_a_user_the_machine_or_a_token(hub, run_folder, secrets):
    file = run_folder / "lineage.json"
    record = json.loads(file.read_text())
    record["stages"]["mlm"]["folder"] = "../../secret_place/stages/mlm"  # of a search, whose runs share their stages
    file.write_text(json.dumps(record))
    data = ["--mrc-repo", "tester/mrc", "--pseudo-labels-repo", "tester/pseudo"]
    assert main(["push", str(run_folder), REPO, *data]) == 0
    pages = {"report.html": make_report(run_folder).html.encode()}
    for kind, repo in (("model", REPO), ("dataset", "tester/mrc"), ("dataset", "tester/pseudo")):
        pages |= {f"{repo}/{path}": text_of(path, content) for path, content in files_of(hub, repo, kind).items()}
    for path, content in pages.items():
        assert b"secret_" not in content and hub.token.encode() not in content, path
    assert json.loads(files_of(hub)["config.json"])["corpus"] == "file.txt"


@pytest.mark.parametrize("make", ["space", *nightly("onnx")])
def test_an_export_and_a_space_name_no_folder_user_machine_or_token(make, run_folder, secrets, tmp_path):
    if make == "onnx":
        pytest.importorskip("onnxscript")
        out = export_onnx(str(run_folder / "final"), tmp_path / "export")
    else:
        pytest.importorskip("gradio")
        from tof_hf.integrations.demo import write_space

        out = write_space(tmp_path / "space", "user/tagger")
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) > 3 and not [path for path in files if b"secret_" in path.read_bytes()]


def test_a_push_that_broke_off_leaves_the_run_untouched_and_the_next_one_succeeds(hub, run_folder, monkeypatch, capsys):
    monkeypatch.setattr(upload, "TRIES", 1)
    before = {path: path.read_bytes() for path in run_folder.rglob("*") if path.is_file()}
    hub.drop("/commit/", times=None)
    assert main(["push", str(run_folder), REPO]) == 2
    message = capsys.readouterr().err
    assert "run the same command again" in message and "Traceback" not in message
    assert {path: path.read_bytes() for path in run_folder.rglob("*") if path.is_file()} == before
    assert commits(hub) == []
    hub.faults.clear()
    assert main(["push", str(run_folder), REPO]) == 0
    assert len(commits(hub)) == 1


def test_the_data_sets_of_the_run_load_by_their_ids(hub, run_folder):
    data = ["--mrc-repo", "tester/mrc", "--pseudo-labels-repo", "tester/pseudo"]
    assert main(["push", str(run_folder), REPO, *data]) == 0
    questions = load_dataset("tester/mrc", split="train")
    assert len(questions) == 4 * 40 and set(questions["label"]) == {"LOC", "MISC", "ORG", "PER"}
    for row in questions.select(range(20)):
        assert all(row["context"][span["start"] : span["end"]].strip() for span in row["spans"])
    labelled = load_dataset("tester/pseudo", split="train")
    assert labelled.features["ner_tags"].feature.names[:2] == ["O", "B-LOC"] and len(labelled) == 40
    header = parse_yaml(files_of(hub, "tester/mrc", "dataset")["README.md"].decode().split("---")[1], name="card")
    assert header["license"] == "cc-by-4.0"


@pytest.mark.parametrize("license, found", [(None, "no stated licence"), ("cc-by-nd-4.0", "'cc-by-nd-4.0'")])
@pytest.mark.parametrize("option, data", [("--mrc-repo", "source.train"), ("--pseudo-labels-repo", "target.text")])
def test_data_whose_licence_forbids_it_is_not_published_nor_is_anything_else(
    hub, run_folder, capsys, option, data, license, found
):
    file = run_folder / "lineage.json"
    record = json.loads(file.read_text())
    for entry in record["data"]:
        entry["license"] = license if entry["option"] == data else entry["license"]
    file.write_text(json.dumps(record))
    assert main(["push", str(run_folder), REPO, option, "tester/data"]) == 2
    message = capsys.readouterr().err
    assert f"{data} (" in message and found in message and f"{data}.license" in message
    assert hub.requests == []


def test_data_that_changed_since_the_run_is_not_published(hub, run_folder, toy_run, tmp_path, capsys):
    options = toy_run[1]
    other = tmp_path / "other.conll"
    shutil.copy(options["source"]["train"]["path"], other)
    with other.open("a", encoding="utf-8") as stream:
        stream.write("\nNeu B-LOC\n")
    config = load_config(run_folder / "config.yaml", [f"source.train.path={other}"])
    (run_folder / "config.yaml").write_text(config.to_yaml())
    assert main(["push", str(run_folder), REPO, "--mrc-repo", "tester/mrc"]) == 2
    assert "other rows in source.train (other.conll)" in capsys.readouterr().err
    assert hub.requests == []


def test_a_run_that_is_not_finished_is_refused(tmp_path, run_folder, capsys):
    assert main(["push", str(tmp_path), REPO]) == 2
    assert "no config.yaml" in capsys.readouterr().err
    (run_folder / "lineage.json").unlink()
    assert main(["push", str(run_folder), REPO]) == 2
    assert "start the same run again" in capsys.readouterr().err
    shutil.rmtree(run_folder / "final")


def test_a_folder_without_weights_is_refused(run_folder, capsys):
    (run_folder / "final" / "model.safetensors").unlink()
    assert main(["push", str(run_folder), REPO, "--dry-run"]) == 2
    assert "no tagger in safetensors form" in capsys.readouterr().err


def test_a_run_publishes_itself_at_its_end(hub, toy_run, tmp_path):
    folder = shutil.copytree(toy_run[0], tmp_path / "again")
    release = {"repo": REPO, "private": True, "license": "mit", "revision": "first"}
    run_tof(toy_run[1] | {"output_dir": str(folder), "push_to_hub": True, "release": release})
    repo = hub.repos["model", REPO]
    assert repo.private and "model.safetensors" in repo.files("first") and "config.json" not in repo.files()
    card = repo.files("first")["README.md"].decode()
    assert "license: mit" in card
    # The folder was copied: its stages still know what they came from.
    assert read_run(folder).all_stages == read_run(toy_run[0]).all_stages and "|--> labels 40 target sentences" in card


def test_a_run_that_may_not_publish_says_so_before_any_training(hub, toy_run, tmp_path):
    hub.read_only = True
    options = toy_run[1] | {"output_dir": str(tmp_path / "new"), "push_to_hub": True, "release": {"repo": REPO}}
    with pytest.raises(TofError, match="write access"):
        run_tof(options)
    assert not (tmp_path / "new" / "stages").exists()


@pytest.mark.parametrize(
    "release, message", [({"mrc_repo": "other/mrc"}, "403"), ({"pseudo_labels_repo": "tester/x"}, "no stated licence")]
)
def test_data_sets_that_cannot_be_published_are_found_before_any_training(hub, toy_run, tmp_path, release, message):
    options = toy_run[1] | {"output_dir": str(tmp_path / "new"), "push_to_hub": True}
    options["target"] = options["target"] | {"text": options["target"]["text"]["path"]}
    with pytest.raises(TofError, match=message):
        run_tof(options | {"release": {"repo": REPO} | release})
    assert not (tmp_path / "new" / "stages").exists()


def test_a_repository_that_cannot_be_private_stops_the_others_too(hub, run_folder, capsys):
    hub.add("model", REPO)
    assert main(["push", str(run_folder), REPO, "--private", "--pseudo-labels-repo", "tester/pseudo"]) == 2
    assert "exists and is public" in capsys.readouterr().err
    assert commits(hub, "tester/pseudo", "dataset") == []


@pytest.mark.parametrize(("license", "near"), [("mti", "'mit'"), ("MIT", "'mit'"), ("my own", "'other'")])
def test_a_licence_that_the_hub_does_not_know_is_refused_before_anything(run_folder, capsys, license, near):
    assert main(["push", str(run_folder), REPO, "--license", license, "--dry-run"]) == 2
    printed = capsys.readouterr()
    assert f"license is {license!r}, which is not a licence id" in printed.err and near in printed.err
    assert printed.out == ""


def test_a_card_that_the_hub_does_not_take_says_what_is_wrong_with_it(hub, run_folder, capsys):
    hub.fail("/validate-yaml", status=400, times=None, message='"license" must be one of ...')
    assert main(["push", str(run_folder), REPO, "--license", "openmdw-1.1"]) == 2
    assert "such as the licence" in capsys.readouterr().err


def test_files_of_others_in_folders_stay_there_and_in_final_they_stay_here(hub, run_folder):
    main(["push", str(run_folder), REPO])
    history = hub.repos["model", REPO].branches["main"]
    own = {"lora/adapter_model.safetensors": b"mine", "notes.md": b"mine"}
    history.append(dataclasses.replace(history[-1], sha="f" * 40, files=history[-1].files | own))
    deep = run_folder / "final" / "checkpoint-5"
    deep.mkdir()
    shutil.copy(run_folder / "final" / "model.safetensors", deep)
    (run_folder / "final" / "vocab.txt").write_text("a\n")
    main(["push", str(run_folder), REPO])
    assert own.items() <= files_of(hub).items()
    assert "vocab.txt" in files_of(hub) and not [path for path in files_of(hub) if path.startswith("checkpoint-5")]


def test_a_run_that_cannot_publish_at_its_end_is_finished_all_the_same(hub, toy_run, tmp_path, monkeypatch):
    monkeypatch.setattr(upload, "TRIES", 1)
    folder = shutil.copytree(toy_run[0], tmp_path / "again")
    hub.fail("/commit/", status=500, times=None)
    options = toy_run[1] | {"output_dir": str(folder), "push_to_hub": True, "release": {"repo": REPO}}
    with pytest.raises(TofError, match="The run is finished; `tof-hf push .*again` publishes it"):
        run_tof(options)
    hub.faults.clear()
    assert load_file(folder / "final" / "model.safetensors")
    assert main(["push", str(folder)]) == 0  # the repository stands in the run's config
    assert len(commits(hub)) == 1


def test_means_over_seeds_need_runs_that_differ_in_nothing_else(run_folder, tmp_path):
    release = load_config(run_folder / "config.yaml").release
    other = Path(shutil.copytree(run_folder, tmp_path / "other"))
    with pytest.raises(DataError, match=r"seeds \[2019, 2019\]"):
        prepare(run_folder, release, other_seeds=[other])
    record = json.loads((other / "lineage.json").read_text())
    (other / "lineage.json").write_text(json.dumps(record | {"seed": 2020, "preset": "official_code"}))
    with pytest.raises(DataError, match="differs in its preset"):
        prepare(run_folder, release, other_seeds=[other])


def test_push_gives_the_addresses_of_all_that_was_published(hub, run_folder):
    config = load_config(run_folder / "config.yaml", [f"release.repo={REPO}", "release.mrc_repo=tester/mrc"])
    assert push(prepare(run_folder, config.release)) == [f"{hub.url}/datasets/tester/mrc", f"{hub.url}/{REPO}"]
