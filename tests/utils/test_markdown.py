"""Texts of the data are shown as they are in Markdown, and never become markup."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from tof_hf.utils.markdown import as_table, code, escape
from tof_hf.utils.templates import templates
from tof_hf.utils.text import printable

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](http://evil.example)",
    "![x](http://evil.example/x.png)",
    "<http://evil.example>",
    "http://evil.example and www.evil.example or me@evil.example",
    "[x]: http://evil.example",
    "x\n\n# Heading\n\n- item\n\n| a | b |\n|---|---|",
    "```\ncode",
    "`code` **bold** __bold__ _em_ ~~gone~~ $x$",
    "# Heading",
    "- item",
    "+ item",
    "1. item",
    "---",
    "===",
    "> quote",
    "&lt;b&gt; &#60;",
    "\\[x](y)",
    "a | b",
]
OBEYED = "red \x1b[31m, back \x08, line \r, right to left \u202e\u2066, \x9b1m, \x00, \ud800"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_one_paragraph_of_text_that_says_the_same(text):
    [start, inline, end] = MarkdownIt("gfm-like", {"linkify": False}).enable("table").parse(escape(text))
    assert start.type == "paragraph_open"
    assert {part.type for part in inline.children} <= {"text", "text_special"}
    assert "".join(part.content for part in inline.children) == " ".join(text.split())


@pytest.mark.parametrize("text", [text for text in HOSTILE if "`" not in text])
def test_code_is_one_span_that_says_the_same(text):
    [_, inline, _] = MarkdownIt("gfm-like", {"linkify": False}).parse(code(text).replace("\\|", "|"))
    assert [(part.type, part.content) for part in inline.children] == [("code_inline", " ".join(text.split()))]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_keeps_its_cells(text):
    page = MarkdownIt("gfm-like", {"linkify": False})
    kinds = [token.type for token in page.parse(as_table([["a", "b"], [text, "c"]]))]
    assert kinds.count("table_open") == 1 and kinds.count("td_open") == 2 and kinds.count("tr_open") == 2


def test_plain_names_stay_as_they_are():
    for text in ("target_text.txt", "source.mrc_validation", "mlm-mrc-ner", "B-PER (80.1 %), 3 < 4 & 5", "R&D: 7-8"):
        assert escape(text) == printable(text) == text


def test_characters_that_a_terminal_obeys_are_replaced():
    shown = printable(OBEYED)
    assert shown.isprintable() and shown.count("\ufffd") == 8
    assert escape(OBEYED) == shown.replace("[", "\\[")
    assert printable("Tab\tund Zeile\n, Ärger, 日本, עברית\u200f") == "Tab\tund Zeile\n, Ärger, 日本, עברית\u200f"


@pytest.mark.parametrize(
    "form, expected", [("markdown", "2 0.5 \\*a\\* `b`"), ("html", "2 0.5 *a* b"), ("text", "2 0.5 *a* b")]
)
def test_a_template_escapes_what_it_is_given_without_being_asked(form, expected):
    source = "{{ 2 }} {{ 0.5 }} {{ text }} " + ("{{ 'b' | code }}" if form == "markdown" else "b")
    assert templates("tof_hf.hub", form).from_string(source).render(text="*a*") == expected
