"""The paired bootstrap gives what a literal one gives."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tof_hf.errors import TofError
from tof_hf.evaluation.entity_scores import entity_scores
from tof_hf.evaluation.significance import EntityCounts, entity_counts, paired_bootstrap, read_counts

TAGS = ["O", "O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def random_tags(chance, lengths):
    return [[chance.choice(TAGS) for _ in range(length)] for length in lengths]


def noisy(chance, gold, share):
    return [[chance.choice(TAGS) if chance.random() < share else tag for tag in tags] for tags in gold]


@pytest.fixture
def gold():
    chance = random.Random(1)
    return random_tags(chance, [chance.randrange(1, 9) for _ in range(40)])


def literal_f1(rows):
    right = predicted = true = 0
    for row in rows:
        right, predicted, true = right + row[0], predicted + row[1], true + row[2]
    return 2 * right / (predicted + true) if predicted + true else 0.0


def literal_bootstrap(ours, baseline, samples, seed):
    """Sentence by sentence, seed by seed, with the same draws."""
    rng, sentences = np.random.default_rng(seed), len(ours[0].counts)
    not_better = not_worse = 0
    for _ in range(samples):
        drawn = rng.integers(0, sentences, size=sentences)
        means = []
        for side in (ours, baseline):
            f1 = [literal_f1([tuple(map(int, one.counts[place])) for place in drawn]) for one in side]
            means.append(sum(f1) / len(f1))
        difference = round(means[0] - means[1], 12)
        not_better += difference <= 0
        not_worse += difference >= 0
    return (not_better + 1) / (samples + 1), (not_worse + 1) / (samples + 1)


def test_counts_give_the_f1_of_the_scores(gold):
    predicted = noisy(random.Random(2), gold, 0.3)
    assert entity_counts(gold, predicted).f1 == pytest.approx(entity_scores(gold, predicted).f1, abs=1e-12)


@pytest.mark.parametrize("seeds", [1, 3])
def test_p_values_are_those_of_a_literal_bootstrap(gold, seeds):
    chance = random.Random(3)
    ours = [entity_counts(gold, noisy(chance, gold, 0.25)) for _ in range(seeds)]
    baseline = [entity_counts(gold, noisy(chance, gold, 0.3)) for _ in range(seeds)]
    found = paired_bootstrap(ours, baseline, samples=250, seed=7)
    assert (found.p_better, found.p_worse) == literal_bootstrap(ours, baseline, 250, 7)
    means = [sum(one.f1 for one in side) / seeds for side in (ours, baseline)]
    assert found.difference == pytest.approx(means[0] - means[1]) and found.samples == 250
    assert 0 < found.p_better < 1


def test_equal_predictions_have_a_p_value_of_one(gold):
    same = [entity_counts(gold, noisy(random.Random(seed), gold, 0.3)) for seed in range(2)]
    found = paired_bootstrap(same, same, samples=100)
    assert (found.difference, found.p_better, found.p_worse) == (0, 1, 1)


def test_a_tagger_that_is_better_everywhere_has_the_least_p_value(gold):
    nothing = [["O"] * len(tags) for tags in gold]
    found = paired_bootstrap([entity_counts(gold, gold)], [entity_counts(gold, nothing)], samples=99)
    assert (found.difference, found.p_better, found.p_worse) == (1, 0.01, 1)


def test_the_same_seed_gives_the_same_p_value_and_another_one_nearly_the_same(gold):
    chance = random.Random(4)
    sides = [[entity_counts(gold, noisy(chance, gold, share))] for share in (0.25, 0.3)]
    one, again, other = (paired_bootstrap(*sides, samples=2000, seed=seed) for seed in (0, 0, 1))
    assert one == again and abs(one.p_better - other.p_better) < 0.05


def test_seeds_with_other_sentences_are_drawn_apart(gold):
    chance, half = random.Random(5), gold[:20]
    ours = [entity_counts(rows, noisy(chance, rows, 0.1)) for rows in (gold, half)]
    baseline = [entity_counts(rows, noisy(chance, rows, 0.6)) for rows in (gold, half)]
    assert paired_bootstrap(ours, baseline, samples=200).p_better < 0.05
    with pytest.raises(TofError, match="not scored on the same sentences"):
        paired_bootstrap(ours, baseline[::-1])
    with pytest.raises(TofError, match="not scored on the same sentences"):
        paired_bootstrap([], [])


def test_sentences_without_any_entity_count_nothing():
    nothing = EntityCounts(np.zeros((3, 3), dtype=int), "a")
    assert nothing.f1 == 0 and paired_bootstrap([nothing], [nothing], samples=9).p_better == 1


def test_counts_are_read_from_the_predictions_of_a_scored_tagger(gold, tmp_path):
    predicted = noisy(random.Random(6), gold, 0.3)
    columns = {"id": [str(i) for i in range(len(gold))], "tokens": gold, "gold": gold, "predicted": predicted}
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")
    read, made = read_counts(tmp_path / "p.parquet"), entity_counts(gold, predicted)
    assert read.sentences == made.sentences and (read.counts == made.counts).all()
    with pytest.raises(TofError, match=r"sentence \d+ has \d+ true tags but 0 predicted"):
        entity_counts(gold, predicted[:-1] + [[]])
