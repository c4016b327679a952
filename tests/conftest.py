"""Settings that hold before any library is imported; tiny tokenizers and encoders for all tests."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from hub_stand_in import HubStandIn

_HOME = tempfile.mkdtemp(prefix="tof_hf_tests_")
os.environ.update(
    HF_HOME=_HOME,
    HF_DATASETS_CACHE=os.path.join(_HOME, "datasets"),
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_DATASETS_DISABLE_PROGRESS_BARS="1",
    # Two OpenMP threads on a busy core are up to a hundred times slower than one.
    OMP_NUM_THREADS="1",
    TOKENIZERS_PARALLELISM="false",
    ACCELERATE_USE_CPU="true",
)

# Examples take longer on a busy machine; a shared CI must not fail at random.
settings.register_profile("tof_hf", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("tof_hf")

FAMILIES = ("wordpiece", "unigram", "bytelevel")
ARCHITECTURES = ("bert", "xlm-roberta", "roberta", "distilbert", "deberta-v2", "modernbert", "electra")
WORDS = (
    "the of and in to is was who which where person place city club team river visited played near "
    "el la los de del que en con una ciudad equipo quien donde lugar Maria Juan Carlos London Madrid Paris "
    "Real Union New York Nations United said won lost Monday lunes ."
).split()
LETTERS = [chr(code) for code in range(33, 127)] + list("áéíóúñü¿¡’")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: at the end, short ones keep every process busy."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Accelerate collects garbage several times a stage, which among all that was imported is half of a tiny run."""
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A test that runs a command, which sends the package's log to stderr, leaves the next one its log."""
    logger = logging.getLogger("tof_hf")
    before = (logger.handlers, logger.level, logger.propagate)
    yield
    logger.handlers, logger.level, logger.propagate = before


@pytest.fixture(scope="session")
def run_processes() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command that starts more processes; where the test ends early, so do all of them, not the first alone."""

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, start_new_session=True, **pipes, **options) as process:
            try:
                out, err = process.communicate()
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    return run


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubStandIn]:
    """A running Hub that huggingface_hub, transformers and datasets talk to, with its token and an empty cache."""
    from hub_stand_in import HubStandIn

    with HubStandIn() as hub:
        _redirect(monkeypatch, hub, tmp_path / "hub_cache")
        yield hub


@pytest.fixture
def hub_environment(hub: HubStandIn, tmp_path: Path) -> dict[str, str]:
    """The environment of a process that talks to `hub`, with its token and a home of its own; its retries do wait."""
    home = {"HF_HOME": str(tmp_path / "hf_home"), "HF_DATASETS_CACHE": str(tmp_path / "hf_home" / "datasets")}
    settings = {"HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
    settings["NO_PROXY"] = "127.0.0.1"
    # Else datasets asks for a file on Amazon's servers, to count the load.
    return {**os.environ, **home, **settings, "HF_UPDATE_DOWNLOAD_COUNTS": "0"}


def _redirect(monkeypatch: pytest.MonkeyPatch, hub: HubStandIn, cache: Path) -> None:
    """Change what the libraries read from the environment when they were imported, and read again at each call."""
    import datasets
    from huggingface_hub import HfFileSystem, close_session, constants, hf_api
    from huggingface_hub.utils import _detect_agent, _http

    monkeypatch.setenv("HF_TOKEN", hub.token)  # this one is read at each call
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(hf_api.api, "endpoint", hub.url)  # of `huggingface_hub.create_repo` and its like
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", hub.url)
    monkeypatch.setattr(datasets.config, "HUB_DATASETS_URL", hub.url + "/datasets/{repo_id}/resolve/{revision}/{path}")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_UPDATE_DOWNLOAD_COUNTS", False)
    # No question to the Hub which program may have called, once per process: requests are the same in every test.
    monkeypatch.setattr(_detect_agent, "_registry", _detect_agent._EMPTY_REGISTRY)
    # The client waits 1, 2, 4, 8 and 8 seconds before its five further tries.
    monkeypatch.setattr(_http, "time", SimpleNamespace(sleep=lambda seconds: None))
    close_session()  # the client made before knows nothing of NO_PROXY
    HfFileSystem.clear_instance_cache()  # listings of an earlier stand-in, perhaps on the same port


@pytest.fixture(scope="session")
def tokenizers() -> dict[str, Any]:
    """One small tokenizer of each family, its vocabulary written down, not trained: always the same."""
    from tof_hf.data.tokenizers import load_tokenizer

    makers = {"wordpiece": _wordpiece, "unigram": _unigram, "bytelevel": _byte_level}
    loaded = {}
    for family in FAMILIES:
        folder = Path(_HOME) / "tokenizers" / family
        makers[family]().save_pretrained(folder)
        loaded[family] = load_tokenizer(str(folder))
    return loaded


@pytest.fixture(scope="session", params=FAMILIES)
def tokenizer(request: pytest.FixtureRequest, tokenizers: dict[str, Any]) -> Any:
    """The tokenizers one after the other."""
    return tokenizers[request.param]


@pytest.fixture(scope="session")
def tiny_config() -> Callable[..., Any]:
    """Makes the configuration of an encoder with 2 layers of 16 numbers and without dropout."""
    return _tiny_config


@pytest.fixture(scope="session")
def checkpoint() -> Callable[..., str]:
    """Makes `checkpoint(architecture, kind="encoder"|"mlm")`: the folder of a tiny random model."""
    import torch
    from transformers import AutoModel, AutoModelForMaskedLM

    def make(architecture: str, kind: str = "mlm", **options: Any) -> str:
        folder = Path(_HOME) / "models" / f"{architecture}-{kind}-{'-'.join(map(str, options.values()))}"
        if not folder.exists():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(7)
                auto = AutoModelForMaskedLM if kind == "mlm" else AutoModel
                config = _tiny_config(architecture, **options)
                auto.from_config(config, trust_remote_code=False).save_pretrained(folder)
        return str(folder)

    return make


def _tiny_config(architecture: str, *, vocab_size: int = 450, positions: int = 128) -> Any:
    from transformers import AutoConfig

    common = {"vocab_size": vocab_size, "pad_token_id": 1 if "roberta" in architecture else 0}
    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    off = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": 0.0}
    special = {
        "xlm-roberta": {"max_position_embeddings": positions + 2, "type_vocab_size": 1} | size | off,
        "roberta": {"max_position_embeddings": positions + 2, "type_vocab_size": 1} | size | off,
        "distilbert": {
            "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24, "max_position_embeddings": positions,
            "dropout": 0.0, "attention_dropout": 0.0,
        },
        "deberta-v2": {
            "max_position_embeddings": positions, "relative_attention": True, "position_buckets": 16,
            "norm_rel_ebd": "layer_norm", "share_att_key": True, "pos_att_type": ["p2c", "c2p"],
            "position_biased_input": False, "type_vocab_size": 0,
        } | size | off,
        "modernbert": {
            "max_position_embeddings": positions, "global_attn_every_n_layers": 2, "local_attention": 16,
            "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3,
        } | size,
        "electra": {"embedding_size": 8, "max_position_embeddings": positions} | size | off,
    }  # fmt: skip
    own = special.get(architecture, {"max_position_embeddings": positions} | size | off)
    return AutoConfig.for_model(architecture, **common, **own)


def _wordpiece() -> Any:
    from transformers import BertTokenizer

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special, *LETTERS, *(f"##{letter}" for letter in LETTERS), *(w for w in WORDS if len(w) > 1)]
    pieces += ["##ing", "##s", "##ed", "##as"]
    vocab = {piece: place for place, piece in enumerate(dict.fromkeys(pieces))}
    return BertTokenizer(vocab=vocab, do_lower_case=False, strip_accents=False, model_max_length=128)


def _unigram() -> Any:
    from transformers import XLMRobertaTokenizer

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = {piece: 0.0 for piece in special} | {"▁": -3.0}
    pieces |= {letter: -6.0 for letter in LETTERS} | {f"▁{word}": -5.0 for word in WORDS}
    pieces |= {"ing": -5.5, "ed": -5.5, "as": -5.5, "<mask>": 0.0}
    return XLMRobertaTokenizer(vocab=list(pieces.items()), model_max_length=128)


def _byte_level() -> Any:
    from tokenizers import pre_tokenizers
    from transformers import RobertaTokenizer

    merges = []
    for word in WORDS:
        text, made = "Ġ" + word, "Ġ"
        for letter in text[1:]:
            merges.append((made, letter))
            made += letter
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    pieces = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet()), *(a + b for a, b in merges)]
    vocab = {piece: place for place, piece in enumerate(dict.fromkeys(pieces))}
    return RobertaTokenizer(vocab=vocab, merges=list(dict.fromkeys(merges)), model_max_length=128)
