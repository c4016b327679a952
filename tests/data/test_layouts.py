"""Files as people have them: each form gives the same words and entities, or an error that says what decides."""

import gzip
import json
import logging

import pytest
from datasets import Dataset, Features, List, Value

from tof_hf.data.readers.read import read_ner, read_text
from tof_hf.errors import DataError

TOLD = [["Valka/B-PER", "Zorn/I-PER", "ging", "nach", "Rom/B-LOC"], ["Er", "kam"]]
WORDS = [[word.split("/")[0] for word in sentence] for sentence in TOLD]
TAGS = [[(word.split("/") + ["O"])[1] for word in sentence] for sentence in TOLD]
PAIRS = [list(zip(words, tags, strict=True)) for words, tags in zip(WORDS, TAGS, strict=True)]
TEXT = [" ".join(words) for words in WORDS]
SPANS = [[(0, 10, "PER"), (21, 24, "LOC")], []]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="text.txt"):
        path = tmp_path / name
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write_file


def understood(rows):
    """The words of each row, with the tags that are not O."""
    names = rows.features["ner_tags"].feature.names
    return [
        [word if tag == 0 else f"{word}/{names[tag]}" for word, tag in zip(row["tokens"], row["ner_tags"], strict=True)]
        for row in rows
    ]


def columns(line, between="\n", scheme=lambda tag: tag):
    """The sentences as lines that `line` makes of the number of a word, the word and its tag."""
    sentences = ["".join(line(n, word, scheme(tag)) + "\n" for n, (word, tag) in enumerate(one)) for one in PAIRS]
    return between.join(sentences)


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


COMMENT = "\n#\thttp://zz.org/Zorn\t[2010-01-01]\n"
LAYOUTS = {
    "index from 0": columns("{}\t{}\t{}".format),
    "index from 1": columns(lambda n, word, tag: f"{n + 1} {word} NN {tag}"),
    "index through the file": "".join(
        f"{n}\t{word}\t{tag}\n" + "\n" * (word == "Rom") for n, (word, tag) in enumerate(PAIRS[0] + PAIRS[1])
    ),
    "UniversalNER": "# sent_id = 1\n# text = Valka\n" + columns(lambda n, w, t: f"{n + 1}\t{w}\t{t}\t-\t-"),
    "GermEval": COMMENT + columns(lambda n, w, t: f"{n + 1}\t{w}\t{t}\tO", COMMENT),
    "GermEval with nested names": COMMENT
    + columns(lambda n, w, t: f"{n + 1}\t{w}\t{t}\t{'B-LOC' if w == 'Zorn' else 'O'}", COMMENT),
    "comments": "#\n# text = a b\n" + columns(lambda n, w, t: f"{w} {t}", "\n#\n#\tx\ty\n# id = 3\n"),
    "MultiCoNER": "# id 12\tdomain=en\n" + columns(lambda n, w, t: f"{w} _ _ {t}", "\n\n# id 13\n"),
    "CoNLL-U": "# newdoc\n1-2\tim\t_\t_\t_\t_\t_\t_\t_\t_\n"
    + columns(lambda n, w, t: f"{n + 1}\t{w}\t{w}\tX\t_\t_\t0\tdep\t_\tNER={t}|SpaceAfter=No")
    + "2.1\tx\t_\t_\t_\t_\t_\t_\t_\t_\n",
    "PAN-X": columns(lambda n, w, t: f"de:{w}\t{t}"),
    "header": "Word\tPOS\tNER\n" + columns(lambda n, w, t: f"{w}\tNN\t{t}"),
    "tags first": columns(lambda n, w, t: f"{t}\t{w}"),
    "chunks before": columns(lambda n, w, t: f"{w} NN {'B-NP' if n == 0 else 'O'} {t}"),
    "pipes": columns(lambda n, w, t: f"{w}|{t}"),
    "Label Studio": "-DOCSTART- -X- O O\n" + columns(lambda n, w, t: f"{w} -X- _ {t}"),
    "marks of joined files": "\ufeff" + columns("{1} {2}".format, "\n\ufeff"),
    "a line without width": columns("{1} {2}".format, "\u200b\n"),
    "a sentence a line, pipes": "\n".join(" ".join(f"{word}|NN|{tag}" for word, tag in one) for one in PAIRS) + "\n",
    "a sentence a line, slashes": "\n".join(" ".join(f"{word}/{tag}" for word, tag in one) for one in PAIRS),
    "a tag after each word": "\n".join(" ".join(f"{word} {tag}" for word, tag in one) for one in PAIRS),
    "tags beside": "\n".join(f"{' '.join(w)}\t{' '.join(t)}" for w, t in zip(WORDS, TAGS, strict=True)),
    "brackets": "[Valka Zorn](PER) ging nach [Rom](LOC)\nEr kam\n",
    "elements": "<PER>Valka Zorn</PER> ging nach <LOC>Rom</LOC>\nEr kam\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_text_file_of_any_layout_gives_words_and_tags_and_never_words_made_of_tags(write, layout):
    path = write(LAYOUTS[layout])
    assert understood(read_ner(path)) == TOLD
    assert read_text(path)["tokens"][:] == WORDS


def span_rows(key, make, **more):
    return [
        {"text": text, key: [make(*span) for span in spans], **more} for text, spans in zip(TEXT, SPANS, strict=True)
    ]


def named(start, end, label):
    return {"start": start, "end": end, "label": label}


def of_prodigy(row):
    places = [(part, row["text"].find(part)) for part in row["text"].split()]
    return row | {"tokens": [{"text": w, "start": s, "end": s + len(w), "id": n} for n, (w, s) in enumerate(places)]}


def of_label_studio(row):
    result = [
        {"value": {"start": s, "end": e, "labels": [k], "text": row["text"][s:e]}, "type": "labels"}
        for s, e, k in row["entities"]
    ]
    return {"data": {"text": row["text"]}, "annotations": [{"was_cancelled": True}, {"result": result}]}


TABLES = {
    "tokens.jsonl": lines({"tokens": w, "ner_tags": t} for w, t in zip(WORDS, TAGS, strict=True)),
    "words.json": [{"words": w, "labels": t} for w, t in zip(WORDS, TAGS, strict=True)],
    "data.json": {"data": [{"tokens": w, "tags": t} for w, t in zip(WORDS, TAGS, strict=True)]},
    "packed.jsonl.gz": lines({"tokens": w, "ner": t} for w, t in zip(WORDS, TAGS, strict=True)),
    "doccano.jsonl": lines(span_rows("label", lambda *span: span)),
    "doccano_relations.jsonl": lines(
        span_rows("entities", lambda s, e, k: {"id": 1, "label": k, "start_offset": s, "end_offset": e}, relations=[])
    ),
    "prodigy.jsonl": lines(map(of_prodigy, span_rows("spans", named, answer="accept"))),
    "spacy.json": [[row["text"], {"entities": row["entities"]}] for row in span_rows("entities", lambda *span: span)],
    "spacy.jsonl": lines(span_rows("entities", named)),
    "label_studio.json": [of_label_studio(row) for row in span_rows("entities", lambda *span: span)],
    "label_studio_min.json": span_rows("label", lambda s, e, k: {"start": s, "end": e, "labels": [k]}),
    "pipeline.jsonl": lines(span_rows("entities", lambda s, e, k: {"entity_group": k, "start": s, "end": e})),
    "predicted.jsonl": lines(
        {"tokens": words, "entities": [named(*span) | {"score": 0.5} for span in spans]}
        for words, spans in zip(WORDS, SPANS, strict=True)
    ),
    "lists.csv": "id,tokens,ner_tags\n"
    + "".join(f'{n},"{w}","{t}"\n' for n, w, t in zip("12", WORDS, TAGS, strict=True)),
    "numpy.csv": "tokens,ner_tags\n"
    + "".join(f'"{w}","{t}"\n'.replace("', '", "' '") for w, t in zip(WORDS, TAGS, strict=True)),
    "blanks.csv": "text,labels\n" + "".join(f"{w},{' '.join(t)}\n" for w, t in zip(TEXT, TAGS, strict=True)),
    "semicolons.csv.gz": "text;labels\n" + "".join(f"{w};{' '.join(t)}\n" for w, t in zip(TEXT, TAGS, strict=True)),
    "rows.tsv": "text\tlabels\n" + "".join(f"{w}\t{' '.join(t)}\n" for w, t in zip(TEXT, TAGS, strict=True)),
    "spans.csv": "text,label\n"
    + "".join(f"{text},'{json.dumps(spans)}'\n" for text, spans in zip(TEXT, SPANS, strict=True))
    .replace('"', '""')
    .replace("'", '"'),
    "words.csv": "word,tag\n" + "\n".join("".join(f"{word},{tag}\n" for word, tag in one) for one in PAIRS),
    "kaggle.csv": "Sentence #,Word,POS,Tag\n"
    + "".join(
        f"{f'Sentence: {number}' if n == 0 else ''},{word},NN,{tag}\n"
        for number, one in enumerate(PAIRS)
        for n, (word, tag) in enumerate(one)
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_any_form_gives_words_and_tags(write, name):
    path = write(TABLES[name], name)
    assert understood(read_ner(path)) == TOLD
    assert read_text(path)["tokens"][:] == WORDS


def test_parquet_and_datasets_with_spans_are_read_as_files_are(tmp_path, caplog):
    spans = List({"start": Value("int64"), "end": Value("int64"), "label": Value("string")})
    rows = span_rows("spans", named)
    rows[1] = {"text": "Erst kam", "spans": [named(0, 2, "PER")]}
    given = Dataset.from_list(rows, features=Features({"text": Value("string"), "spans": spans}))
    given.to_parquet(tmp_path / "rows.parquet")
    for source in (given, tmp_path / "rows.parquet"):
        assert understood(read_ner(source)) == [TOLD[0], ["Erst/B-PER", "kam"]]
        assert "1 spans cut words and were widened to them, such as 'Er' in 'Erst'" in caplog.text
        caplog.clear()


def test_numbers_for_tags_need_names(write):
    rows = [{"tokens": ["Valka", "ging"], "ner_tags": [1, 0]}]
    names = ["O", "B-PER", "I-PER"]
    for source in (write(rows, "rows.json"), Dataset.from_list(rows)):
        with pytest.raises(DataError, match=r"numbers without names.*labels: \[O, B-PER, I-PER\]"):
            read_ner(source)
        assert understood(read_ner(source, labels=names)) == [["Valka/B-PER", "ging"]]
        with pytest.raises(DataError, match="the label number 1"):
            read_ner(source, labels=["O"])
    assert understood(read_ner(write("Valka 1\nging 0\n"), labels=names)) == [["Valka/B-PER", "ging"]]


@pytest.mark.parametrize(
    "tags",
    [
        *("B-PER I-PER O", "I-PER I-PER O", "I-PER E-PER O", "B-PER E-PER O", "B-PER L-PER O"),  # BIO to BILOU
        *("B_PER I_PER O", "PER-B PER-I O", "PER_B PER_I O", "b-per i-per o", "per-b per-i o"),
        *("B-PER I-PER -", "B-PER I-PER _", "PER PER O", "PER PER -", "I_PER I_PER _"),
    ],
)
def test_tags_of_every_scheme_and_spelling_mean_the_same(write, tags):
    text = "".join(f"{word} {tag}\n" for word, tag in zip(["Valka", "Zorn", "ging"], tags.split(), strict=True))
    assert understood(read_ner(write(text))) == [["Valka/B-PER", "Zorn/I-PER", "ging"]]
    glued = " ".join(f"{word}|{tag}" for word, tag in zip(["Valka", "Zorn", "ging"], tags.split(), strict=True))
    assert read_text(write(glued + "\n" + glued, "glued.txt"))["tokens"][0] == ["Valka", "Zorn", "ging"]


def test_bmes_has_middles_and_io_says_what_it_cannot_tell(write, caplog):
    rows = read_ner(write("a B-X\nb M-X\nc E-X\nd S-X\ne O\n"))
    assert understood(rows) == [["a/B-X", "b/I-X", "c/I-X", "d/B-X", "e"]] and "scheme IO" not in caplog.text
    read_ner(write("a person-actor\nb O\nc art-music\nd O\n"))
    assert "IO tags cannot tell apart neighbouring entities" in caplog.text
    assert understood(read_ner(write("a X1\nb X1\n"), scheme="IO")) == [["a/B-X1", "b/I-X1"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a B-X B-X\nb O O\nc B-Y O\n", "several columns of tags; with columns: {tokens: 0, ner_tags: 1}"),
        ("doc Rio B-LOC\ndoc ruft O\ndoc laut O\n", "no words in column 0, only numbers or always the same; with"),
        ("7 Rio B-LOC\n7 ruft O\n\n8 Ja O\n", "the first words are 'Rio' 'B-LOC', 'ruft' 'O', 'Ja' 'O'"),
        ("Rio NN\nruft VB\nlaut RB\n", "no column of tags; with columns: {tokens: 0, ner_tags: 1} the first words"),
        ("1\tRio\n2\truft\n", "no column of tags"),
        ("0\tRio\tB-LOC\n1\truft\tO\n3\tlaut\tO\n", "no words in column 0"),
    ],
)
def test_doubt_is_an_error_that_shows_the_first_rows_and_the_option(write, text, found):
    with pytest.raises(DataError) as caught:
        read_ner(write(text))
    assert found in str(caught.value) and "as in columns: {tokens: " in caught.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "Valka/B-PER ging nach Rom/B-LOC.\nEr kam heim und blieb.\n",
        "Valka ging nach Rom .\nB-PER O O B-LOC O\nEr kam .\nO O O\n",
        "Valka [B-PER] ging heim .\nEr [O] kam .\n",
    ],
)
def test_text_with_tags_among_its_words_is_refused(write, text):
    with pytest.raises(DataError, match="looks like a tag among words"):
        read_text(write(text))


def test_text_with_a_few_words_that_look_like_tags_is_text(write):
    text = (
        "He takes L-DOPA and nothing else at all since he went home from there with all of his things .\n" * 5
        + "Vitamin B and/or C, see [1](./x) and more .\n"
    )
    assert read_text(write(text))["tokens"][0][2] == "L-DOPA"


@pytest.mark.parametrize("line", ["He takes L-DOPA now", "He takes L-DOPA", "Nimm L-DOPA"])
def test_a_word_that_looks_like_a_tag_in_the_same_place_of_every_line_is_a_word_of_raw_text(line, tmp_path):
    for name in ("raw.txt", "raw.text"):
        (tmp_path / name).write_text(f"{line}\n" * 4, encoding="utf-8")
    assert read_text(tmp_path / "raw.txt")["tokens"][:] == [line.split()] * 4
    with pytest.raises(DataError, match="'L-DOPA' in column .* may be a word or a tag.* say format: lines"):
        read_text(tmp_path / "raw.text")
    assert read_text(tmp_path / "raw.text", format="lines")["tokens"][:] == [line.split()] * 4
    assert read_text(tmp_path / "raw.text", format="conll")["tokens"][:] == [line.split()[:1] * 4]


def test_what_is_recognised_is_said_in_one_line(write, caplog):
    with caplog.at_level(logging.INFO, "tof_hf"):
        read_ner(write("1\tde:Rio\tB-LOC\tO\n2\tde:ruft\tO\tO\n"))
    said = "column 1 is an index, words in 2 without their prefix 'de:', tags in 3 (columns: {tokens: 1, ner_tags: 2})"
    assert said in caplog.text


def test_a_hash_with_a_tag_is_a_word_and_docstart_is_known_in_the_column_of_words(write):
    rows = read_ner(write("# B-ORG _ _\nx O _ _\n\n# id _ _\n#\ny O _ _\n"), columns={"tokens": 0, "ner_tags": 1})
    assert understood(rows) == [["#/B-ORG", "x"], ["y"]]
    rows = read_ner(write("O -DOCSTART-\n\nB-X a\n"), columns={"tokens": 1, "ner_tags": 0})
    assert understood(rows) == [["a/B-X"]]


def test_the_first_lines_decide_and_a_later_one_that_breaks_the_rule_is_an_error(write):
    with pytest.raises(DataError, match=":3: .*3 columns"):
        read_ner(write("a B-X\nb O\nc O O\n"))


def test_spans_that_cut_words_are_widened_and_those_that_cross_are_left_out_and_both_are_counted(write, caplog):
    spans = [[0, 5, "PER"], [3, 11, "ORG"], [15, 18, "LOC"], [12, 13, "X"]]
    rows = read_ner(write({"text": "Valkas Haus in Rom .", "label": spans}, "rows.jsonl"))
    assert understood(rows) == [["Valkas/B-ORG", "Haus/I-ORG", "in/B-X", "Rom/B-LOC", "."]]
    assert "2 spans cut words and were widened to them, such as 'kas Haus' in 'Valkas Haus'" in caplog.text
    assert "1 spans cross a longer one, which no tags can say, and were left out, such as 'Valka'" in caplog.text


def test_offsets_that_count_other_units_are_moved_and_corrections_by_hand_are_not(write, caplog):
    row = {
        "text": "😀 Valka Zorn",
        "entities": [named(6, 11, "PER") | {"text": "Valka"}],
    }  # as UTF-8 counts, with one more
    assert understood(read_ner(write(row, "a.jsonl"))) == [["😀", "Valka/B-PER", "Zorn"]]
    assert "1 spans were moved" in caplog.text
    row["entities"] = [named(2, 12, "PER") | {"text": "Valka"}]
    assert understood(read_ner(write(row, "b.jsonl"))) == [["😀", "Valka/B-PER", "Zorn/I-PER"]]


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"text": "a", "label": [[0, 9, "X"]]}, "the span 0 to 9 in 1 characters"),
        ({"text": "a", "label": [[0, 1, 7]]}, "the entity type 7"),
        ({"text": "a b", "label": [[0]]}, "the span [0]"),
        ({"tokenized_text": ["a", "b"], "ner": [[0, 1, "X"]]}, "the span [0, 1, 'X']"),
        ({"text": "a"}, "no column 'ner_tags' (columns: text)"),
        ({"text": "a b", "entities": [named(0, 1, "X") | {"text": "c"}]}, "'a' where a span says 'c'"),
    ],
)
def test_spans_that_cannot_be_used_are_errors_with_their_row(write, row, found):
    with pytest.raises(DataError) as caught:
        read_ner(write(row, "rows.json"))
    assert found in str(caught.value)


def test_rows_that_prodigy_did_not_accept_are_left_out(write, caplog):
    rows = [*span_rows("spans", named), {"text": "Nein", "spans": [], "answer": "reject"}]
    assert understood(read_ner(write(lines(rows), "rows.jsonl"))) == TOLD
    assert "1 rows were left out because their answer is not 'accept', such as 'Nein'" in caplog.text
