"""What selects the checkpoint of a tagger."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tof_hf.config import NerConfig
from tof_hf.data import read_ner
from tof_hf.stages.ner import tagger_validation


@pytest.mark.parametrize(("kind", "f1"), [("micro", 2 / 3), ("macro", 0.4)])
def test_micro_or_macro_f1_selects_a_tagger(kind, f1, tokenizers, tmp_path):
    (tmp_path / "valid.conll").write_text("Ann B-PER\nBob B-PER\nRome B-LOC\n")
    rows = read_ner(tmp_path / "valid.conll")
    names = rows.features["ner_tags"].feature.names
    setup = SimpleNamespace(config=NerConfig(selection_f1=kind), tokenizer=next(iter(tokenizers.values())))
    validation = tagger_validation(setup, {"source": rows}, names)
    all_per = np.full((1, 128), names.index("B-PER"))
    assert validation.metrics(SimpleNamespace(predictions=all_per))["f1"] == pytest.approx(f1)
