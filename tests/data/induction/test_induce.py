from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tof_hf.data.translation.induction import SkippedLines, WordVectors, align, induce_dictionary, procrustes
from tof_hf.errors import ConfigError, DataError

WORDS, WIDTH, ALIKE = 600, 30, 60


def random_rotation(width, generator):
    return torch.linalg.qr(torch.randn(width, width, generator=generator)).Q


def two_languages(noise, *, alike=ALIKE, seed=0):
    """Source words s0, s1, ... and their translations t0, t1, ..., shuffled; every tenth word is spelt alike."""
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(WORDS, WIDTH, generator=generator)
    rotation = random_rotation(WIDTH, generator)
    moved = vectors @ rotation.T + noise * torch.randn(WORDS, WIDTH, generator=generator)
    same = set(range(0, WORDS, WORDS // alike) if alike else ())
    source = [f"w{number}" if number in same else f"s{number}" for number in range(WORDS)]
    target = [f"w{number}" if number in same else f"t{number}" for number in range(WORDS)]
    order = torch.randperm(WORDS, generator=generator)
    shuffled = [target[number] for number in order.tolist()]
    truth = dict(zip(source, target, strict=True))
    return (
        WordVectors(Path("s.vec"), source, vectors),
        WordVectors(Path("t.vec"), shuffled, moved[order]),
        truth,
        rotation,
    )


def write(path, vectors):
    rows = zip(vectors.words, vectors.vectors.tolist(), strict=True)
    lines = [f"{word} {' '.join(f'{number:.6f}' for number in row)}" for word, row in rows]
    path.write_text(f"{len(lines)} {vectors.width}\n" + "\n".join(lines) + "\n")
    return path


def precision(pairs, truth):
    assert list(pairs) == list(truth)
    return sum(pairs[word] == truth[word] for word in truth) / len(truth)


@given(st.integers(1, 12), st.integers(0, 20), st.integers(0, 99))
def test_procrustes_returns_the_rotation_that_was_applied(width, more, seed):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(width + more, width, generator=generator, dtype=torch.float64)
    rotation = random_rotation(width, generator).double()
    torch.testing.assert_close(procrustes(rows, rows @ rotation.T), rotation, rtol=0, atol=1e-6)


@given(st.integers(2, 8), st.integers(1, 20), st.integers(0, 99))
def test_no_random_rotation_brings_the_pairs_nearer_than_procrustes(width, pairs, seed):
    generator = torch.Generator().manual_seed(seed)
    source, target = torch.randn(2, pairs, width, generator=generator, dtype=torch.float64)
    found, other = procrustes(source, target), random_rotation(width, generator).double()
    torch.testing.assert_close(found @ found.T, torch.eye(width, dtype=torch.float64))
    assert torch.dist(source @ found.T, target) <= torch.dist(source @ other.T, target) + 1e-9


def test_a_planted_rotation_is_found_from_words_spelt_alike():
    source, target, _, rotation = two_languages(noise=0.0)
    alignment = align(source, target, device="cpu")
    torch.testing.assert_close(alignment.rotation, rotation, rtol=0, atol=1e-4)
    assert alignment.rounds[0].pairs == ALIKE
    assert [done.pairs for done in alignment.rounds[1:]] == [WORDS] * 3
    assert alignment.rounds[alignment.best_round].mean_cosine == pytest.approx(1.0, abs=1e-5)


def test_every_word_is_translated_right_where_the_spaces_differ_by_a_rotation_alone(tmp_path):
    source, target, truth, _ = two_languages(noise=0.0)
    paths = write(tmp_path / "s.vec", source), write(tmp_path / "t.vec", target)
    induced = induce_dictionary(*paths, device="cpu")
    assert precision(induced.pairs, truth) == 1.0
    assert (induced.source_words, induced.target_words) == (WORDS, WORDS)
    assert induced.source_skipped == induced.target_skipped == SkippedLines()
    assert induced.rounds[0].pairs == ALIKE
    assert len(induced.rounds) == 4


def test_most_words_are_translated_right_where_the_spaces_differ_by_noise_too(tmp_path):
    source, target, truth, _ = two_languages(noise=0.8)
    paths = write(tmp_path / "s.vec", source), write(tmp_path / "t.vec", target)
    assert precision(induce_dictionary(*paths, device="cpu").pairs, truth) > 0.9


def test_refinement_repairs_a_small_seed_and_the_best_round_wins():
    source, target, truth, rotation = two_languages(noise=0.2, alike=0)
    seed_pairs = dict(list(truth.items())[:24])
    rough, fine = (align(source, target, seed_pairs=seed_pairs, refinements=n, device="cpu") for n in (0, 5))
    assert len(rough.rounds) == 1
    assert torch.dist(fine.rotation, rotation) < 0.5 * torch.dist(rough.rotation, rotation)
    assert fine.rounds[fine.best_round].mean_cosine == max(done.mean_cosine for done in fine.rounds)


@pytest.mark.parametrize("kind", [dict, list, iter])
def test_seed_pairs_may_be_a_mapping_or_pairs_in_any_case_and_those_without_vectors_are_left_out(kind):
    source, target, truth, _ = two_languages(noise=0.0, alike=0)
    pairs = [(first.upper(), second.upper()) for first, second in list(truth.items())[:50]]
    alignment = align(source, target, seed_pairs=kind([*pairs, ("nowhere", "t1")]), device="cpu")
    assert alignment.rounds[0].pairs == 50


def test_words_beyond_max_rank_are_no_pairs_of_a_refinement():
    source, target, _, _ = two_languages(noise=0.0)
    alignment = align(source, target, max_rank=300, refinements=1, device="cpu")
    assert alignment.rounds[1].pairs <= 300


def test_two_words_a_side_are_enough():
    side = WordVectors(Path("s.vec"), ["a", "b"], torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
    torch.testing.assert_close(align(side, side, device="cpu").rotation, torch.eye(2))


def test_fewer_seed_pairs_than_numbers_in_a_vector_are_warned_about(caplog):
    source, target, _, _ = two_languages(noise=0.0, alike=10)
    align(source, target, device="cpu")
    assert "only 10 words spelt as in t.vec for vectors of width 30" in caplog.text


def test_too_few_words_spelt_alike_raise_an_error():
    source, target, _, _ = two_languages(noise=0.0, alike=1)
    with pytest.raises(DataError, match=r"s\.vec: found 1 words spelt as in t\.vec, at least 2"):
        align(source, target, device="cpu")


def test_too_few_known_seed_pairs_raise_an_error():
    source, target, _, _ = two_languages(noise=0.0)
    with pytest.raises(DataError, match=r"found 0 seed pairs with vectors here and in t\.vec"):
        align(source, target, seed_pairs={"no": "nein"}, device="cpu")


def test_vectors_of_different_width_raise_an_error_that_names_both_files(tmp_path):
    paths = tmp_path / "s.vec", tmp_path / "t.vec"
    paths[0].write_text("a 1 2\nb 3 4\n")
    paths[1].write_text("a 1 2 3\nb 3 4 5\n")
    with pytest.raises(DataError, match=r"s\.vec: found vectors of width 2, but .*t\.vec has width 3"):
        induce_dictionary(*paths, device="cpu")


@pytest.mark.parametrize("option", ["refinements", "max_rank"])
def test_an_option_out_of_range_raises_an_error(option):
    source, target, _, _ = two_languages(noise=0.0)
    with pytest.raises(ConfigError, match=f"{option}=-1"):
        align(source, target, device="cpu", **{option: -1})
