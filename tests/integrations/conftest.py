"""Tiny random taggers whose logits are spread so that every label occurs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

TOKENIZERS = {"xlm-roberta": "unigram", "roberta": "bytelevel", "modernbert": "bytelevel"}


@pytest.fixture(scope="session")
def saved_tagger(checkpoint, tokenizers, tmp_path_factory) -> Callable[[str], str]:
    """Makes the folder of a tagger of an architecture."""
    import torch

    from tof_hf.modeling.transfer import load_for_ner

    folders: dict[str, str] = {}

    def save(architecture: str) -> str:
        if architecture not in folders:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(3)
                model = load_for_ner(checkpoint(architecture), ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"])[0]
            with torch.no_grad():
                model.classifier.weight.mul_(60)
            folder = tmp_path_factory.mktemp(architecture)
            model.save_pretrained(folder)
            tokenizers[TOKENIZERS.get(architecture, "wordpiece")].save_pretrained(folder)
            folders[architecture] = str(folder)
        return folders[architecture]

    return save
