"""The documentation names files that exist, and describes every package."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

import nasbench
from nasbench.cli import main
from tests import pages

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [
    *DOCS,
    *(ROOT / f"{n}.md" for n in ("README", "README.zh-CN", "CONTRIBUTING")),
]
OURS = ("nasbench", "search_spaces", "retrain")
FILES = [
    path.relative_to(ROOT).as_posix()
    for folder in (*OURS, "tests", "benchmarks", "docs", "examples")
    for path in (ROOT / folder).rglob("*.py")
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_of_ours_exists(page):
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w.~-])((?:[a-z_0-9]+/)+[a-z_0-9]+\.py)\b", text))
    missing = [
        name for name in named if not any(f"/{file}".endswith(f"/{name}") for file in FILES)
    ]
    users = {"my/space.py", "path/to/file.py", "network/example.py", "network/network.py"}
    assert sorted(set(missing) - users) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_every_command_parses(page, capsys):
    for words in pages.commands(page.read_text(encoding="utf-8"), inline=False):
        status = main([*words, "--help"])
        assert (words, status) == (words, 0), capsys.readouterr().err


def test_the_architecture_page_describes_every_package():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    packages = {path.parent.name for path in (ROOT / "nasbench").glob("*/__init__.py")}
    modules = {path.name for path in (ROOT / "nasbench").glob("[a-z]*.py")}
    assert [name for name in sorted(packages) if f"`nasbench/{name}`" not in text] == []
    assert [name for name in sorted(modules) if name not in text] == []


def test_the_architecture_page_names_the_rooms_of_the_engine():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.name for path in (ROOT / "nasbench" / "engine").glob("[a-z]*.py")}
    assert [name for name in sorted(rooms) if f"{name}" not in text] == []


def test_the_page_of_python_is_that_of_the_docstrings():
    written = runpy.run_path(str(ROOT / "docs" / "make_python.py"))
    page = pages.text("docs/python.md")
    assert page == written["page"](), "run: python docs/make_python.py"
    public = set(nasbench.__all__) - {"__version__"}
    assert {name for name in public if f"\n### nb.{name}\n" not in page} == set()


def test_the_tutorial_shows_the_study_that_it_runs():
    (shown,) = pages.blocks(pages.text("docs/tutorial.md"), "yaml")
    assert shown == pages.text("examples/pictures.yaml")
