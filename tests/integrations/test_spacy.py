from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

spacy = pytest.importorskip("spacy")

from spacy.tokens import Doc, Span  # noqa: E402
from spacy.training import Example  # noqa: E402

import tof_hf.integrations.spacy  # noqa: E402, F401
from tof_hf.errors import ModelError  # noqa: E402
from tof_hf.inference.tagger import load_tagger  # noqa: E402

TEXTS = [
    "Maria visited  London,\n\n where Juan Carlos was.",
    "",
    " \n ",
    "  (Paris) and Real Madrid won\tin New York ",
    "la ciudad de Juan " * 60,
]


@pytest.fixture(scope="module")
def folder(saved_tagger):
    return saved_tagger("bert")


@pytest.fixture
def nlp(folder):
    nlp = spacy.blank("es")
    nlp.add_pipe("tof_ner", config={"model": folder, "device": "cpu"})
    return nlp


def found(docs):
    return [[(ent.start_char, ent.end_char, ent.label_, ent._.tof_score) for ent in doc.ents] for doc in docs]


def test_the_entities_are_those_of_the_tagger_on_the_words_of_spacy(nlp, folder):
    docs = [nlp(text) for text in TEXTS]
    expected = []
    words = [[token.text for token in doc if not token.is_space] for doc in docs]
    for doc, tagged in zip(docs, load_tagger(folder, device="cpu").stream(words), strict=True):
        offsets = [token.idx for token in doc if not token.is_space]
        ends = [token.idx + len(token) for token in doc if not token.is_space]
        places = [(offsets[e.first_word], ends[e.last_word - 1]) for e in tagged.entities]
        scores = [pytest.approx(e.score, abs=1e-4) for e in tagged.entities]
        expected.append([(*p, e.label, s) for p, e, s in zip(places, tagged.entities, scores, strict=True)])
    assert found(docs) == expected
    assert [bool(entities) for entities in expected] == [True, False, False, True, True]
    assert all(doc.has_annotation("ENT_IOB") for doc in docs if len(doc))


def test_a_tagger_with_a_word_rule_splits_the_text_itself_and_its_entities_cover_whole_tokens(folder):
    nlp = spacy.blank("es")
    component = nlp.add_pipe("tof_ner", config={"model": folder, "device": "cpu"})
    component.tagger = load_tagger(folder, device="cpu", word_rule="characters")
    text = "Maria visited London, where Juan Carlos was."
    doc = nlp(text)
    expected = component.tagger(text)
    assert expected and doc.ents
    for entity in expected:
        assert any(ent.start_char < entity.end and entity.start < ent.end_char for ent in doc.ents)


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_a_stream_gives_the_docs_in_order_with_the_same_entities(nlp, size):
    docs = list(nlp.pipe(TEXTS, batch_size=size))
    assert [doc.text for doc in docs] == TEXTS
    alone = found(nlp(text) for text in TEXTS)
    assert [[entity[:3] for entity in doc] for doc in found(docs)] == [[entity[:3] for entity in doc] for doc in alone]


def test_a_stream_is_read_as_it_is_needed(nlp):
    read = []
    stream = nlp.pipe((read.append(text) or text for text in TEXTS * 100), batch_size=4)
    next(stream)
    assert len(read) < 50


def test_white_space_is_no_word_and_ends_no_entity_at_its_edge(nlp):
    for doc in nlp.pipe(TEXTS):
        for ent in doc.ents:
            assert ent.text == ent.text.strip() != ""


def test_a_saved_pipeline_finds_the_same_entities(nlp, tmp_path):
    nlp.to_disk(tmp_path / "pipeline")
    loaded = spacy.load(tmp_path / "pipeline")
    from_bytes = spacy.blank("es", config=nlp.config).from_bytes(nlp.to_bytes())
    expected = found(nlp.pipe(TEXTS))
    assert found(loaded.pipe(TEXTS)) == expected == found(from_bytes.pipe(TEXTS))
    assert loaded.pipe_labels["tof_ner"] == ["LOC", "PER"]


def test_a_doc_keeps_its_scores_when_it_is_saved(nlp):
    doc = nlp(TEXTS[0])
    again = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert found([again]) == found([doc])


@pytest.mark.parametrize("overwrite", [True, False])
def test_where_entities_overlap_the_option_says_which_stays(folder, overwrite):
    nlp = spacy.blank("es")
    component = nlp.add_pipe("tof_ner", config={"model": folder, "device": "cpu", "overwrite_ents": overwrite})
    doc = nlp(TEXTS[4])
    ours = doc.ents[0]
    outside = next(token.i for token in doc if not token.ent_type_)
    again = nlp.make_doc(TEXTS[4])
    again.ents = [
        Span(again, ours.start, ours.end, label="RULE"),
        Span(again, outside, outside + 1, label="RULE"),
    ]
    labels = {(ent.start, ent.end): ent.label_ for ent in component(again).ents}
    assert labels[(ours.start, ours.end)] == (ours.label_ if overwrite else "RULE")
    assert labels[(outside, outside + 1)] == "RULE"
    assert len(labels) == len(doc.ents) + 1
    assert all((ent._.tof_score is None) == (ent.label_ == "RULE") for ent in again.ents)


def test_a_pipeline_can_be_scored(nlp):
    doc = nlp(TEXTS[0])
    gold = {"entities": [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]}
    assert nlp.evaluate([Example.from_dict(nlp.make_doc(TEXTS[0]), gold)])["ents_f"] == 1.0


def test_what_is_no_tagger_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no model can be loaded"):
        spacy.blank("es").add_pipe("tof_ner", config={"model": str(tmp_path)})


@pytest.mark.slow
def test_the_entry_point_makes_the_component_known_without_an_import_and_without_torch(tmp_path):
    root = Path(tof_hf.__file__).parent.parent
    info = tmp_path / "stand_in-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stand-in\nVersion: 1\n", encoding="utf-8")
    entry = "[spacy_factories]\ntof_ner = tof_hf.integrations.spacy:make_tof_ner\n"
    (info / "entry_points.txt").write_text(entry, encoding="utf-8")
    code = (
        "import spacy, sys; nlp = spacy.blank('es'); assert nlp.has_factory('tof_ner');"
        "assert 'transformers' not in sys.modules"
    )
    paths = os.pathsep.join([str(tmp_path), str(root)])
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=os.environ | {"PYTHONPATH": paths})
