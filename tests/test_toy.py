from __future__ import annotations

import json
import random

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoModelForTokenClassification, AutoTokenizer

from examples.toy_world.encoder import train_encoder
from examples.toy_world.frames import GENERAL
from examples.toy_world.names import SOUTH, Filler
from examples.toy_world.news import NEWS, SOURCE_NEWS, TARGET_NEWS
from examples.toy_world.world import Writer, make_world, realise, tokens_and_tags, write_world

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world():
    return make_world(seed=0, size="tiny")


def entities(rows):
    found = set()
    for row in rows:
        words = []
        for token, tag in zip([*row["tokens"], ""], [*row["ner_tags"], "O"], strict=True):
            if words and not tag.startswith("I-"):
                found.add(" ".join(words))
                words = []
            if tag != "O":
                words.append(token)
    return found


def test_the_same_seed_gives_the_same_world_and_another_seed_another_one(world):
    assert make_world(seed=0, size="tiny") == world
    assert make_world(seed=1, size="tiny").target_gold != world.target_gold


def test_making_a_world_leaves_the_global_random_state_alone():
    before = random.getstate()
    make_world(seed=3, size="tiny")
    assert random.getstate() == before


def test_sizes_are_those_asked_for(world):
    assert (len(world.source_train), len(world.target_text), len(world.target_gold)) == (40, 40, 20)
    assert len(make_world(size="tiny", questions=7).target_qa) == 7
    with pytest.raises(ValueError, match="huge"):
        make_world(size="huge")


def test_gold_tags_are_strict_iob2_and_match_their_tokens(world):
    for row in world.source_train + world.source_validation + world.source_test + world.target_gold:
        assert len(row["tokens"]) == len(row["ner_tags"]) > 2
        for before, tag in zip(["O", *row["ner_tags"]], row["ner_tags"], strict=False):
            assert tag == "O" or tag[2:] in {"PER", "LOC", "ORG", "MISC"}
            assert not tag.startswith("I-") or before[2:] == tag[2:]


def test_the_raw_target_text_carries_no_tags_and_ids_are_unique(world):
    assert all(set(row) == {"id", "tokens"} for row in world.target_text)
    for rows in (world.source_train, world.target_text, world.target_gold, world.source_qa, world.target_qa):
        assert len({row["id"] for row in rows}) == len(rows)


def test_answers_stand_whole_at_their_offsets(world):
    for row in world.source_qa + world.target_qa:
        assert row["spans"]
        for span in row["spans"]:
            answer = row["context"][span["start"] : span["end"]]
            assert answer and answer == answer.strip(" .,")
            assert not row["context"][span["end"] : span["end"] + 1].isalnum()


def test_target_entities_are_mostly_unseen_in_the_source():
    world = make_world(
        seed=0, source_sentences=1200, heldout_sentences=200, target_sentences=1, questions=1, pretraining_sentences=1
    )
    target = entities(world.target_gold)
    assert len(target - entities(world.source_train)) > 0.8 * len(target)


def test_one_name_can_be_a_person_a_place_or_an_organisation(world):
    by_label = {"PER": set(), "LOC": set(), "ORG": set()}
    for row in make_world(seed=0, size="tiny", heldout_sentences=300).target_gold:
        for token, tag in zip(row["tokens"], row["ner_tags"], strict=True):
            by_label.get(tag[2:], set()).add(token)
    assert len(by_label["PER"] & by_label["LOC"] & by_label["ORG"]) > 10


def test_spanish_contracts_the_article_but_not_inside_a_name():
    fillers = {"club": Filler("Real Cor", "Real Cor", "ORG", "", "el"), "work": Filler("X", "El Cor", "MISC")}
    text, mentions = realise("se habla de {club} y de {work}.", fillers, "es")
    assert text == "Se habla del Real Cor y de El Cor."
    assert [text[m.start : m.end] for m in mentions] == ["Real Cor", "El Cor"]
    tags = tokens_and_tags(text, mentions)[1]
    assert tags == ["O", "O", "O", "B-ORG", "I-ORG", "O", "O", "B-MISC", "I-MISC", "O"]


def test_every_wording_and_question_of_every_frame_can_be_written():
    writer = Writer(random.Random(0), SOUTH, SOUTH, 0.0)
    for frame in GENERAL + NEWS + SOURCE_NEWS + TARGET_NEWS:
        for wording in frame.en + frame.es:
            for language in ("en", "es"):
                text, _ = realise(wording, writer.fillers([wording]), language)
                assert "{" not in text and "  " not in text and text.endswith(".")
        roles = " ".join(frame.en + frame.es)
        for role, _, question in frame.questions:
            assert f"{{{role}}}" in roles and question.endswith("?")


def test_general_text_pairs_wordings_of_both_languages():
    for frame in GENERAL:
        assert 0 < len(frame.en) <= len(frame.es)


def test_written_files_are_the_same_each_time_and_hold_the_rows(world, tmp_path):
    paths, again = write_world(world, tmp_path / "a"), write_world(world, tmp_path / "b")
    assert {name: path.read_bytes() for name, path in paths.items()} == {
        name: path.read_bytes() for name, path in again.items()
    }
    assert paths["source_train"].read_text(encoding="utf-8").count("\n\n") == len(world.source_train)
    first = paths["target_text"].read_text(encoding="utf-8").splitlines()[0]
    assert first.split() == world.target_text[0]["tokens"]
    squad = json.loads(paths["target_qa"].read_text(encoding="utf-8"))
    paragraph = squad["data"][0]["paragraphs"][0]
    answer = paragraph["qas"][0]["answers"][0]
    assert paragraph["context"][answer["answer_start"] :].startswith(answer["text"])


def test_an_untrained_encoder_loads_with_the_auto_classes(world, tmp_path):
    folder = train_encoder(world, tmp_path, steps=0, layers=1, hidden=32)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    words = world.target_gold[0]["tokens"]
    batch = tokenizer(words, is_split_into_words=True, return_tensors="pt")
    assert tokenizer.is_fast and tokenizer.model_max_length == 256
    assert tokenizer.unk_token_id not in batch["input_ids"][0].tolist()
    model = AutoModelForMaskedLM.from_pretrained(folder, trust_remote_code=False)
    assert model(**batch).logits.shape[-1] == len(tokenizer)
    tagger = AutoModelForTokenClassification.from_pretrained(folder, num_labels=9, trust_remote_code=False)
    assert tagger(**batch).logits.shape[-1] == 9


def test_training_the_encoder_is_repeatable_and_leaves_torch_state_alone(world, tmp_path):
    state = torch.random.get_rng_state()
    weights = []
    for name in ("a", "b"):
        folder = train_encoder(world, tmp_path / name, steps=2, layers=1, hidden=32)
        weights.append(AutoModelForMaskedLM.from_pretrained(folder, trust_remote_code=False).state_dict())
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert torch.equal(torch.random.get_rng_state(), state)
