"""The whole of TOF on a small generated world, in minutes and without any download: `make quickstart`.

python examples/quickstart.py [--folder runs/quickstart] [--seeds 1] [KEY=VALUE ...]
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import time
from pathlib import Path
from typing import Any

CONFIG = Path(__file__).parent / "configs" / "quickstart.yaml"


def main() -> None:
    """Make the world and its encoder, train the three systems, compare them, and tag a sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/quickstart"))
    parser.add_argument("--seeds", type=int, default=1, help="worlds, encoders and runs: one for each seed")
    parser.add_argument("--size", choices=["quickstart", "tiny"], default="quickstart", help="tiny: to try things out")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="options of the run")
    options = parser.parse_args()

    from tof_hf.utils.runtime import configure_runtime

    configure_runtime()
    started = time.monotonic()
    scores = [
        target_scores(seed, options.size, options.folder / f"seed{seed}", options.overrides)
        for seed in range(options.seeds)
    ]
    print("\nF1 on the target (Spanish), in percent. The corpus is generated, so only the order of the systems says")
    print("something: it shows how the method works, not how well it does on real text.\n")
    for system in scores[0]:
        values = [100 * score[system] for score in scores]
        each = ", ".join(f"{value:.1f}" for value in values)
        print(f"  {system:12} {statistics.mean(values):5.1f}" + (f"   (seeds: {each})" if len(values) > 1 else ""))
    first = options.folder / "seed0"
    print(f"\n{(time.monotonic() - started) / 60:.1f} minutes. World, encoder and run: {first}")
    tag_a_sentence(first)


def target_scores(seed: int, size: str, folder: Path, overrides: list[str]) -> dict[str, float]:
    """The target F1 that each system ended with on the world of this seed; finished runs are used again."""
    from toy_world.encoder import train_encoder
    from toy_world.world import make_world, write_world

    from tof_hf.pipeline import run_tof

    world = make_world(seed, size=size)
    files = write_world(world, folder / "world")
    encoder = folder / "encoder"
    if not (encoder / "tokenizer_config.json").is_file():  # written last
        logging.getLogger("tof_hf").info("training a tiny encoder on %s lines", f"{len(world.pretraining_text):,}")
        train_encoder(world, encoder, seed=seed, steps=1500 if size == "quickstart" else 20, hidden=96)
    places = {
        "model": encoder,
        "output_dir": folder / "run",
        "source.train": files["source_train"],
        "source.validation": files["source_validation"],
        "source.mrc": files["source_qa"],
        "target.text": files["target_text"],
        "target.mrc": files["target_qa"],
        "target.gold": files["target_gold"],
        "seed": seed,
    }
    result = run_tof(CONFIG, [*(f"{key}={value}" for key, value in places.items()), *overrides])
    print(result.table)
    return {row["system"]: row["f1"] for row in result.rows if row["split"] == "target"}


def tag_a_sentence(folder: Path) -> None:
    """Tag a sentence with the finished tagger, without tof_hf."""
    from transformers import pipeline

    from tof_hf.data import read_ner

    tokens: list[str] = max(read_ner(folder / "world" / "target_gold.conll")["tokens"][:20], key=len)
    final = str(folder / "run" / "final")
    tagger = pipeline("token-classification", model=final, trust_remote_code=False, aggregation_strategy="first")
    entities: list[dict[str, Any]] = tagger(tokens, is_split_into_words=True)[0]
    print(f"\n{' '.join(tokens)}")
    print(json.dumps({entity["word"]: entity["entity_group"] for entity in entities}, ensure_ascii=False))


if __name__ == "__main__":
    main()
