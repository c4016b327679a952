"""The target's gold labels are out of reach of training, selection and pseudo-labelling."""

from __future__ import annotations

import dataclasses
import unicodedata

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from pydantic import ValidationError

from tof_hf.algorithm.scores import ScoreRow
from tof_hf.algorithm.scoring import Scorer
from tof_hf.algorithm.training_data import TofData
from tof_hf.data import ner_to_mrc
from tof_hf.data.features import ner_features
from tof_hf.data.label_joining import OtherLabels
from tof_hf.data.sentence_index import SentenceIndex
from tof_hf.errors import TargetLabelLeak
from tof_hf.run.leakage import copied_gold, gold_problems, look_for_overlaps

RAW = Dataset.from_dict({"id": ["1"], "tokens": [["Maria"]]})
LABELLED = Dataset.from_dict({"id": ["1"], "tokens": [["Maria"]], "ner_tags": [[1]]})
FIELDS = {field.name: None for field in dataclasses.fields(TofData) if field.default is dataclasses.MISSING}


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


NAMES = ["O", "B-PER", "I-PER"]
SCORED = [("Maria visited Paris", [1, 0, 0]), ("Juan came", [1, 0]), ("Nobody", [0])]


def ner(*pairs):
    columns = {"id": [*map(str, range(len(pairs)))], "tokens": [words.split() for words, _ in pairs]}
    return Dataset.from_dict(columns | {"ner_tags": [tags for _, tags in pairs]}, features=ner_features(NAMES))


@pytest.mark.parametrize(
    ("labels", "is_gold"),
    [
        (SCORED, True),
        ([("maria visited PARIS", [1, 0, 0]), ("JUAN came", [1, 0]), ("Other text", [0, 1])], True),
        ([("Maria visited Paris", [1, 0, 0]), ("Juan came", [0, 1])], False),
        ([("Nobody", [0]), ("Other text", [1, 0])], False),
    ],
)
def test_gold_labels_cannot_come_back_as_labels_from_elsewhere(labels, is_gold):
    assert ("error" in (copied_gold(ner(*labels), ner(*SCORED)) or ())) is is_gold
    other = ner(("Other text", [0, 1]))
    sides = {"source": other, "validation": other, "target": other.remove_columns("ner_tags")}
    data = TofData(**FIELDS | sides, other_labels=(OtherLabels("llm", ner(*labels)),))
    problems = list(gold_problems(data, ner(*SCORED)))
    assert [option for option, _ in problems] == ["target.labels"] * is_gold
    assert not is_gold or "'llm' in target.labels has labels that are the gold ones in 2 of 2" in str(problems[0][1])


def tags(person, place, number):
    names = ["O", "B-PER", "B-LOC"]
    row = {"id": str(number), "tokens": [f"Ana{number}", "visited", "Rio"], "ner_tags": [person, 0, place]}
    return row, ner_features(names)


def many(*pairs):
    rows, features = zip(*(tags(*pair, number) for number, pair in enumerate(pairs)), strict=True)
    return Dataset.from_list(list(rows), features=features[0])


@pytest.mark.parametrize(
    ("labels", "level", "said"),
    [
        ([(1, 0)] * 20, "error", "20 of 20 sentences with entities of the types PER"),  # gold with label_map {LOC: O}
        ([(1, 2)] * 19 + [(0, 2)], "warning", "19 of 20 sentences with entities that"),
        ([(0, 2)] * 3 + [(1, 2)] * 17, "warning", "20 of 20 sentences with entities of the types LOC"),
        ([(1, 0)] * 9, None, ""),
        ([(2, 1)] * 20, None, ""),
    ],
)
def test_labels_that_resemble_the_gold_ones_are_compared_by_type_too(labels, level, said):
    found = copied_gold(many(*labels), many(*[(1, 2)] * 20))
    assert (found is None) if level is None else (found[0] == level and said in found[1])


SENTENCES = [
    "Ana García visitó la ciudad de Valdoro .",
    "El río Tolma pasa por San Pedro .",
    "¿Vino Juan ?",
]
TAGS = [[1, 2, 0, 0, 0, 0, 3, 0], [0, 0, 3, 0, 0, 3, 4, 0], [0, 1, 0]]
NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
GOLD = Dataset.from_dict(
    {"id": ["1", "2", "3"], "tokens": [sentence.split() for sentence in SENTENCES], "ner_tags": TAGS},
    features=Features(
        {"id": Value("string"), "tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=NAMES))}
    ),
)


def tagged(form):
    return [
        " ".join(form(word, NAMES[tag]) for word, tag in zip(row["tokens"], row["ner_tags"], strict=True))
        for row in GOLD
    ]


WRITTEN = {
    "as it is": SENTENCES,
    "in capitals": [sentence.upper() for sentence in SENTENCES],
    "with marks added": [f"« {sentence} »." for sentence in SENTENCES],
    "without blanks": [sentence.replace(" ", "") for sentence in SENTENCES],
    "without accents": [unicodedata.normalize("NFKD", s).encode("ascii", "ignore").decode() for s in SENTENCES],
    "with tags as words": tagged(lambda word, tag: f"{word} {tag}"),
    "with tags in lower case": tagged(lambda word, tag: f"{word} {tag.lower()}"),
    "with tags at the words": tagged(lambda word, tag: f"{word}/{tag}"),
    "with types alone": tagged(lambda word, tag: word if tag == "O" else f"{word} {tag[2:]}"),
    "in markup": tagged(lambda word, tag: word if tag == "O" else f"<{tag[2:]}>{word}</{tag[2:]}>"),
}


@pytest.mark.parametrize("form", WRITTEN)
def test_a_sentence_is_found_however_it_is_written(form):
    index = SentenceIndex(GOLD)
    for rows in ({"context": WRITTEN[form]}, {"tokens": [text.split() for text in WRITTEN[form]]}):
        assert index.found_in(Dataset.from_dict(rows)) == set(index.sentences)


def test_long_sentences_are_found_inside_other_text_and_across_rows_and_short_ones_are_not():
    index = SentenceIndex(GOLD)
    long = {index.content(sentence) for sentence in SENTENCES[:2]}
    joined = " ".join(["Antes .", *SENTENCES, "Y después ."])
    for contexts in ([joined], [joined[place : place + 25] for place in range(0, len(joined), 25)]):
        assert index.found_in(Dataset.from_dict({"context": contexts})) == index.long == long


def test_sentences_of_other_content_are_not_found():
    index = SentenceIndex(GOLD)
    others = ["Ana García visitó la ciudad de Madrid .", "pasa por San Pedro", "Vino Juana ?", "O", "PER", ""]
    assert index.found_in(Dataset.from_dict({"context": others})) == set()
    assert SentenceIndex(Dataset.from_dict({"tokens": [["."], ["O"]]})).sentences == {}


def test_a_sentence_is_found_at_every_place_of_a_text_and_between_batches(monkeypatch):
    monkeypatch.setattr("tof_hf.data.sentence_index._BATCH", 2)
    index = SentenceIndex(GOLD)
    for before in range(12):
        first, second = SENTENCES[0][:20], SENTENCES[0][20:]
        rows = Dataset.from_dict({"context": ["x" * before, first, second, "y"]})
        assert index.found_in(rows) == {index.content(SENTENCES[0])}, before


def overlap(option, column, texts):
    """What is recorded and found where these texts are among others under the option."""
    rows = [*texts, *(f"Unos otros textos sin nada , número {number} ." for number in range(9))]
    other = {"tokens": [text.split() for text in rows]} if column == "tokens" else {"context": rows}
    records, findings = look_for_overlaps({"target.gold": GOLD, option: Dataset.from_dict(other)})
    return [(one.within, one.shared, one.total) for one in records], [(one.level, one.subject) for one in findings]


@pytest.mark.parametrize("option, column", [("source.validation", "tokens"), ("source.mrc_validation", "context")])
def test_one_long_gold_sentence_in_validation_data_is_an_error_and_a_short_one_a_warning(option, column):
    assert overlap(option, column, SENTENCES[:1]) == ([(option, 1, 3)], [("error", "target.gold")])
    assert overlap(option, column, SENTENCES[2:]) == ([(option, 1, 3)], [("warning", "target.gold")])
    assert overlap(option, column, []) == ([(option, 0, 3)], [])


@pytest.mark.parametrize("option", ["source.mrc", "target.mrc"])
def test_gold_in_questions_to_train_on_is_a_warning_and_recorded(option):
    assert overlap(option, "context", [" ".join(SENTENCES)]) == ([(option, 2, 3)], [("warning", "target.gold")])


def test_gold_in_source_train_is_a_warning_up_to_half_of_it():
    assert overlap("source.train", "tokens", SENTENCES[:1])[1] == [("warning", "target.gold")]
    assert overlap("source.train", "tokens", WRITTEN["in capitals"])[1] == [("error", "target.gold")]


def test_the_message_has_the_count_and_an_example():
    capitals = Dataset.from_dict({"context": WRITTEN["in capitals"]})
    data = TofData(**FIELDS | {"source": LABELLED, "validation": LABELLED, "target": RAW, "validation_qa": capitals})
    [(_, problem)] = gold_problems(data, GOLD)
    found = "source.mrc_validation holds 3 of the 3 sentences of target.gold, such as 'Ana García visitó la"
    assert found in str(problem) and "remove these sentences" in str(problem)
