"""The run files of the six benchmarks: the paper's numbers in every variant, special cases on stand-in data."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from datasets import Dataset
from nightly import nightly

from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf.check import check
from tof_hf.config import load_config
from tof_hf.data import read_mrc
from tof_hf.stages.fingerprint import _deciding, fingerprint

CONFIGS = Path(__file__).parents[1] / "examples" / "configs"
LINGUAL, DOMAIN = ("es", "nl", "de"), ("cbs", "twitter", "wnut16")
BENCHMARKS = LINGUAL + DOMAIN
SMALL = ("small/nl", "small/de", "small/cbs", "small/wnut16")
PRESETS = ("paper", "official_code")
STAGES = ("mlm", "mrc", "ner", "pseudo_ner", "continual_mrc", "continual_ner")

# Table 6 of the paper, below the 5e-5 of Appendix B for masked language modelling.
RATES = {
    "es": (5e-5, 2e-6, 5e-5, 2e-5, 5e-5, 5e-5),
    "nl": (5e-5, 1e-6, 2e-5, 1e-5, 2e-6, 5e-6),
    "de": (5e-5, 1e-6, 2e-5, 1e-5, 2e-5, 1e-6),
    "cbs": (5e-5, 2e-5, 5e-5, 8e-5, 8e-6, 3e-5),
    "twitter": (5e-5, 2e-5, 2e-5, 1e-6, 3e-5, 5e-6),
    "wnut16": (5e-5, 2e-5, 5e-5, 1e-6, 1e-6, 2e-6),
}
EPOCHS = (3, 6, 6, 6, 6, 6)
BATCHES = {"paper": (32, 16, 64, 64, 16, 64), "official_code": (32, 16, 32, 64, 16, 64)}

# What lies under $TOF_DATA, and the corpus of the toy world that stands in for it.
STAND_INS = {
    "conll2003_en/eng.train": "source_train",
    "conll2003_en/eng.testa": "source_validation",
    "conll2003_en/eng.testb": "source_test",
    "squad/train-v1.1.json": "source_qa",
    "squad/dev-v1.1.json": "source_qa",
    "xquad/xquad.en.json": "target_qa",
    "xquad/xquad.de.json": "target_qa",
    "mlqa/test-context-es-question-es.json": "target_qa",
    "mlqa/dev-context-es-question-es.json": "target_qa",
    "conll2002_es/esp.train": "target_text",
    "conll2002_es/esp.testb": "target_gold",
    "conll2003_de/deu.train.utf8.iob2": "target_text",
    "conll2003_de/deu.testb.utf8.iob2": "target_gold",
    "conll2002_nl/ned.train": "target_text",
    "conll2002_nl/ned.testb": "target_gold",
    "cbs/tech_test": "target_gold",
    "twitter2015/train.txt": "target_text",
    "twitter2015/test.txt": "target_gold",
    "wnut16/train": "target_text",
    "wnut16/test": "target_gold",
}
FOREIGN_TYPES = {
    "twitter2015/test.txt": {"MISC": "OTHER"},
    "wnut16/test": {"PER": "person", "LOC": "geo-loc", "ORG": "company", "MISC": "product"},
}


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory):
    """A folder with a small generated file for every one that the run files name, and a tiny encoder in it."""
    folder = tmp_path_factory.mktemp("benchmarks")
    world = make_world(seed=0, size="tiny")
    corpora = write_world(world, folder / "toy")
    for name, corpus in STAND_INS.items():
        text = corpora[corpus].read_text(encoding="utf-8")
        for ours, theirs in FOREIGN_TYPES.get(name, {}).items():
            text = re.sub(rf"-{ours}$", f"-{theirs}", text, flags=re.MULTILINE)
        put(folder / name, text)
    for pair in ("en-es", "en-de", "en-nl"):
        put(folder / "muse" / f"{pair}.txt", "the el\nin en\nof de\n")
    questions = [row for row in read_mrc(str(corpora["target_qa"])) if row["spans"]]
    answers = [row["context"][row["spans"][0]["start"] : row["spans"][0]["end"]] for row in questions]
    tweets = [
        {"qid": row["id"], "Tweet": row["context"], "Question": row["question"], "Answer": [answer]}
        for row, answer in zip(questions, answers, strict=True)
    ]
    put(folder / "tweetqa" / "train.json", json.dumps(tweets))
    (folder / "newsqa" / "tokens").mkdir(parents=True)
    Dataset.from_list(questions).to_parquet(folder / "newsqa" / "tokens" / "train.parquet")
    files = "[{split: train, path: tokens/train.parquet}]"
    put(folder / "newsqa" / "README.md", f"---\nconfigs:\n- {{config_name: tokens, data_files: {files}}}\n---\n")
    train_encoder(world, folder / "encoder", steps=0, layers=1, hidden=32)
    return folder


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def load(stand_ins, tmp_path, monkeypatch):
    """Loads a benchmark's run file on the stand-in data: full, or its small variant."""
    monkeypatch.setenv("TOF_DATA", str(stand_ins))
    monkeypatch.setenv("TOF_ENCODER", str(stand_ins / "encoder"))

    def load(name, *overrides, small=False):
        path = CONFIGS / "small" / f"{name}.yaml" if small else CONFIGS / f"{name}.yaml"
        return load_config(path, [f"output_dir={tmp_path / 'run'}", *overrides])

    return load


@pytest.fixture
def report_on(load, stand_ins):
    """The report on a benchmark's run file with the tiny encoder: all that is looked at before a run, and the plan."""

    def report_on(name, *overrides, small=False):
        model = f"model={stand_ins / 'encoder'}"
        return check(load(name, model, *overrides, small=small), timing=False)

    return report_on


def values(config, option):
    return tuple(config.stages()[stage].training[option] for stage in STAGES)


def rows_of(report):
    """The kinds of rows that each stage of TOF learns from, by the last part of its name."""
    stages = [stage for stage in report.stages if "tof" in stage.systems]
    return {stage.name.rpartition("-")[2].removesuffix("_tr"): set(stage.rows) for stage in stages}


# The paper's numbers


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_numbers_of_the_paper_are_in_force_in_both_variants(load, name, preset):
    config = load(name, f"preset={preset}")
    assert values(config, "learning_rate") == RATES[name]
    assert values(config, "num_train_epochs") == EPOCHS
    assert values(config, "per_device_train_batch_size") == BATCHES[preset]
    assert (config.seed, config.rounds, config.preset) == (2019, 1, preset)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_seed_of_the_published_reading_scripts_is_the_cross_lingual_ones_alone(load, name):
    seed = 2333 if name in LINGUAL else None
    published, paper = load(name, "preset=official_code"), load(name)
    assert [published.stages()[stage].seed for stage in STAGES] == [None, seed, None, None, seed, None]
    assert [paper.stages()[stage].seed for stage in STAGES] == [None] * 6


@pytest.mark.parametrize("name", BENCHMARKS)
def test_one_key_turns_all_of_the_published_code_on(load, name):
    published, paper = load(name, "preset=official_code"), load(name)
    assert (paper.mrc.span_match_head, published.mrc.span_match_head) == (False, True)
    assert (paper.continual_mrc.use_ner_mrc, published.continual_mrc.use_ner_mrc) == (False, True)
    assert (paper.pseudo_ner.use_source, published.pseudo_ner.use_source) == (False, name in LINGUAL)
    assert (paper.mrc.max_ner_mrc, published.mrc.max_ner_mrc) == (None, 2500 if name in LINGUAL else None)
    assert (paper.mlm.include_target_test, published.mlm.include_target_test) == (False, name != "cbs")
    assert (paper.mrc.lr_decay_per_epoch, published.mrc.lr_decay_per_epoch) == (None, 0.95)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_encoder_is_the_one_of_the_paper(load, name):
    kind = "bert-base-multilingual-cased" if name in LINGUAL else "bert-base-cased"
    assert load(name).model == f"google-bert/{kind}"


@pytest.mark.parametrize("name", BENCHMARKS)
def test_source_questions_and_their_validation_have_the_size_of_table_5(load, name):
    source = load(name).source
    assert [file.limit for file in (*source.mrc, *source.mrc_validation)] == [10_000, 1_000]


def test_dutch_keeps_all_english_questions_in_the_published_variant_too(load):
    assert load("nl", "preset=official_code").mrc.max_source_qa is None
    assert load("es", "preset=official_code").mrc.max_source_qa == 10_000


# The small variants


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_small_variant_is_the_same_task_with_the_same_sizes_and_rates_for_all(load, name):
    small, full, spanish = load(name, small=True), load(name), load("es", small=True)
    same = ("systems", "seed", "rounds", "label_map", "labels", "queries")
    assert [vars(small)[key] for key in same] == [vars(full)[key] for key in same]
    assert [values(small, "learning_rate"), small.mlm] == [values(spanish, "learning_rate"), spanish.mlm]
    assert (small.source.train.limit, small.target.gold.limit) == (1_500, 1_000)
    assert small.target.gold.label_map == full.target.gold.label_map
    assert small.target.text[0].path == full.target.text[0].path and small.target.text[0].limit == 1_500


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_small_variant_trains_as_before_the_preset_small(load, name):
    # Computed when the options were written out in sizes.yaml.
    config = load(name, small=True)
    options = fingerprint({stage: _deciding(section) for stage, section in config.stages().items()})
    assert options == ("34ed7f83f8f67f6f" if name == "nl" else "46286d7ef0453e3c")
    assert (config.labelling.max_sentences, config.labelling.max_text_share) == (1000, 0.05)
    assert config.labelling.selection == "all" and config.preset == "small"


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_small_variant_takes_its_encoder_from_the_environment(load, stand_ins, name):
    assert load(name, small=True).model == str(stand_ins / "encoder")


def test_every_run_file_writes_into_a_folder_of_its_own():
    files = [CONFIGS / f"{name}.yaml" for name in BENCHMARKS] + sorted((CONFIGS / "small").glob("*.yaml"))
    places = [re.findall(r"^output_dir: (\S+)$", file.read_text(encoding="utf-8"), re.MULTILINE) for file in files]
    assert len({place for found in places for place in found}) == 12


# On stand-in data


@pytest.mark.slow
@pytest.mark.parametrize("name", [*BENCHMARKS, "small/es", "small/twitter", *nightly(*SMALL)])
def test_every_benchmark_passes_all_that_is_looked_at_before_a_run(report_on, name):
    report = report_on(name.removeprefix("small/"), small=name.startswith("small/"))
    assert [finding for finding in report.findings if finding.level == "error"] == []
    assert [stage.action for stage in report.stages] == ["run"] * len(report.stages) and len(report.stages) > 6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["es", "cbs", *nightly("nl", "de", "twitter", "wnut16")])
def test_the_published_variant_passes_it_too(report_on, name):
    report = report_on(name, "preset=official_code", "systems=[tof]")
    assert [finding for finding in report.findings if finding.level == "error"] == []
    extra = {"source", "translated"} if name in LINGUAL else set()
    assert rows_of(report)["pseudo_ner"] == rows_of(report)["ner1"] == {"pseudo"} | extra


@pytest.mark.slow
def test_dutch_learns_to_read_from_english_questions_and_their_translations(report_on):
    rows = rows_of(report_on("nl", "systems=[tof]"))
    assert rows["mrc"] == {"source_qa", "ner_mrc", "translated_qa", "translated_ner_mrc"}
    assert rows["mrc1"] == {"source_qa", "pseudo_mrc"}


@pytest.mark.slow
def test_the_other_benchmarks_read_target_questions_in_every_round(report_on):
    assert rows_of(report_on("es", "systems=[tof]"))["mrc1"] == {"target_qa", "pseudo_mrc"}


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_cbs_takes_the_words_of_its_test_sentences_once_and_the_check_says_so(report_on, preset):
    report = report_on("cbs", f"preset={preset}", "systems=[tof]")
    reported = [finding for finding in report.findings if "target.gold" in finding.found or "gold" in finding.subject]
    assert reported and {finding.level for finding in reported} <= {"warning", "note"}
    mlm = next(stage for stage in report.stages if stage.kind == "mlm")
    gold = next(one for one in report.files if one.option == "target.gold")
    assert mlm.rows["target"] == gold.rows == 20


@pytest.mark.slow
@pytest.mark.parametrize("small", [False, True], ids=["full", "small"])
def test_wnut16_has_one_type_and_one_question_a_sentence(report_on, small):
    report = report_on("wnut16", "systems=[tof]", small=small)
    entities = {one.option: set(one.entities) for one in report.files if one.kind == "ner"}
    assert entities and all(types == {"ENT"} for types in entities.values())
    mrc = next(stage for stage in report.stages if stage.kind == "mrc")
    assert mrc.rows["ner_mrc"] == next(one.rows for one in report.files if one.option == "source.train")


@pytest.mark.slow
def test_twitter_scores_its_type_other_as_misc(report_on):
    report = report_on("twitter", "systems=[source_only]")
    gold = next(one for one in report.files if one.option == "target.gold")
    assert "MISC" in gold.entities and "OTHER" not in gold.entities
