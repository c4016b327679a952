"""Label maps suggested from the names of entity types."""

from __future__ import annotations

import pytest
from datasets import Dataset

from tof_hf.config.yaml import packaged_yaml
from tof_hf.data import read_ner
from tof_hf.data.mrc_conversion import ner_to_mrc
from tof_hf.data.readers.read import align_labels
from tof_hf.data.type_names import extended, suggest_label_map
from tof_hf.errors import DataError

CONLL = ["LOC", "MISC", "ORG", "PER"]


@pytest.mark.parametrize(
    ("known", "names"),
    [
        ("PER", "PERSON per Person PERS people person-actor Politician musicartist 人名"),
        ("LOC", "Location geo-loc GPE place location-GPE building/hotel HumanSettlement"),
        ("ORG", "org company organization organisation SPORTSTEAM MusicalGRP government"),
        ("MISC", "misc Miscellaneous other other-language WORK_OF_ART creative-work NORP tvshow product-car"),
        ("O", "DATE CARDINAL xyz"),
    ],
)
def test_names_of_one_type_become_its_name(known, names):
    types = [*names.split(), "person"]
    assert suggest_label_map(types, CONLL) == dict.fromkeys(types, known) | {"person": "PER"}


def test_a_type_is_renamed_to_the_nearest_known_one():
    assert suggest_label_map(["gpe", "movie"], ["LOC", "GPE", "MISC", "creative-work"]) == {
        "gpe": "GPE",
        "movie": "creative-work",
    }
    assert suggest_label_map(["PER"], ["person", "location"]) == {"PER": "person"}
    assert suggest_label_map(["aspect"], ["Aspect"]) == {"aspect": "Aspect"}


def test_nothing_is_suggested_where_no_name_is_alike():
    assert suggest_label_map(["ASPECT", "OPINION"], CONLL) == {}
    assert suggest_label_map(CONLL, CONLL) == {}


def test_a_file_keeps_its_own_label_map_where_the_suggestion_adds_to_it():
    assert extended({"foo": "person", "bar": "O"}, {"person": "PER", "gpe": "LOC"}) == {
        "foo": "PER",
        "bar": "O",
        "person": "PER",
        "gpe": "LOC",
    }
    assert extended(None, {"person": "PER"}) == {"person": "PER"}


def test_each_name_has_one_meaning():
    types = packaged_yaml("tof_hf.data", "type_names.yaml")
    names = [name.casefold() for facts in types.values() for name in facts["names"]]
    assert len(names) == len(set(names))
    assert {facts.get("within", "misc") for facts in types.values()} <= types.keys()


def test_errors_about_types_suggest_a_label_map():
    rows = read_ner(Dataset.from_dict({"tokens": [["Ana", "in", "Lima"]], "ner_tags": [["B-Pers", "O", "B-GPE"]]}))
    with pytest.raises(DataError, match=r"label_map \(\{GPE: LOC, Pers: PER\}\)"):
        align_labels(rows, ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"])
    with pytest.raises(DataError, match=r"label_map \(\{GPE: LOC, Pers: PER\}\)"):
        ner_to_mrc(rows)
