"""The columns of the three kinds of rows: unlabelled text, NER, MRC."""

from collections.abc import Sequence

from datasets import ClassLabel, Features, List, Value

TEXT_FEATURES = Features({"id": Value("string"), "tokens": List(Value("string"))})
PROBABILITIES = "ner_probabilities"
EXTRA_FEATURES = Features({"text": Value("string"), PROBABILITIES: List(Value("float32"))})  # that rows may keep
MRC_FEATURES = Features(
    {
        "id": Value("string"),
        "question": Value("string"),
        "context": Value("string"),
        "spans": List({"start": Value("int32"), "end": Value("int32")}),
        "label": Value("string"),
    }
)


def ner_features(names: Sequence[str]) -> Features:
    """The features of NER rows with these label names."""
    return Features(TEXT_FEATURES | {"ner_tags": List(ClassLabel(names=list(names)))})
