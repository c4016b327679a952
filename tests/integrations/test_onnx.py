from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from nightly import nightly

from tof_hf.errors import DataError, ModelError, TofError
from tof_hf.inference.tagger import load_tagger
from tof_hf.integrations import onnx

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (find_spec("onnxruntime") and find_spec("onnxscript")), reason="needs tof-hf[onnx]"),
]

ARCHITECTURES = ["bert", "deberta-v2", *nightly("xlm-roberta", "modernbert", "roberta", "distilbert", "electra")]
TEXTS = ["Maria visited London .", "", "Juan", "el equipo de Juan Carlos ganó ; Maria-Juan no .", "en Paris " * 300]


@pytest.fixture(scope="module")
def exported(saved_tagger, tmp_path_factory):
    """The folders of the tagger and of its export."""
    folders: dict[str, tuple[str, str]] = {}

    def export(architecture):
        if architecture not in folders:
            model = saved_tagger(architecture)
            folders[architecture] = model, str(onnx.export_onnx(model, tmp_path_factory.mktemp("onnx") / architecture))
        return folders[architecture]

    return export


@pytest.fixture(autouse=True)
def single_precision(monkeypatch):
    monkeypatch.setattr("tof_hf.inference.tagger.has_bf16", lambda: False)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_export_finds_the_same_entities_in_texts_of_any_length_and_number(architecture, exported, monkeypatch):
    model, folder = exported(architecture)
    usual, other = load_tagger(model, device="cpu"), load_tagger(folder)
    assert type(other.model) is onnx.OnnxModel
    for pieces in (1, 150, 4096):
        monkeypatch.setattr("tof_hf.inference.words.BATCH_PIECES", {"cpu": pieces})
        for texts in (TEXTS, TEXTS[:1], [text.split() for text in TEXTS]):
            expected, found = usual(texts), other(texts)
            assert [[(e.start, e.end, e.label) for e in text] for text in found] == [
                [(e.start, e.end, e.label) for e in text] for text in expected
            ]
            scores = [e.score for text in found for e in text]
            assert scores == pytest.approx([e.score for text in expected for e in text], abs=1e-4)
            assert scores


def test_an_export_in_8_bits_is_smaller_and_gives_nearly_the_same_probabilities(saved_tagger, exported, tmp_path):
    model, folder = exported("bert")
    small = onnx.export_onnx(model, tmp_path / "int8", int8=True)
    assert {path.name for path in small.iterdir()} == {path.name for path in Path(folder).iterdir()}
    assert (small / "model.onnx").stat().st_size < (Path(folder) / "model.onnx").stat().st_size
    sentences = [text.split() for text in TEXTS[:4]]
    found, expected = (load_tagger(str(one))._predictor.probabilities(sentences) for one in (small, folder))
    assert (found.argmax(-1) == expected.argmax(-1)).mean() > 0.7 and not (found == expected).all()


def test_the_folder_is_complete_and_tells_nothing_of_the_machine(exported):
    _, folder = exported("bert")
    names = {path.name for path in Path(folder).iterdir()}
    assert {"model.onnx", "config.json", "tokenizer.json", "tokenizer_config.json"} <= names
    assert not Path(folder + ".part").exists()
    assert b"site-packages" not in (Path(folder) / "model.onnx").read_bytes()


def test_an_older_export_is_replaced_and_anything_else_stays(exported, tmp_path):
    model, folder = exported("bert")
    older = tmp_path / "older"
    shutil.copytree(folder, older)
    (older / "model.onnx").write_bytes(b"torn")
    onnx.export_onnx(model, older)
    assert load_tagger(str(older))(TEXTS[0])
    for place in (model, tmp_path):
        before = sorted(Path(place).iterdir())
        with pytest.raises(DataError, match="other files"):
            onnx.export_onnx(model, place)
        assert sorted(Path(place).iterdir()) == before


def test_logits_that_are_not_those_of_torch_are_refused_and_nothing_is_left(saved_tagger, tmp_path, monkeypatch):
    usual = onnx.OnnxModel.__call__

    def wrong(self, **inputs):
        output = usual(self, **inputs)
        output.logits[..., -1] += 0.1
        return output

    monkeypatch.setattr(onnx.OnnxModel, "__call__", wrong)
    with pytest.raises(ModelError, match="differ from torch's by up to 0.1"):
        onnx.export_onnx(saved_tagger("bert"), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_what_is_no_exported_tagger_is_refused(exported, tmp_path):
    _, folder = exported("bert")
    torn = tmp_path / "torn"
    shutil.copytree(folder, torn)
    (torn / "model.onnx").write_bytes(b"torn")
    with pytest.raises(ModelError, match="no ONNX model"):
        load_tagger(str(torn))
    (torn / "model.onnx").unlink()
    with pytest.raises(ModelError, match="no ONNX model"):
        onnx.OnnxModel(torn)
    with pytest.raises(ModelError, match="runs on the CPU"):
        load_tagger(folder, device="cuda")


def test_without_the_packages_the_message_says_how_to_install_them(exported, tmp_path, monkeypatch):
    model, folder = exported("bert")
    monkeypatch.setattr("tof_hf.utils.extras.find_spec", lambda package: None)
    with pytest.raises(TofError, match=r'onnx, onnxscript, onnxruntime.*pip install "\.\[onnx\]"'):
        onnx.export_onnx(model, tmp_path / "out")
    with pytest.raises(TofError, match=r"onnxruntime.*\.\[onnx\]"):
        load_tagger(folder)
