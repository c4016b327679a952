"""The files around the package agree with it: citation, workflow, hooks, issue forms, the guide for contributors."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import tof_hf
from tof_hf.config.yaml import parse_yaml, read_yaml

ROOT = Path(__file__).parents[1]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def yaml_of(name):
    return parse_yaml(text_of(name), name=name)


@pytest.fixture
def setup():
    parser = configparser.ConfigParser()
    parser.read_string(text_of("setup.cfg"))
    return parser


@pytest.fixture
def jobs():
    return yaml_of(".github/workflows/tests.yml")["jobs"]


def installed_torch(job):
    """The torch that a job of the workflow installs, in a call of its own before all else."""
    installs = re.findall(r"^uv pip install .+$", "\n".join(step.get("run", "") for step in job["steps"]), re.MULTILINE)
    return installs[0].removeprefix("uv pip install torch==")


# Citation


def test_the_citation_names_the_version_and_licence_of_the_package(setup):
    citation = yaml_of("CITATION.cff")
    assert citation["version"] == tof_hf.__version__
    assert citation["license"] == setup["metadata"]["license"]


@pytest.mark.parametrize("name", ["docs/method.md", "tof_hf/hub/pages/model_card.md.jinja"])
def test_the_citation_and_the_bibtex_of_a_page_name_the_same_paper(name):
    paper, page = yaml_of("CITATION.cff")["preferred-citation"], text_of(name)
    people = " and ".join(f"{one['family-names']}, {one['given-names']}" for one in paper["authors"])
    pages, year = f"{paper['start']}--{paper['end']}", str(paper["year"])
    fields = [paper["title"], people, paper["collection-title"], pages, year, paper["doi"]]
    assert [field for field in fields if f"{{{field}}}" not in page] == []


# Installation


def test_every_package_that_the_code_imports_is_declared(setup):
    requirements = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    declared = {plain(name) for name in re.findall(r"^([\w.-]+)>=", "\n".join(requirements), re.MULTILINE)}
    declared.add("pydantic-core")  # every pydantic names its exact version
    nodes = [node for file in (ROOT / "tof_hf").rglob("*.py") for node in ast.walk(ast.parse(file.read_bytes()))]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    packages = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - {"tof_hf"}
    of = packages_distributions()
    assert [name for name in packages if not declared & {plain(one) for one in of.get(name, [name])}] == []


def plain(name):
    """The name of a package as installers compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


# Workflow


def test_the_workflow_tests_the_python_versions_that_the_package_names(setup, jobs):
    classifiers = setup["metadata"]["classifiers"]
    named = re.findall(r"Python :: (3\.\d+)$", classifiers, re.MULTILINE)
    assert jobs["tests"]["strategy"]["matrix"]["python"] == named
    assert setup["options"]["python_requires"] == f">={named[0]}"


def test_the_lowest_versions_are_tested_on_the_lowest_python(setup, jobs):
    versions = [
        step["with"]["python-version"] for step in jobs["lowest"]["steps"] if "python-version" in step.get("with", {})
    ]
    assert [f">={version}" for version in versions] == [setup["options"]["python_requires"]]
    assert any("--resolution lowest-direct" in step.get("run", "") for step in jobs["lowest"]["steps"])


def test_the_workflow_installs_the_torch_of_the_makefile_and_the_lowest_one(setup, jobs):
    makefile = re.search(r"^TORCH \?= torch==(\S+)$", text_of("Makefile"), re.MULTILINE)[1]
    lowest = re.search(r"^torch>=(\S+)$", setup["options"]["install_requires"], re.MULTILINE)[1]
    assert installed_torch(jobs["tests"]) == makefile
    assert installed_torch(jobs["lowest"]).startswith(lowest)


def test_the_workflow_calls_targets_of_the_makefile(jobs):
    targets = re.findall(r"^(\w+):", text_of("Makefile"), re.MULTILINE)
    runs = "\n".join(step.get("run", "") for job in jobs.values() for step in job["steps"])
    called = re.findall(r"^make (\w+)$", runs, re.MULTILINE)
    assert "test" in called and set(called) <= set(targets)


# Hooks and issue forms


def test_hooks_need_no_download():
    assert {repo["repo"] for repo in yaml_of(".pre-commit-config.yaml")["repos"]} == {"local"}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_an_issue_form_asks_each_thing_once_and_explains_itself(form):
    content = read_yaml(form)
    asked = [part for part in content["body"] if part["type"] != "markdown"]
    names = [part["id"] for part in asked]
    assert content["name"] and content["description"] and asked
    assert len(names) == len(set(names)) and all(part["attributes"]["label"] for part in asked)


def test_a_bug_report_needs_version_and_operating_system():
    body = yaml_of(".github/ISSUE_TEMPLATE/bug.yml")["body"]
    needed = {part.get("id") for part in body if part.get("validations", {}).get("required")}
    assert {"version", "os"} <= needed


# The guide for contributors


def test_the_guide_for_contributors_names_files_and_folders_that_exist():
    spans = set(re.findall(r"`([\w./-]+)`", text_of("CONTRIBUTING.md")))
    paths = [span for span in spans if re.search(r"/$|\.(py|md|cfg|txt)$|^tof_hf/|^tests/|^examples/", span)]
    places = (ROOT, ROOT / "tof_hf", ROOT / "tof_hf" / "data")
    assert len(paths) > 20
    assert [path for path in paths if not any((place / path).exists() for place in places)] == []


def test_the_guide_for_contributors_lists_every_folder_of_the_package():
    rows = "".join(line.split("|")[1] for line in text_of("CONTRIBUTING.md").splitlines() if line.startswith("| `"))
    folders = {path.parent.name for path in (ROOT / "tof_hf").glob("*/__init__.py")}
    assert set(re.findall(r"`(\w+)/`", rows)) == folders
