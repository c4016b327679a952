"""The model card is what the run's record says, and metadata that the Hub accepts."""

from __future__ import annotations

import json
import re
import shutil
import statistics
from itertools import pairwise
from pathlib import Path

import pytest
from datasets import Dataset
from huggingface_hub import ModelCard, get_session
from huggingface_hub.utils import hf_raise_for_status
from jinja2 import UndefinedError
from markdown_it import MarkdownIt

from tof_hf.hub.card import model_card, render
from tof_hf.hub.dataset_release import _bundle as make_bundle
from tof_hf.hub.released_run import read_released_run as read_run
from tof_hf.storage.files import read_json, write_json
from tof_hf.utils.markdown import escape
from tof_hf.utils.text import printable

pytestmark = pytest.mark.slow

REPO = "tester/es-tagger"


@pytest.fixture
def run(run_folder):
    return read_run(run_folder)


def validate(hub, card):
    """Ask the Hub's own check; in huggingface_hub 1.31 `ModelCard.validate` asks huggingface.co, not HF_ENDPOINT."""
    answer = get_session().post(f"{hub.url}/api/validate-yaml", json={"repoType": "model", "content": str(card)})
    hf_raise_for_status(answer)


def tables(card):
    """Every table of the card as a list of rows of cells."""
    found, table = [], []
    for line in [*card.splitlines(), ""]:
        if line.startswith("|"):
            table.append([cell.strip() for cell in line.strip("|").split("|")])
        elif table:
            found.append(table)
            table = []
    return found


def with_seed(folder, seed, *, f1):
    """The record of another seed of the same run, with other scores."""
    write_json(folder / "lineage.json", read_json(folder / "lineage.json") | {"seed": seed})
    rows = read_json(folder / "results.json")["rows"]
    write_json(folder / "results.json", {"rows": [row | {"f1": f1, "seed": seed} for row in rows]})


def test_the_metadata_are_those_of_the_run(run):
    data = ModelCard(model_card(run, REPO, license="mit")).data
    assert (data.language, data.license, data.pipeline_tag) == (["es"], "mit", "token-classification")
    assert data.base_model is None  # the encoder was a folder
    target = next(row for row in reversed(run.scores) if row.split == "target")
    scores = {result.metric_type: result.metric_value for result in data.eval_results}
    assert scores == {name: round(getattr(target, name), 4) for name in ("precision", "recall", "f1")}
    assert {result.dataset_name for result in data.eval_results} == {"target_gold.conll (target)"}


def test_the_hub_takes_the_metadata(hub, run):
    validate(hub, model_card(run, REPO))


def test_an_encoder_and_data_of_the_hub_are_linked(run_folder):
    record = read_json(run_folder / "lineage.json")
    record["encoder"] |= {"name": "google-bert/bert-base-multilingual-cased", "hub": True}
    record["data"][0] |= {"name": "owner/news:es", "hub": True}
    write_json(run_folder / "lineage.json", record)
    data = ModelCard(model_card(read_run(run_folder), REPO)).data
    assert data.base_model == "google-bert/bert-base-multilingual-cased" and data.datasets == ["owner/news"]


def test_every_stage_on_the_way_stands_in_the_card_with_its_data_and_scores(run):
    card = model_card(run, REPO)
    stages = next(table for table in tables(card) if table[0][0] == "stage")
    assert [row[0] for row in stages[2:]] == ["mlm", "mrc", "ner", "pseudo_ner", "mrc1", "ner1"]
    ner = run.mean("mlm-mrc-ner", "target").means["f1"]
    assert stages[4][2] == "40 source" and stages[4][5] == f"{100 * ner:.2f}"
    diagram = re.search(r"```text\n(.*?)```", card, re.DOTALL)[1]
    assert diagram.count("|--> labels 40 target sentences") == 2 and diagram.rstrip().endswith("this tagger")


def test_the_card_lists_options_data_and_pseudo_labels(run):
    card = model_card(run, REPO)
    for option, value in run.lineage.options.items():
        assert f"| `{option}` | {escape(str(value))} |" in card
    for record in run.lineage.data:
        assert f"| {record.option} | {record.name} | {record.rows} |" in card
        assert record.fingerprint in card
    labelled = next(table for table in tables(card) if table[0][0] == "by")
    for row, entry in zip(labelled[2:], run.lineage.systems["tof"].pseudo_labels, strict=True):
        assert row[2] == str(sum(entry.entities.values()))


def test_the_health_of_pseudo_labels_stands_beside_them_and_alarms_among_the_limits(run_folder):
    record = read_json(run_folder / "lineage.json")
    first, second = record["systems"]["tof"]["pseudo_labels"]
    second["health"] |= {"changed_share": 0.1234, "agreement": 0.5, "unseen_forms": None, "alarms": ["LOC grew"]}
    second["selection"] = {"by": "threshold", "sentences": 12}
    del first["health"], first["selection"]  # a record of an older release
    write_json(run_folder / "lineage.json", record)
    card = model_card(read_run(run_folder), REPO)
    labelled = next(table for table in tables(card) if table[0][0] == "by")
    assert labelled[2][-4:] == ["", "", "", "all"]
    assert labelled[3][-4:] == ["12.34 %", "50.00 %", "", "12 sentences by threshold"]
    assert "- Alarm about the labels by pseudo_ner: LOC grew." in card


def test_a_stage_that_the_run_did_not_go_on_from_is_not_the_end_of_a_system(run_folder):
    record, results = (read_json(run_folder / name) for name in ("lineage.json", "results.json"))
    last = record["final"]["stage"]
    record["systems"]["tof"]["forgetting"] = [{"stage": last, "f1": 0.5, "best_stage": "mlm-mrc-ner", "best_f1": 0.9,
                                               "action": "mix", "mixed_f1": 0.4, "kept": last}]  # fmt: skip
    end = [row for row in results["rows"] if row["checkpoint"] == last]
    results["rows"] += [row | {"checkpoint": f"{last}_mix", "f1": 0.123} for row in end]
    write_json(run_folder / "lineage.json", record)
    write_json(run_folder / "results.json", results)
    card = model_card(read_run(run_folder), REPO)
    assert "ner1 fell to 50.00 F1 on source validation, from 90.00 after ner" in card and "12.30" not in card


def test_all_tables_are_whole(run):
    for table in tables(model_card(run, REPO)):
        assert {len(row) for row in table} == {len(table[0])}, table[0]
        assert set("".join(table[1])) <= set("-: ")


def test_one_seed_is_said_to_be_one_and_several_give_mean_and_spread(run, run_folder, tmp_path):
    assert "the spread over seeds was not measured" in model_card(run, REPO)
    others = [Path(shutil.copytree(run_folder, tmp_path / str(seed))) for seed in (2020, 2021)]
    for other, f1 in zip(others, (0.5, 0.9), strict=True):
        with_seed(other, int(other.name), f1=f1)
    several = read_run(run_folder, others)
    own = run.mean(run.final.stage, "target").means["f1"]
    mean, spread = statistics.fmean([own, 0.5, 0.9]), statistics.stdev([own, 0.5, 0.9])
    card = model_card(several, REPO)
    assert f"{100 * mean:.2f} ± {100 * spread:.2f}" in card and "3 runs" in card and "2019, 2020, 2021" in card


def test_the_metadata_have_the_value_of_these_very_weights(run_folder, tmp_path):
    other = Path(shutil.copytree(run_folder, tmp_path / "other"))
    with_seed(other, 2020, f1=0.9)
    own = read_run(run_folder)
    value = own.mean(own.final.stage, "target").means["f1"]
    data = ModelCard(model_card(read_run(run_folder, [other]), REPO)).data
    assert data.eval_results[2].metric_value == round(value, 4)


def test_data_with_any_name_is_an_identifier_that_the_hub_takes(hub, run_folder):
    record = read_json(run_folder / "lineage.json")
    for entry in record["data"]:
        entry["name"] = "gold set (año).conll"
    write_json(run_folder / "lineage.json", record)
    card = ModelCard(model_card(read_run(run_folder), REPO))
    validate(hub, card)
    assert card.data.eval_results[0].dataset_type == "gold-set-a-o-.conll"


def test_names_with_bars_break_no_table(run_folder):
    for file in ("lineage.json", "results.json"):
        text = (run_folder / file).read_text().replace('"tof"', '"a|b"').replace("target_text.txt", "x|y.txt")
        (run_folder / file).write_text(text)
    for table in tables(model_card(read_run(run_folder), REPO).replace("\\|", "")):
        assert {len(row) for row in table} == {len(table[0])}, table[0]


def test_a_domain_is_not_taken_for_a_language(run_folder):
    write_json(run_folder / "lineage.json", read_json(run_folder / "lineage.json") | {"target": "bio"})
    card = model_card(read_run(run_folder), REPO)
    assert ModelCard(card).data.language is None and "text of the kind `bio`" in card


def test_the_card_says_how_checkpoints_of_the_trained_stages_were_selected(run):
    card = model_card(run, REPO)
    assert "chosen by its F1 on labelled source sentences, source labels turned into questions; never" in card
    assert "Masked language modelling did not see" in card


def test_without_target_gold_the_card_says_that_nothing_is_known(run_folder):
    rows = [row for row in read_json(run_folder / "results.json")["rows"] if row["split"] != "target"]
    write_json(run_folder / "results.json", {"rows": rows})
    card = model_card(read_run(run_folder), REPO)
    assert "so its quality on es is not known" in card
    assert "No labelled target sentences were read at all" in card
    assert ModelCard(card).data.eval_results[0].dataset_name == "source_validation.conll (source validation)"


def test_the_card_says_that_the_model_saw_test_text(run_folder):
    assert "did not see the target's test set" in model_card(read_run(run_folder), REPO)
    record = read_json(run_folder / "lineage.json")
    record["zero_resource"]["target_test_text_in_mlm"] = True
    write_json(run_folder / "lineage.json", record)
    assert "also saw the unlabelled sentences of the target's test set" in model_card(read_run(run_folder), REPO)


def test_gold_that_stages_were_trained_on_takes_the_zero_resource_claim_from_the_card(run_folder):
    claims = ("without a single entity label of that target", "no stage was trained on any")
    card = model_card(read_run(run_folder), REPO)
    assert all(claim in card for claim in claims) and "no zero-resource model" not in card
    record = read_json(run_folder / "lineage.json")
    leak = next(one for one in record["zero_resource"]["overlaps"] if one["within"] == "target.mrc")
    assert (leak["of"], leak["shared"], leak["total"]) == ("target.gold", 0, 20)
    leak["shared"] = 7
    write_json(run_folder / "lineage.json", record)
    card = model_card(read_run(run_folder), REPO)
    assert not any(claim in card for claim in claims)
    assert "7 of the 20 scored target sentences are also in target.mrc, with questions and answers" in card


HOSTILE = "x\n\n# H\n\n![x](http://evil/p.png) [y](http://evil) <img src=http://evil> `c` | \x1b[31m \u202e ---"


def hostile(folder):
    """The run, with every text of its record that comes from data, labels or options turned into markup."""
    text = (folder / "lineage.json").read_text()
    record = json.loads(re.sub(r'"(PER|tof)"(?=[:,\]\s])', lambda _: json.dumps(HOSTILE), text))
    record["target"] = record["preset"] = record["encoder"]["name"] = HOSTILE
    record["options"][HOSTILE] = {HOSTILE: [HOSTILE]}
    for entry in record["data"]:
        entry |= {"name": HOSTILE, "license": HOSTILE if entry["option"] == "target.gold" else "cc0-1.0"}
        entry["options"] = {"label_map": {HOSTILE: HOSTILE}, "split": HOSTILE}
    for system in record["systems"].values():
        for labelled in system["pseudo_labels"]:
            labelled["health"]["alarms"] = [HOSTILE]
            labelled["selection"] = None
    record["final"]["system"] = HOSTILE
    write_json(folder / "lineage.json", record)
    return read_run(folder)


def markup(card):
    """The tokens of a card's body, those inside of paragraphs too."""
    body = ModelCard(card, ignore_metadata_errors=False).text
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(body):
        yield token
        yield from token.children or ()


def check_no_markup_of_the_data(card):
    tokens = list(markup(card))
    kinds = {token.type for token in tokens}
    assert not kinds & {"html_block", "html_inline", "image", "link_open", "hr"}
    headings = [
        after.content for token, after in pairwise(tokens) if token.type == "heading_open" and token.tag == "h1"
    ]
    assert len(headings) == 1
    assert printable(card) == card


def test_nothing_that_the_record_holds_becomes_markup_in_the_card(run_folder):
    run = hostile(run_folder)
    card = model_card(run, REPO, license=HOSTILE)
    check_no_markup_of_the_data(card)
    assert "evil" in card and ModelCard(card).data.license == printable(HOSTILE)
    for table in tables(card.replace("\\|", "")):
        assert {len(row) for row in table} == {len(table[0])}, table[0]


@pytest.mark.parametrize("option", ["mrc_repo", "pseudo_labels_repo"])
def test_nothing_that_the_record_holds_becomes_markup_in_the_card_of_a_data_set(run_folder, option):
    run = hostile(run_folder)
    rows = Dataset.from_dict({"id": ["1"], "tokens": [[HOSTILE]]})
    values = {"questions": {HOSTILE: HOSTILE}} if option == "mrc_repo" else {"last": run.labelled[-1]}
    bundle = make_bundle(option, run, "tester/data", rows, **values)
    card = bundle.files["README.md"].decode()
    check_no_markup_of_the_data(card)
    assert "evil" in card


def test_the_record_names_no_folder_and_what_each_stage_came_from(run, toy_run):
    text = run.lineage.model_dump_json()
    assert str(toy_run[0].parent) not in text and "secret_place" not in text
    assert run.all_stages[0] == "mlm" and run.lineage.stages["mlm"].start is None
    assert (run.final.system, run.final.stage) == ("tof", run.all_stages[-1])
    assert run.lineage.options["ner.learning_rate"] == 0.01 and "mrc.learning_rate" not in run.lineage.options


def test_a_page_that_lacks_a_value_is_an_error_not_a_blank():
    with pytest.raises(UndefinedError):
        render("dataset_card.md.jinja", header="")
