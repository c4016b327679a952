"""The target's gold labels are out of reach of training, selection and pseudo-labelling."""

from __future__ import annotations

import dataclasses

import pytest
from datasets import Dataset

from tof_hf.errors import TargetLabelLeak
from tof_hf.inputs import TofData
from tof_hf.scoring import Scorer

RAW = Dataset.from_dict({"id": ["1"], "tokens": [["Maria"]]})
LABELLED = Dataset.from_dict({"id": ["1"], "tokens": [["Maria"]], "ner_tags": [[1]]})
FIELDS = {field.name: None for field in dataclasses.fields(TofData)}


@pytest.mark.parametrize("name", ["target", "target_test"])
def test_target_text_with_labels_cannot_become_training_data(name):
    TofData(**FIELDS | {"target": RAW, name: RAW})
    with pytest.raises(TargetLabelLeak, match=f"{name} has the columns ner_tags"):
        TofData(**FIELDS | {"target": RAW, name: LABELLED})


def test_a_recipe_that_asks_the_scorer_for_gold_gets_an_error(tokenizers):
    scorer = Scorer({"target": LABELLED}, tokenizers["wordpiece"], 0, "es")
    with pytest.raises(TargetLabelLeak, match="for scores alone"):
        _ = scorer.gold
    assert LABELLED not in vars(scorer).values()
