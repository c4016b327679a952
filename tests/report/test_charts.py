from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from tof_hf.report.charts import MOST_POINTS, Series, bar_chart, line_chart, matrix, ticks
from tof_hf.report.svg import COLOURS, SERIES, shorten, text_width

NAMESPACE = "{http://www.w3.org/2000/svg}"
EVIL = '<script>alert("x")</script> & co'


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "panel"])
@pytest.mark.parametrize("name", ["ink", "soft", *SERIES, "good", "bad"])
def test_colours_stand_out_from_the_ground_in_both_themes(name, ground, theme):
    assert contrast(COLOURS[name][theme], COLOURS[ground][theme]) >= 4.5


def lines(**options):
    series = [Series("tof", [(0, 0.25), (1, 0.5)]), Series("baseline", [(0, 0.4)])]
    return line_chart("f1", "F1", series, labels=["ner", "ner 1"], y_title="F1 in %", **options)


def all_charts():
    return [
        lines(),
        line_chart("loss", "Loss", [Series("training", [(10, 2.0)])], x_title="steps", shown=str),
        bar_chart("types", "Types", [("PER", [0.5, None]), ("LOC", [0.0, 1.0])], series=["a", "b"], highest=1.0),
        matrix("confusion", "Confusion", ["LOC"], [[3, 1], [2, 0]]),
    ]


@pytest.mark.parametrize("chart", all_charts(), ids=lambda chart: chart.name)
def test_a_chart_has_a_title_and_tells_its_numbers_in_words(chart):
    root = ET.fromstring(chart.svg)
    assert root.get("role") == "img"
    assert root.find(f"{NAMESPACE}title").text == chart.title
    assert re.search(r"\d", root.find(f"{NAMESPACE}desc").text)
    ids = {element.get("id") for element in root.iter() if element.get("id")}
    assert set(root.get("aria-labelledby").split()) == ids


@pytest.mark.parametrize("chart", all_charts(), ids=lambda chart: chart.name)
def test_every_shape_is_inside_its_drawing(chart):
    root = ET.fromstring(chart.svg)
    for element in root.iter():
        for name, limit in (("x", chart.width), ("x2", chart.width), ("y", chart.height), ("y2", chart.height)):
            assert 0 <= float(element.get(name, 0)) <= limit, ET.tostring(element)


def test_a_chart_takes_the_colours_of_its_page_and_brings_its_own_when_alone():
    assert "var(--one)" in lines().svg
    alone = lines().standalone
    assert "var(" not in alone
    assert COLOURS["one"][0] in alone
    ET.fromstring(alone)


def test_a_title_that_looks_like_a_colour_stays_as_it_is():
    assert "var(--x)" in line_chart("x", "var(--x)", [Series("a", [(0, 1)])], labels=["a"]).standalone


def test_names_of_the_data_are_only_text():
    chart = line_chart("x", EVIL, [Series(EVIL, [(0, 1)]), Series("\x00\x1b", [(0, 2)])], labels=[EVIL])
    for text in (chart.svg, chart.standalone):
        root = ET.fromstring(text)
        assert all(element.tag != f"{NAMESPACE}script" for element in root.iter())
        assert EVIL in "".join(root.itertext())


def test_a_long_line_is_thinned_out_and_keeps_its_ends():
    points = [(step, 1.0 / (1 + step)) for step in range(100_000)]
    chart = line_chart("loss", "Loss", [Series("training", points)], shown=str)
    drawn = ET.fromstring(chart.svg).find(f"{NAMESPACE}polyline").get("points").split()
    assert len(drawn) == MOST_POINTS
    assert len(chart.svg) < 10_000


def test_counts_have_no_halves_on_their_axis():
    chart = line_chart("x", "X", [Series("PER", [(0, 1), (1, 2)])], labels="ab", shown=lambda n: f"{n:,.0f}", zero=True)
    soft = [element.text for element in ET.fromstring(chart.svg).iter(f"{NAMESPACE}text")]
    assert [text for text in soft if text and text.isdigit()] == ["0", "1", "2", "3"]


def test_a_system_of_one_tagger_is_a_line_across():
    assert lines().svg.count('stroke-dasharray="2 4"') == 1


@pytest.mark.parametrize("values", [[0.0, 0.0], [1.0, 1.0], [-3.0, 2.0], [5e6, 7e6], [1e-9, 2e-9]])
def test_lines_of_any_size_can_be_drawn(values):
    chart = line_chart("x", "X", [Series("x", list(enumerate(values)))], shown=lambda value: f"{value:.3g}")
    assert "nan" not in chart.svg
    ET.fromstring(chart.svg)


def test_bars_without_any_value_above_zero_can_be_drawn():
    ET.fromstring(bar_chart("x", "X", [("PER", [0.0]), ("a name as long as no other name in this run", [0.0])]).svg)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.24, 0.31), (0, 1234), (-5, 5), (3, 3)])
def test_ticks_are_few_and_go_around_the_values(low, high):
    found = ticks(low, high)
    assert found[0] <= low + 1e-9
    assert found[-1] >= high - 1e-9
    assert 2 <= len(found) <= 7


def test_a_name_that_is_too_long_is_cut_in_its_middle():
    assert shorten("adaptabert", 500, 11) == "adaptabert"
    cut = shorten("a_name_that_ends_in_another_number_17", 80, 11)
    assert cut.startswith("a_na")
    assert cut.endswith("r_17")
    assert text_width(cut, 11) <= 80
    assert text_width("東京", 10) > text_width("to", 10)


def test_a_text_that_had_to_be_shortened_is_shown_in_full_on_hovering():
    name = "a_name_that_ends_in_another_number_17"
    assert f"<title>{name}</title>" in bar_chart("x", "X", [(name, [0.5])]).svg
    assert "<title>short</title>" not in bar_chart("x", "X", [("short", [0.5])]).svg


def test_more_series_than_colours_differ_in_their_dashes():
    chart = line_chart("x", "X", [Series(str(number), [(0, number)]) for number in range(8)])
    assert 'stroke-dasharray="6 3"' in chart.svg
