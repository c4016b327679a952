from __future__ import annotations

import pytest
from datasets import Dataset
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tof_hf.data.features import MRC_FEATURES
from tof_hf.data.mrc_windows import encode_mrc, read_spans

CONTEXT = "Maria visited Madrid near the river. Juan Carlos won in New York on Monday."
words = st.one_of(
    st.sampled_from(["the", "Maria", "Madrid", "visiting", "¿donde", "U.S.", "xYz", "Real-Union", "don't"]),
    st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=6),
)
gaps = st.sampled_from([" ", " ", " ", "  ", "\n", "\t ", "\u00a0", "\u3000"])


def mrc(*rows):
    return Dataset.from_list(
        [
            {
                "id": str(i),
                "question": question,
                "context": context,
                "spans": [{"start": start, "end": end} for start, end in spans],
                "label": None,
            }
            for i, (question, context, spans) in enumerate(rows)
        ],
        features=MRC_FEATURES,
    )


def span_of(text, context=CONTEXT):
    start = context.index(text)
    return start, start + len(text)


def read_back(windows):
    """What `read_spans` makes of a perfect prediction: the spans placed at encoding time."""
    ends = []
    for ids, spans in zip(windows["input_ids"], windows["spans"], strict=True):
        row = [-1] * len(ids)
        for start, end in spans:
            row[start] = end
        ends.append(row)
    return read_spans(windows, ends)


@st.composite
def contexts_with_spans(draw):
    """A context of odd words and gaps, with word-aligned spans that do not overlap."""
    chosen = draw(st.lists(words, min_size=1, max_size=25))
    context, places = draw(st.sampled_from(["", " ", "\n"])), []
    for word in chosen:
        places.append((len(context), len(context) + len(word)))
        context += word + draw(gaps)
    spans, position = [], 0
    for gap, size in draw(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3)), max_size=5)):
        first, last = position + gap, position + gap + size - 1
        if last >= len(places):
            break
        spans.append((places[first][0], places[last][1]))
        position = last + 1
    return context, spans


@pytest.mark.slow
@settings(max_examples=50)
@given(contexts_with_spans(), st.sampled_from(["last_piece", "first_piece"]))
@example(("  Maria \u3000 Madrid ", [(2, 7), (10, 16)]), "first_piece")
@example(("Maria visited", [(0, 5)]), "last_piece")
def test_spans_placed_at_encoding_are_read_back_as_they_were(tokenizers, example, end_label):
    context, spans = example
    for tokenizer in tokenizers.values():
        windows = encode_mrc(
            mrc(("where ?", context, spans)), tokenizer, max_length=512, end_label=end_label, offsets=True
        )
        assert read_back(windows) == [(0, start, end) for start, end in sorted(spans)]


@pytest.mark.slow
@settings(max_examples=40)
@given(contexts_with_spans(), st.sampled_from(["last_piece", "first_piece"]), st.integers(24, 40))
def test_a_span_that_fits_the_overlap_is_found_in_small_windows_too(tokenizers, example, end_label, size):
    context, spans = example
    for tokenizer in tokenizers.values():
        fits = [
            (start, end) for start, end in spans if len(tokenizer.tokenize(" " + context[start:end])) < size // 2 - 8
        ]
        windows = encode_mrc(
            mrc(("where ?", context, spans)), tokenizer, max_length=size, stride=size // 2 - 4,
            end_label=end_label, offsets=True,
        )  # fmt: skip
        assert max(windows["length"]) <= size
        found = {(start, end) for _, start, end in read_back(windows)}
        assert set(fits) <= found <= set(spans)


def test_the_end_label_stands_on_the_last_piece_or_on_the_first_of_the_last_word(tokenizer):
    data = mrc(("which city ?", "el Real Valdoro won", [span_of("Real Valdoro", "el Real Valdoro won")]))
    by_piece = encode_mrc(data, tokenizer, offsets=True)[0]
    by_word = encode_mrc(data, tokenizer, offsets=True, end_label="first_piece")[0]
    (start, last), (same_start, first) = by_piece["spans"][0], by_word["spans"][0]
    assert start == same_start < first < last
    begin = by_piece["context"][0]
    assert by_piece["starts"][first - begin] == len("el Real ")
    assert by_piece["ends"][last - begin] == by_word["ends"][first - begin] == len("el Real Valdoro")


def test_only_the_context_is_marked_as_context(tokenizer):
    window = encode_mrc(mrc(("which city ?", CONTEXT, [])), tokenizer)[0]
    first, end = window["context"]
    alone = tokenizer(CONTEXT, add_special_tokens=False)["input_ids"]
    assert window["input_ids"][first:end] == alone
    question = tokenizer("which city ?", add_special_tokens=False)["input_ids"]
    assert window["input_ids"][1 : 1 + len(question)] == question
    assert window["input_ids"][end:] == [tokenizer.sep_token_id]
    if "token_type_ids" in window:
        assert window["token_type_ids"] == [0] * first + [1] * (end + 1 - first)


def test_a_span_cut_by_the_edge_of_a_window_is_ignored_there(tokenizer):
    span = span_of("Madrid near the river. Juan Carlos won")
    windows = encode_mrc(mrc(("where ?", CONTEXT, [span])), tokenizer, max_length=14, stride=2, offsets=True)
    cut = [window for window in windows if window["ignored"]]
    assert cut
    for window in windows:
        first, end = window["context"]
        inside = [
            piece
            for piece in range(first, end)
            if window["starts"][piece - first] < span[1] and window["ends"][piece - first] > span[0]
        ]
        whole = window["starts"][0] <= span[0] and window["ends"][-1] >= span[1]
        assert window["ignored"] == ([] if whole else inside)
        assert len(window["spans"]) == (1 if whole and inside else 0)


@pytest.mark.parametrize(("share", "expected"), [(1.0, "all"), (0.0, "answered")])
def test_windows_without_the_answer_are_kept_at_the_given_share(tokenizer, share, expected):
    data = mrc(("where ?", CONTEXT, [span_of("Madrid")]), ("who ?", CONTEXT, []))
    options = {"max_length": 20, "stride": 4}
    everything = encode_mrc(data, tokenizer, **options)
    kept = encode_mrc(data, tokenizer, **options, negative_windows=share)
    answered = [w for w in everything if w["row"] == 0 and w["spans"]]
    unanswerable = [w for w in everything if w["row"] == 1]
    assert 0 < len(answered) < len(unanswerable)
    assert [w for w in kept if w["row"] == 1] == unanswerable
    assert [w for w in kept if w["row"] == 0] == (
        answered if expected == "answered" else [w for w in everything if w["row"] == 0]
    )


def test_the_share_of_windows_without_the_answer_is_a_fixed_choice_that_grows_with_the_share(tokenizer):
    context = " ".join(f"{CONTEXT} {number}" for number in range(20))
    data = mrc(("where ?", context, [span_of("Madrid", context)]))
    chosen = [
        [tuple(ids) for ids in encode_mrc(data, tokenizer, max_length=24, stride=4, negative_windows=p)["input_ids"]]
        for p in (0.0, 0.3, 0.3, 0.7, 1.0)
    ]
    assert chosen[1] == chosen[2]
    assert set(chosen[0]) < set(chosen[1]) < set(chosen[3]) < set(chosen[4])
    assert 0.1 < len(chosen[1]) / len(chosen[4]) < 0.5


def test_a_question_longer_than_the_window_leaves_half_of_it_to_the_context(tokenizer):
    question = "where is the city that Maria visited near the river " * 10
    windows = encode_mrc(
        mrc((question, CONTEXT, [span_of("Madrid")]), ("where ?", CONTEXT, [span_of("Madrid")])),
        tokenizer, max_length=40, stride=24, offsets=True,
    )  # fmt: skip
    assert max(windows["length"]) <= 40
    assert set(read_back(windows)) == {(0, *span_of("Madrid")), (1, *span_of("Madrid"))}
    covered = {
        place
        for window in windows
        if window["row"] == 0
        for start, end in zip(window["starts"], window["ends"], strict=True)
        for place in range(start, end)
    }
    assert {place for place, letter in enumerate(CONTEXT) if not letter.isspace()} <= covered


def test_a_question_cut_within_a_word_may_have_more_pieces_than_it_had(tokenizer):
    rows = mrc(("who is Maria in Madrid and where ?", CONTEXT, [span_of("Madrid")]))
    windows = encode_mrc(rows, tokenizer, max_length=16, stride=4, offsets=True)
    assert max(windows["length"]) <= 16
    assert read_back(windows) == [(0, *span_of("Madrid"))]


@pytest.mark.parametrize("context", [" ", "\n\t ", "\u00a0", "\u200b", "\ufeff \u3000"])
def test_a_context_of_blanks_gives_no_window_with_a_wrong_span(tokenizer, context):
    windows = encode_mrc(mrc(("where ?", context, []), ("where ?", CONTEXT, [])), tokenizer, offsets=True)
    assert windows["row"][-1] == 1
    assert read_back(windows) == []
