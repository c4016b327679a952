"""Time and memory of everything that a run does with its target text, by the number of sentences.

python benchmarks/growth.py [--sizes 10000 100000 1000000] [--folder FOLDER] [--threads N]

Each size is a process of its own. The text is made of the toy world's words, 20 a sentence on average, and the tagger
is a BERT with one layer and random weights, so nearly all of the time is ours and not the model's. FOLDER holds the
text, the cache and the labels: about 4 KB a sentence. It prints a Markdown table. Memory is what the process itself
holds (RssAnon in Linux, sampled), then with the pages of memory-mapped files, which the system can drop at any time.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

TYPES = ("LOC", "ORG", "PER")
STEPS = ("read", "label", "label again", "select", "encode", "questions")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.size is not None:
        print(json.dumps(measure(options.size, options.folder, options.threads)))
        return
    columns = ["sentences", *STEPS, "model", "all but the model", "own MB", "with mapped files"]
    print(f"milliseconds of processor time a sentence, {options.threads} threads\n")
    print("| " + " | ".join(columns) + " |\n|" + " ---: |" * len(columns), flush=True)
    for size in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            words = [sys.executable, __file__, "--size", size, "--folder", folder, "--threads", options.threads]
            environment = os.environ | {"HF_HOME": folder, "HF_DATASETS_CACHE": f"{folder}/cache"}
            done = subprocess.run(list(map(str, words)), check=True, stdout=subprocess.PIPE, text=True, env=environment)
        found = json.loads(done.stdout.splitlines()[-1])
        numbers = [f"{1000 * found[name] / size:.3f}" for name in (*STEPS, "model")]
        ours = 1000 * (sum(found[name] for name in STEPS) - found["model"]) / size
        print(
            "| "
            + " | ".join([f"{size:,}", *numbers, f"{ours:.3f}", f"{found['own']:.0f}", f"{found['all']:.0f}"])
            + " |",
            flush=True,
        )


def measure(size: int, folder: Path, threads: int) -> dict[str, float]:
    """Seconds of each step and of the model in them, and the most memory held, in MB."""
    import torch

    from examples.toy_world.encoder import train_encoder
    from examples.toy_world.world import make_world
    from tof_hf.algorithm.labelling import Labelling
    from tof_hf.algorithm.training_data import TofData
    from tof_hf.config import load_config
    from tof_hf.data import ner_to_mrc, read_ner, read_text
    from tof_hf.data.label_selection import select_labels
    from tof_hf.data.mrc_conversion import load_queries
    from tof_hf.data.pseudo_labels import mix_labelled
    from tof_hf.data.tokenizers import load_tokenizer
    from tof_hf.data.windows import encode_ner
    from tof_hf.stages.ner import COLUMNS
    from tof_hf.stages.stage import Checkpoint
    from tof_hf.utils.runtime import configure_runtime

    configure_runtime()
    torch.set_num_threads(threads)
    world = make_world(size="tiny")
    encoder = train_encoder(world, folder / "encoder", steps=0, layers=1, hidden=32)
    taggers = [Checkpoint(name, str(folder / name / "model"), name) for name in ("ner", "ner-pseudo_ner")]
    tokenizer = load_tokenizer(str(encoder))
    words = list(chain.from_iterable(row["tokens"] for row in world.target_text))
    for seed, tagger in enumerate(taggers):
        make_tagger(str(encoder), tokenizer, words, tagger.path, seed)
    write_text(folder / "text.txt", words, size)
    (folder / "source.conll").write_text("Ana B-PER\nlives O\nin O\nParis B-LOC\nat O\nAcme B-ORG\n\n")
    files = {"train": str(folder / "source.conll"), "validation": str(folder / "source.conll")}
    config = load_config(
        {
            "model": str(encoder),
            "output_dir": str(folder / "run"),
            "source": files,
            "target": {"name": "es", "text": str(folder / "text.txt")},
        }
    )
    seconds: dict[str, float] = dict.fromkeys((*STEPS, "model"), 0.0)

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        started = time.process_time()
        yield
        seconds[name] += time.process_time() - started
        print(f"{name}: {own[0]:.0f} MB so far", file=sys.stderr)

    count_model_time(seconds)
    own = sample_memory()
    source = read_ner(str(folder / "source.conll"))
    names = source.features["ner_tags"].feature.names
    with timed("read"):
        text = read_text(str(folder / "text.txt"), format="lines")
    nothing: Any = dict.fromkeys(("target_test", "source_qa", "validation_qa", "target_qa"))
    data = TofData(names, load_queries(), source=source, validation=source, target=text, **nothing)
    labelling = Labelling(config, data, tokenizer)
    for name, tagger in zip(("label", "label again"), taggers, strict=True):
        with timed(name):
            labels = labelling.label([tagger], None)
    with timed("select"):
        chosen = select_labels(labels.rows, "per_type_quota", level="token", quota=0.5)
    with timed("encode"):
        encode_ner(mix_labelled([source, chosen], columns=COLUMNS), tokenizer)
    with timed("questions"):
        ner_to_mrc(chosen)
    return seconds | {"own": own[0], "all": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def sample_memory(every: float = 0.02) -> list[float]:
    """A list with the most memory that the process itself held so far, in MB; a thread updates it."""
    found = [0.0]

    def sample() -> None:
        while True:
            status = Path("/proc/self/status").read_text()
            found[0] = max(found[0], int(status.partition("RssAnon:")[2].split()[0]) / 1024)
            time.sleep(every)

    threading.Thread(target=sample, daemon=True).start()
    return found


def write_text(path: Path, words: list[str], size: int) -> None:
    """A sentence a line."""
    chance = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(size):
            file.write(" ".join(chance.choices(words, k=chance.randint(5, 35))) + "\n")


def make_tagger(encoder: str, tokenizer: Any, words: list[str], path: str, seed: int) -> None:
    """Save a tagger with random weights that labels about a tenth of the words."""
    import torch

    from tof_hf.data.labels import label_names
    from tof_hf.modeling.transfer import load_for_ner

    torch.manual_seed(seed)
    model = load_for_ner(encoder, label_names(TYPES))[0].eval()
    model.classifier.weight.data.mul_(60)
    some = tokenizer([words[:200]], is_split_into_words=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        logits = model(**some).logits[0]
    model.classifier.bias.data[0] += (logits[:, 1:].amax(-1) - logits[:, 0]).quantile(0.9)
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)


def count_model_time(seconds: dict[str, float]) -> None:
    """Add the time of every forward pass of a tagger to `model`."""
    from transformers import BertForTokenClassification

    forward = BertForTokenClassification.forward

    def timed_forward(*args: Any, **kwargs: Any) -> Any:
        started = time.process_time()
        try:
            return forward(*args, **kwargs)
        finally:
            seconds["model"] += time.process_time() - started

    BertForTokenClassification.forward = timed_forward  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
