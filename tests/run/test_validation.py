"""What a run cannot do is said before any training, by the name of the file or option that is wrong."""

from __future__ import annotations

import copy
import shutil

import pytest
from datasets import Dataset
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast, T5Config, Trainer

from tof_hf.config import load_config
from tof_hf.errors import ConfigError, DataError, ModelError, TofError
from tof_hf.modeling.checkpoints import encoder_key
from tof_hf.pipeline import TofPipeline
from tof_hf.run import validation
from tof_hf.run.inputs import Inputs
from tof_hf.utils import processes

NER = "Maria B-PER\nvisited O\nMadrid B-LOC\n\nJuan B-PER\n. O\n"


class TrainingBegan(Exception):
    """All that stands before training was passed."""


@pytest.fixture
def start(tmp_path, checkpoint, tokenizers, monkeypatch):
    """Starts a run of these files, with changes of the config; TrainingBegan if nothing is wrong."""
    encoder = checkpoint("bert")
    tokenizers["wordpiece"].save_pretrained(encoder)

    def began(*args, **kwargs):
        raise TrainingBegan

    monkeypatch.setattr(Trainer, "train", began)

    def run(*overrides, datasets=None, **files):
        texts = {"train": NER, "validation": NER, "text": "Ana vive en Madrid .\nJuan\n"} | files
        for name, text in texts.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        values = {
            "model": encoder,
            "output_dir": str(tmp_path / "run"),
            "source": {name: str(tmp_path / name) for name in ("train", "validation")},
            "target": {"text": str(tmp_path / "text")},
        }
        small = [f"{stage}.max_length=64" for stage in ("mlm", "mrc", "ner")]
        TofPipeline(load_config(values, [*small, *overrides]), datasets=datasets).run()

    return run


def test_a_run_without_mistakes_begins(start):
    with pytest.raises(TrainingBegan):
        start()


def test_an_output_folder_that_cannot_be_written_is_named(start, tmp_path):
    (tmp_path / "file").write_text("")
    for place in ("file", "file/run"):
        with pytest.raises(ConfigError, match=f"output_dir: nothing can be written to {tmp_path / place}"):
            start(f"output_dir={tmp_path / place}")


def test_a_model_that_cannot_be_masked_or_tag_is_refused(start, checkpoint, tokenizers, tmp_path):
    T5Config().save_pretrained(tmp_path / "t5")
    tokenizers["wordpiece"].save_pretrained(tmp_path / "t5")
    with pytest.raises(ModelError, match="t5 models have no masked language modelling head"):
        start(f"model={tmp_path / 't5'}")
    shutil.copytree(checkpoint("bert"), tmp_path / "unmasked")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizers["wordpiece"].backend_tokenizer, pad_token="[PAD]")
    tokenizer.save_pretrained(tmp_path / "unmasked")
    with pytest.raises(ModelError, match="bert models have no mask token"):
        start(f"model={tmp_path / 'unmasked'}")
    with pytest.raises(TrainingBegan):
        start(f"model={tmp_path / 'unmasked'}", "mlm.enabled=false")


def test_an_encoder_with_too_few_embeddings_or_broken_weights_is_refused(start, checkpoint, tokenizers, tmp_path):
    few, broken = tmp_path / "few", tmp_path / "broken"
    shutil.copytree(checkpoint("bert"), few)
    tokenizer = copy.deepcopy(tokenizers["wordpiece"])
    tokenizer.add_tokens([f"zz{number}" for number in range(4000)])
    tokenizer.save_pretrained(few)
    with pytest.raises(ModelError, match=r"few: its tokenizer has pieces up to number [\d,]+ \('zz3999'\), but"):
        start(f"model={few}")
    shutil.copytree(checkpoint("bert"), broken)
    tokenizers["wordpiece"].save_pretrained(broken)
    weights = load_file(broken / "model.safetensors")
    next(iter(weights.values()))[:] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="broken: 1 of its tensors hold NaN"):
        start(f"model={broken}")


def test_source_data_without_an_entity_is_named(start, tmp_path):
    with pytest.raises(DataError, match="no entity in the source training data") as caught:
        start(train="a O\nb O\n")
    assert caught.value.path == tmp_path / "train"
    with pytest.raises(DataError, match="no entity in the source training data"):
        start("label_map={PER: O, LOC: O}")


def test_a_type_that_the_source_lacks_is_named_with_its_file(start, tmp_path):
    with pytest.raises(DataError, match="entity types XYZ, which are not among LOC, PER") as caught:
        start(validation="a B-XYZ\n")
    assert caught.value.path == tmp_path / "validation"


@pytest.mark.parametrize(
    ("given", "overrides", "found"),
    [
        ("Ana B-PER\nlives O\n", [], r"1 labelled sentences \('Ana lives' ...\), none of which is in target.text"),
        ("Juan B-XYZ\n. O\n", [], "entity types XYZ, which are not among LOC, PER"),
        ("Juan O\n\nAna B-PER\n", [], "no entity in those 1 sentences that are in target.text"),
        (
            "Juan B-PER\n",
            ["target.gold={gold}"],
            "'labels' in target.labels has labels that are the gold ones in 1 of 1",
        ),
    ],
)
def test_labels_from_elsewhere_that_cannot_be_used_are_refused(start, tmp_path, given, overrides, found):
    overrides = [one.format(gold=tmp_path / "gold") for one in overrides]
    with pytest.raises(TofError, match=found):
        start(f"target.labels={tmp_path / 'labels.conll'}", *overrides, **{"labels.conll": given, "gold": given})


def test_a_mistake_in_a_given_dataset_is_named_with_the_name_of_the_dataset(start):
    rows = Dataset.from_dict({"tokens": [["a"], ["a", "b"]], "ner_tags": [["O"], ["O"]]})
    with pytest.raises(DataError, match=r"^mine: found in row 1: 2 words and 1 tags\."):
        start("source.train=mine", datasets={"mine": rows})


def test_a_type_needs_a_query_only_where_questions_are_asked(start):
    other = NER + "\nX B-XYZ\n"
    with pytest.raises(DataError, match="no query for the entity type 'XYZ'"):
        start(train=other)
    with pytest.raises(TrainingBegan):
        start("mrc.enabled=false", "continual_mrc.enabled=false", train=other)


def test_training_arguments_that_libraries_refuse_are_all_reported_before_training(start, tmp_path):
    with pytest.raises(ConfigError) as caught:
        start("mlm.deepspeed=ds.json", "ner.adam_beta1=2", "ner.max_length=500", "mrc.freeze_layers=3")
    lines = str(caught.value).splitlines()
    options = ["mlm.deepspeed", "ner.adam_beta1", "mrc.freeze_layers", "continual_mrc.freeze_layers", "ner.max_length"]
    assert [line.split(" ")[0] for line in lines[:5]] == options
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("rank", "expected"), [("0", ["block", "barrier"]), ("1", ["barrier", "block"])])
def test_a_block_that_fails_in_the_first_process_lets_the_others_have_their_turn(rank, expected, monkeypatch):
    happened = []
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr(processes, "barrier", lambda: happened.append("barrier"))
    with pytest.raises(DataError), processes.main_process_first():
        happened.append("block")
        raise DataError("x", fix="y")
    assert happened == expected


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_other_weights_make_another_encoder(name, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    keys = set()
    for weights in (b"one", b"two"):
        (tmp_path / name).write_bytes(weights)
        keys.add(encoder_key(str(tmp_path)))
    assert len(keys) == 2


def test_scored_sentences_under_a_limit_are_the_same_for_all_seeds_and_training_ones_are_not(tmp_path):
    words = [f"w{i}" for i in range(200)]
    (tmp_path / "many").write_text("".join(f"{word} B-PER\nruns O\n\n" for word in words), encoding="utf-8")
    files = {"path": str(tmp_path / "many"), "limit": 20}
    kept = []
    for seed in (1, 2):
        values = {"model": "m", "output_dir": str(tmp_path), "seed": seed, "target": {"text": [files], "gold": files}}
        inputs = Inputs(load_config(values | {"source": {"train": files, "validation": files}}))
        data = inputs.training()
        kept.append((data.source["id"][:], inputs.gold(data.label_names)["target"]["id"][:]))
    assert kept[0][0] != kept[1][0]
    assert kept[0][1] == kept[1][1]


@pytest.mark.parametrize(
    ("system", "override", "option"),
    [
        ("tof", "mrc.enabled=false", "labelling.selection"),
        ("adaptabert", "mrc.enabled=false", None),
        ("tof", "mrc.enabled=true", None),
        ("tsl", "distillation.enabled=false", "distillation.enabled"),
        ("tof", "distillation.enabled=false", None),
    ],
)
def test_a_system_is_only_refused_for_what_its_own_stages_need(system, override, option):
    values = {"model": "m", "output_dir": "r", "source": {"train": "a", "validation": "b"}, "target": {"text": "c"}}
    config = load_config(values, [f"systems=[{system}]", "labelling.selection=agreement", override])
    found = {option for option, _ in validation.problems_of_systems(config)}
    assert found == ({option} if option else set())
