"""The target's gold labels are out of reach of training, selection and pseudo-labelling."""

from __future__ import annotations

import dataclasses

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from pydantic import ValidationError

from tof_hf.algorithm.scores import ScoreRow
from tof_hf.algorithm.scoring import Scorer
from tof_hf.algorithm.training_data import TofData
from tof_hf.data import ner_to_mrc
from tof_hf.errors import TargetLabelLeak
from tof_hf.run.leakage import gold_problems

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


def score(split):
    return ScoreRow(system="a", stage="ner", split=split, checkpoint="ner", precision=0.5, recall=0.5, f1=0.5)


def test_a_recipe_sees_scores_on_source_validation_and_no_others(tokenizers):
    results = [score(split) for split in ("source_validation", "target", "source_test")]
    scorer = Scorer({}, tokenizers["wordpiece"], 0, "es", results)
    assert [row.split for row in scorer.rows] == ["source_validation"]
    scorer.rows.clear()
    with pytest.raises(ValidationError, match="frozen"):
        scorer.rows[0].f1 = 1.0
    assert [row.f1 for row in results] == [0.5, 0.5, 0.5]


def test_gold_in_the_form_of_questions_is_refused():
    gold = Dataset.from_dict(
        {"id": ["1"], "tokens": [["Maria", "visited", "Paris"]], "ner_tags": [[1, 0, 0]]},
        features=Features(
            {
                "id": Value("string"),
                "tokens": List(Value("string")),
                "ner_tags": List(ClassLabel(names=["O", "B-PER", "I-PER"])),
            }
        ),
    )
    other = gold.map(lambda row: {"tokens": ["Juan", "visited", "Madrid"]})
    data = {"source": other, "validation": other, "target": other.remove_columns("ner_tags")}
    options = {"target_qa": "target.mrc", "source_qa": "source.mrc", "validation_qa": "source.mrc_validation"}
    for field, option in options.items():
        leaking = TofData(**FIELDS | data | {field: ner_to_mrc(gold)})
        [(named, problem)] = gold_problems(leaking, gold)
        assert named == option
        assert f"{option} asks for the entities of 1 sentences of target.gold" in str(problem)
        assert not list(gold_problems(TofData(**FIELDS | data | {field: ner_to_mrc(other)}), gold))
