"""What the pages say is true: their Python runs, run files load, commands, links and names exist."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf.cli.program import _parse, main
from tof_hf.config import load_config
from tof_hf.config.presets import settings
from tof_hf.config.stages import STAGES
from tof_hf.config.yaml import dump_yaml, parse_yaml

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / f"{page}.md" for page in ("README", "CONTRIBUTING", "SECURITY")),
    *sorted((ROOT / "docs").glob("*.md")),
]
OTHER_PAGES = [ROOT / "CHANGELOG.md", ROOT / "RELEASING.md"]  # they name what is no longer there, or not installed
SMALLEST = {
    "model": "some/encoder",
    "output_dir": "runs/x",
    "source": {"train": "train.txt", "validation": "valid.txt"},
    "target": {"text": ["target.txt"]},
}
WALK = "ten_minutes.md"  # test_ten_minutes.py goes through it, commands and all
# One example from page to page: the Python of each goes on where the one before ends.
SERIES = ["running.md", "check.md", "run_folder.md", "resuming.md", "errors.md"]
LAUNCHERS = {"python", "torchrun", "accelerate"}
HARMLESS = {"pip", "export", "cd", "git", "cat", "ls"}


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the line it starts on, its language and its text."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{name(self.page)}:{self.line}"


def name(page):
    return str(page.relative_to(ROOT))


def blocks(page, language):
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, match.start()) + 2, match[1], match[2])
        for match in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        if match[1] == language
    ]


def all_blocks(language):
    return [block for page in PAGES for block in blocks(page, language)]


def prose(page):
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def code_spans(page):
    return set(re.findall(r"`([^`\n]+)`", prose(page)))


def commands(block):
    """The commands of a bash block as lists of words, without comments, variables set in front and `> FILE`."""
    lines = block.text.replace("\\\n", " ").splitlines()
    found = [shlex.split(line, comments=True) for line in lines]
    while any(words and "=" in words[0] for words in found):
        found = [words[1:] if words and "=" in words[0] else words for words in found]
    return [words[: words.index(">")] if ">" in words else words for words in found if words]


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in (WALK, *SERIES[1:]) and blocks(page, "python")], ids=name
)
def test_the_python_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if page.name == "README.md":
        write_run_of_the_readme(page)
    namespace = {"__name__": "__main__"}
    for part in [page.with_name(other) for other in SERIES] if page.name == SERIES[0] else [page]:
        for block in blocks(part, "python"):
            exec(compile("\n" * (block.line - 1) + block.text, str(part), "exec"), namespace)


def write_run_of_the_readme(page):
    """The page's run file over files of the generated world, in the current folder."""
    world = make_world(size="tiny")
    files = write_world(world, "data")
    train_encoder(world, "encoder", steps=0, layers=1, hidden=32)
    values = parse_yaml(blocks(page, "yaml")[0].text, name=name(page))
    values |= {"model": "encoder", "systems": ["source_only"]}
    values["source"] = {"train": str(files["source_train"]), "validation": str(files["source_validation"])}
    values["target"] |= {"text": str(files["target_text"]), "gold": str(files["target_gold"])}
    del values["translation"]
    Path("es.yaml").write_text(dump_yaml(values), encoding="utf-8")


@pytest.mark.parametrize("block", all_blocks("yaml"), ids=str)
def test_a_run_file_or_a_part_of_one_loads(block, monkeypatch):
    for variable in re.findall(r"\$(\w+)", block.text):
        monkeypatch.setenv(variable, "somewhere")
    values = parse_yaml(block.text, name=str(block))
    config = load_config(values if "model" in values else SMALLEST | values)
    assert load_config(config.to_dict()) == config


@pytest.mark.parametrize("block", all_blocks("bash"), ids=str)
def test_commands_name_what_exists(block, capsys):
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for words in commands(block):
        program = words[0]
        if program == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets  # T=tests/data sets a variable
        elif program == "tof-hf":
            check_tof_hf(words[1:], capsys)
        elif program in LAUNCHERS:
            scripts = [word for word in words if word.endswith(".py")]
            assert scripts, words
            assert (ROOT / scripts[0]).is_file()
            check_overrides(words[words.index(scripts[0]) + 2 :])
        else:
            assert program in HARMLESS, words


def check_tof_hf(words, capsys):
    if not words[0].startswith("-"):
        options = _parse(words)  # ends the program if the command or an option is not there
        return check_overrides(getattr(options, "overrides", []))
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    capsys.readouterr()


def check_overrides(words):
    load_config(SMALLEST, words)


@pytest.mark.parametrize("page", [*PAGES, *OTHER_PAGES], ids=name)
def test_links_lead_to_files_and_headings(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{name(page)} links to {target}, which is not there"
        if heading:
            assert heading in headings(file), f"{name(page)} links to {target}: no such heading"


def headings(page):
    """The anchors of the page's headings, as GitHub makes them."""
    lines = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_dotted_names_of_the_package_can_be_imported(page):
    spans = " ".join(code_spans(page))
    missing = [dotted for dotted in re.findall(r"\btof_hf(?:\.\w+)+", spans) if not found(dotted)]
    assert missing == []


def found(dotted):
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        try:
            for part in parts[cut:]:
                # A field without a default is no attribute of the class.
                fields = vars(thing).get("__dataclass_fields__") or getattr(thing, "model_fields", {})
                thing = fields[part] if part in fields else getattr(thing, part)
        except AttributeError:
            return False
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_options_of_stages_exist(page):
    plain = load_config(SMALLEST).to_dict()
    for span in code_spans(page):
        match = re.fullmatch(r"(\w+)\.(\w+)(?:[:=] ?(\S+))?", span)
        if match is None or match[1] not in (*STAGES, "source", "target", "labelling"):
            continue
        section, option, value = match.groups()
        if value is not None:
            load_config(SMALLEST, [f"{section}.{option}={value}"])
        elif option not in plain[section]:
            load_config(SMALLEST, [f"{section}.{option}=1"])  # a field of TrainingArguments


def test_the_paper_map_has_every_difference_between_the_presets():
    text = (ROOT / "docs" / "paper_map.md").read_text(encoding="utf-8")
    cells = [re.split(r" *\| *", row)[1:-1] for row in text.splitlines() if row.startswith("|")]
    rows = {row[0]: row[1:3] for row in cells}
    paper = load_config(SMALLEST).to_dict()
    for setting in settings("official_code"):
        stage, option = setting.key.split(".")
        if paper[stage][option] == setting.value:
            continue  # it is in the preset to stop an inheritance
        values = [f"`{shown(value)}`" for value in (paper[stage][option], setting.value)]
        assert rows.get(f"`{setting.key}`") == values, setting.key


def shown(value):
    """The value as it is written in a run file."""
    return value if isinstance(value, str) else json.dumps(value)


def test_the_list_of_pages_is_complete():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = [page.name for page in PAGES if page.parent.name == "docs" and page.name != "index.md"]
    missing = [page for page in pages if f"]({page})" not in index]
    assert missing == []


def test_the_site_has_every_page_once():
    navigation = str(parse_yaml((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), name="mkdocs.yml")["nav"])
    assert sorted(re.findall(r"\w+\.md", navigation)) == [page.name for page in PAGES if page.parent.name == "docs"]


def test_the_page_of_commands_is_generated_again_when_they_change():
    place = ROOT / "docs" / "generate_commands.py"
    spec = importlib.util.spec_from_file_location("generate_commands", place)
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    assert generator.PAGE.read_text(encoding="utf-8") == generator.page()
