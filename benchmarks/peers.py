"""Stages and tagging, by the scripts that the guides of transformers give and by tof_hf: the same rows, in one run.

python benchmarks/peers.py --model ENCODER --ner TRAIN VALIDATION --mrc FILE --text FILE
    [--works ner mrc mlm tagging] [--sentences 2000] [--questions 72] [--texts 400] [--validation 500]
    [--batch 32] [--pairs 3] [--threads 2] [--device cpu] [--write docs/performance.md]

Each way of each work is a process of its own, in turn; medians count. The stock ways are those of the guides to token
classification and question answering: the defaults of TrainingArguments, then bfloat16, then batches of one length
too, and the pipeline with its best batch size. Time is from the rows and the encoder on disk to the trained checkpoint;
on a CPU it is that of all processors of the process, so that other work on the machine counts less, on a GPU
(`--device cuda`) that of the clock, and memory is what torch allocated. `share` is that of the rate of products of
bfloat16 matrices on the same device, counting 6 operations a weight and real piece in training, 2 in tagging.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

STOCK = ("stock", "stock, bf16", "stock, bf16, by length")
OURS = "tof_hf"
WAYS = {"ner": (*STOCK, OURS), "mrc": (*STOCK[:2], OURS), "mlm": (OURS,), "tagging": ("stock", OURS)}
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"


def main() -> None:
    """Print the table, and write it into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--ner", nargs=2, required=True, metavar=("TRAIN", "VALIDATION"))
    parser.add_argument("--mrc", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--works", nargs="+", choices=WAYS, default=list(WAYS))
    sizes = {"sentences": 2000, "questions": 72, "texts": 400, "validation": 500, "batch": 32, "pairs": 3, "threads": 2}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--write", type=Path, metavar="PAGE")
    parser.add_argument("--side", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        work, way, folder = options.side
        print(json.dumps(measure(work, way, Path(folder), options)))
        return
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads)}
    if options.device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.pairs):
            for work, way in [(one, way) for one in WAYS if one in options.works for way in WAYS[one]]:
                words = [sys.executable, __file__, *sys.argv[1:], "--side", work, way, folder]
                done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, env=environment)
                found.setdefault((work, way), []).append(json.loads(done.stdout.splitlines()[-1]))
                print(work, way, found[work, way][-1], file=sys.stderr)
    text = f"{machine(options)}\n\n{table(found)}"
    print(text)
    if options.write is not None:
        options.write.write_text(with_figures(options.write.read_text(encoding="utf-8"), text), encoding="utf-8")


def with_figures(page: str, text: str) -> str:
    """The page with this text between its marks."""
    before, _, rest = page.partition(BEGIN)
    if END not in rest:
        raise ValueError(f"the page has no lines {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}"


def table(found: dict[tuple[str, str], list[dict[str, float]]]) -> str:
    """A Markdown table of the medians; the ratio is that of the seconds of a way to those of tof_hf."""
    lines = [
        "| work | way | seconds | samples a second | ratio | share | peak MB |",
        "| :--- " * 2 + "| ---: " * 5 + "|",
    ]
    for (work, way), results in found.items():
        middle = {name: statistics.median(one[name] for one in results) for name in results[0]}
        pairs = zip(results, found[work, OURS], strict=True)
        ratio = statistics.median(one["seconds"] / ours["seconds"] for one, ours in pairs)
        rate = middle["samples"] / middle["seconds"]
        numbers = f"{middle['seconds']:.1f} | {rate:.1f} | {ratio:.2f} | {middle['share']:.0%} | {middle['memory']:.0f}"
        lines.append(f"| {work} | {way} | {numbers} |")
    return "\n".join(lines)


def machine(options: argparse.Namespace) -> str:
    """What a reader has to know of the run."""
    from tof_hf.utils.devices import device_names

    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "transformers"))
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    sizes = (
        f"{options.sentences:,} sentences and {options.validation:,} to validate, batches of {options.batch}; "
        f"{options.questions:,} questions; {options.texts:,} texts to tag"
    )
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {', '.join(device_names())}, {options.threads} threads{load}; "
        f"Python {platform.python_version()}, {versions}.\n{sizes}; median of {options.pairs}."
    )


def measure(work: str, way: str, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Seconds, samples, peak MB and the share of the product rate of one way of a work."""
    import torch
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    from tof_hf.data import read_mrc, read_ner, read_text
    from tof_hf.utils.runtime import configure_runtime

    for module in ("transformers.trainer", "tof_hf.stages.mlm", "tof_hf.stages.mrc", "tof_hf.stages.ner"):
        importlib.import_module(module)  # does not count
    if way == OURS:
        configure_runtime()
    on_gpu = options.device == "cuda"
    torch.set_num_threads(options.threads)
    clock = time.perf_counter if on_gpu else time.process_time
    tokenizer = AutoTokenizer.from_pretrained(options.model, trust_remote_code=False)
    sentences, validation = (read_ner(path) for path in options.ner)
    sentences, validation = first(sentences, options.sentences), first(validation, options.validation)
    if work == "tagging":
        rows = first(read_text(options.text), options.texts)
        seconds = tag(way, folder / "tagger", [" ".join(tokens) for tokens in rows["tokens"]], options.device, clock)
    else:
        rows = first(read_mrc(options.mrc), options.questions) if work == "mrc" else sentences
        train = by_tof if way == OURS else by_guide
        started = clock()
        train(work, way, folder, rows, validation, tokenizer, options)
        seconds = clock() - started
    texts = [rows["question"], rows["context"]] if work == "mrc" else [[" ".join(tokens) for tokens in rows["tokens"]]]
    pieces = sum(map(len, tokenizer(*map(list, texts), verbose=False)["input_ids"]))
    with torch.device("meta"):
        config = AutoConfig.from_pretrained(options.model, trust_remote_code=False)
        encoder = AutoModel.from_config(config, trust_remote_code=False)
    weights = sum(one.numel() for one in encoder.parameters()) - encoder.get_input_embeddings().weight.numel()
    peak = torch.cuda.max_memory_allocated() if on_gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    operations = (2 if work == "tagging" else 6) * weights * pieces
    share = operations / seconds / product_rate(options.device, clock)
    return {"seconds": seconds, "samples": len(rows), "share": share, "memory": peak / 2**20}


def first(rows: Any, count: int) -> Any:
    """The first rows, or all if there are fewer."""
    return rows.select(range(min(count, len(rows))))


def product_rate(device: str, clock: Callable[[], float]) -> float:
    """Operations a second in products of bfloat16 matrices."""
    import torch

    size, turns = (8192, 20) if device == "cuda" else (1536, 10)
    left, right = torch.randn(2, size, size, dtype=torch.bfloat16, device=device)
    seconds = []
    for _ in range(4):
        started = clock()
        for _ in range(turns):
            left @ right
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(clock() - started)
    return 2 * size**3 * turns / min(seconds)


def by_tof(work: str, way: str, folder: Path, rows: Any, validation: Any, tokenizer: Any, options: Any) -> None:
    """Train a stage as a run does; a tagger stays in the folder."""
    from tof_hf.config import MlmConfig, MrcConfig, NerConfig
    from tof_hf.config.row_kinds import RowKind
    from tof_hf.config.stage_name import StageName
    from tof_hf.stages.fit import fit
    from tof_hf.stages.mlm import mlm_stage
    from tof_hf.stages.mrc import mrc_stage
    from tof_hf.stages.ner import ner_stage
    from tof_hf.stages.stage import Checkpoint, Stage, StageSetup

    training = {"num_train_epochs": 1, "per_device_train_batch_size": options.batch, "disable_tqdm": True}
    start, name = Checkpoint("", options.model, ""), StageName(work)
    stage: Stage
    if work == "ner":
        names = rows.features["ner_tags"].feature.names
        stage = ner_stage(
            StageSetup(name, start, NerConfig(**training), tokenizer, 0),
            sentences={RowKind.SOURCE: rows}, validation={"source": validation}, label_names=names, keep_head=False,
        )  # fmt: skip
    elif work == "mrc":
        config = MrcConfig(
            **training | {"per_device_train_batch_size": options.batch // 2, "max_length": window(tokenizer)}
        )
        setup = StageSetup(name, start, config, tokenizer, 0)
        few = first(rows, max(1, len(rows) // 4))
        stage = mrc_stage(setup, questions={RowKind.SOURCE_QA: rows}, validation={"source_qa": few})
    else:
        config = MlmConfig(**training | {"maskings": 1, "head_warmup_steps": 0, "source_ratio": 0})
        text = rows.select_columns(["id", "tokens"])
        setup = StageSetup(name, start, config, tokenizer, 0)
        stage = mlm_stage(setup, base=options.model, target=text, source=text)
    with tempfile.TemporaryDirectory() as stages:
        done = fit(stage, Path(stages))
        if work == "ner" and not (folder / "tagger").exists():
            Path(done.path).rename(folder / "tagger")


def by_guide(work: str, way: str, folder: Path, rows: Any, validation: Any, tokenizer: Any, options: Any) -> None:
    """Train as the guide of transformers to token classification or question answering does."""
    from transformers import (
        AutoModelForQuestionAnswering,
        AutoModelForTokenClassification,
        DataCollatorForTokenClassification,
        DefaultDataCollator,
        Trainer,
        TrainingArguments,
    )

    names = validation.features["ner_tags"].feature.names
    ner = work == "ner"
    few = validation if ner else first(rows, max(1, len(rows) // 4))
    encode = encode_words if ner else encode_answers
    train, held_out = (
        part.map(lambda batch: encode(tokenizer, batch), batched=True, remove_columns=part.column_names)
        for part in (rows, few)
    )
    loader, heads = (
        (AutoModelForTokenClassification, {"num_labels": len(names)}) if ner else (AutoModelForQuestionAnswering, {})
    )
    with tempfile.TemporaryDirectory() as place:
        args = TrainingArguments(
            place,
            num_train_epochs=1,
            per_device_train_batch_size=options.batch if ner else options.batch // 2,
            use_cpu=options.device == "cpu",
            bf16="bf16" in way,
            train_sampling_strategy="group_by_length" if "length" in way else "random",
            eval_strategy="epoch",
            save_strategy="epoch",
            load_best_model_at_end=True,
            report_to="none",
            disable_tqdm=True,
        )
        Trainer(
            model=loader.from_pretrained(options.model, trust_remote_code=False, **heads),
            args=args,
            train_dataset=train,
            eval_dataset=held_out,
            processing_class=tokenizer,
            data_collator=DataCollatorForTokenClassification(tokenizer) if ner else DefaultDataCollator(),
        ).train()


def encode_words(tokenizer: Any, batch: Any) -> Any:
    """Pieces with the label of the word on its first one, as in the guide."""
    encoded = tokenizer(batch["tokens"], truncation=True, is_split_into_words=True)
    encoded["labels"] = []
    for row, tags in enumerate(batch["ner_tags"]):
        words = encoded.word_ids(row)
        begins = [word is not None and word != before for word, before in zip(words, [None, *words], strict=False)]
        encoded["labels"].append([tags[word] if begin else -100 for word, begin in zip(words, begins, strict=True)])
    return encoded


def window(tokenizer: Any) -> int:
    """Pieces in a window of questions: 384 as in the guide, if the encoder can take as many."""
    return min(384, tokenizer.model_max_length)


def encode_answers(tokenizer: Any, batch: Any) -> Any:
    """Windows with the first answer's ends, or 0 and 0 if it was cut off, as in the guide."""
    encoded = tokenizer(
        batch["question"], batch["context"], max_length=window(tokenizer), truncation="only_second",
        padding="max_length",
        return_offsets_mapping=True,
    )  # fmt: skip
    starts, ends = [], []
    for row, offsets in enumerate(encoded.pop("offset_mapping")):
        spans, of = batch["spans"][row], encoded.sequence_ids(row)
        places = {offset: piece for piece, offset in enumerate(offsets) if of[piece] == 1 and offset[0] < offset[1]}
        begin = end = 0
        if spans:
            first_span = spans[0]
            begin = next((piece for (a, b), piece in places.items() if a <= first_span["start"] < b), 0)
            end = next((piece for (a, b), piece in places.items() if a < first_span["end"] <= b), 0)
        starts.append(begin if end else 0)
        ends.append(end if begin else 0)
    return encoded | {"start_positions": starts, "end_positions": ends}


def tag(way: str, tagger: Path, texts: list[str], device: str, clock: Callable[[], float]) -> float:
    """Seconds to tag the texts; the pipeline's with its best batch size."""
    from transformers import pipeline

    from tof_hf import load_tagger

    if not tagger.exists():
        raise SystemExit("tagging takes the tagger of the work ner: add ner to --works")
    if way == OURS:
        ours = load_tagger(str(tagger), device=device)
        turns: list[Callable[[], object]] = [lambda: ours(texts)] * 2
    else:
        settings = {"aggregation_strategy": "first", "stride": 16, "device": device}
        stock = pipeline("token-classification", model=str(tagger), trust_remote_code=False, **settings)
        turns = [lambda size=size: stock(texts, batch_size=size) for size in (1, 8, 32)]
    seconds = []
    for turn in turns:
        started = clock()
        turn()
        seconds.append(clock() - started)
    return min(seconds)


if __name__ == "__main__":
    main()
