"""What the README prints is what there is."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from nasbench import catalog
from nasbench.cli import main
from nasbench.config import SearchConfig
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.records import read_records
from nasbench.tasks import sources
from tests import pages

ROOT = Path(__file__).resolve().parent.parent
README = pages.text("README.md")
CHINESE = pages.text("README.zh-CN.md")
EXAMPLE = ROOT / "examples" / "my_space.py"
SPACE = f"{EXAMPLE}:MySpace"
SMALL = ["--limit-train", "200", "--epochs", "1", "--batch-size", "20", "--device", "cpu"]

COMMANDS = sorted({" ".join(words): words for words in pages.commands(README)}.values())


def test_the_set_up_commands_stand_as_printed():
    assert "pip install -e . && nasbench search darts\n" in pages.blocks(README, "sh")
    assert 'pip install -e ".[dev]" && pytest\n' in pages.blocks(README, "sh")


def test_commands_are_found():
    assert {words[0] for words in COMMANDS} >= {
        "search",
        "retrain",
        "leaderboard",
        "show",
        "list",
        "doctor",
    }


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_command_parses(words, capsys):
    assert main([*words, "--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: nasbench")


def test_an_option_that_is_not_there_would_be_noticed(capsys):
    assert main(["search", "darts", "--no-such-option", "1", "--help"]) == 2
    assert "--no-such-option" in capsys.readouterr().err


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_names_in_commands_exist(words):
    named = dict(pairwise(words))
    if words[0] == "search" and not words[1].startswith("-"):
        catalog.check("strategy", words[1])
    if "--space" in named:
        catalog.check("space", named["--space"])
    assert "--task" not in named or sources.kind(named["--task"]) in ("table", "folder")


def test_listing_runs_and_tells_every_task_of_the_page_of_tasks(capsys):
    assert main(["list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    page = pages.text("docs/tasks.md")
    assert set(re.findall(r"^\| `([\w-]+)` \|", page, flags=re.MULTILINE)) == set(told["tasks"])


def test_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert targets
    assert not [target for target in targets if not (ROOT / target).exists()]


def test_configuration_example_is_taken():
    (text,) = pages.blocks(pages.text("docs/running.md"), "yaml")
    content = yaml.safe_load(text)
    options = content.pop("options")
    assert set(options) == {"order"}
    assert SearchConfig.from_layers(content).task == content["task"]


def test_space_example_is_the_file():
    assert EXAMPLE.read_text(encoding="utf-8") in pages.blocks(README, "python")


def test_library_example_runs(capsys):
    *_, text = pages.blocks(pages.text("docs/spaces.md"), "python")
    exec(compile(text, "spaces.md", "exec"), {})
    assert "Genotype(" in capsys.readouterr().out


def test_every_page_is_in_the_list():
    listed = set(re.findall(r"^\| \[(docs/[\w-]+\.md)\]\(\1\)", README, flags=re.MULTILINE))
    assert listed == {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}


def test_the_chinese_readme_has_the_same_code():
    assert pages.blocks(CHINESE) == pages.blocks(README)


def test_the_chinese_readme_has_the_same_commands_in_its_text():
    inline = [
        sorted(re.findall(r"`([a-z-]*nasbench [^`]+|--?[a-z][^`]*)`", page))
        for page in (README, CHINESE)
    ]
    assert inline[0] == inline[1]


def test_the_chinese_readme_has_the_same_links_in_the_same_order():
    def links(page):
        return [
            link
            for link in re.findall(r"\]\(([^)]+)\)", page)
            if link not in ("README.md", "README.zh-CN.md")
        ]

    assert links(CHINESE) == links(README)
    assert "](README.zh-CN.md)" in README
    assert "](README.md)" in CHINESE


def test_the_chinese_readme_has_the_same_headings():
    levels = [re.findall(r"^#+", page, flags=re.MULTILINE) for page in (README, CHINESE)]
    assert levels[0] == levels[1]


def test_the_chinese_tables_have_the_same_numbers():
    def numbers(page):
        return [
            [re.findall(r"[-+\u2212]?\d[\d.,]*|`[^`]+`|\([^)]+\)", line) for line in lines]
            for lines in pages.tables(page)
        ]

    assert numbers(CHINESE) == numbers(README)
    assert sum(map(len, numbers(README))) > 20


@pytest.mark.parametrize("strategy", [["darts"], ["random", "--budget", "2"]], ids=lambda s: s[0])
def test_the_example_space_is_searched_and_retrained(strategy, tmp_path, capsys):
    out = ["--out", str(tmp_path)]
    assert main(["search", *strategy, "--space", SPACE, *SMALL, *out]) == 0
    (found,) = tmp_path.glob("runs/*-search-*/checkpoint.json")
    assert str(found) in capsys.readouterr().out
    assert set(Checkpoint.read(found).arch) == {"first", "second", "shortcut"}

    assert main(["retrain", str(found), *SMALL, *out]) == 0
    (record,), problems = read_records(tmp_path)
    assert not problems
    assert (record.method, record.test_openings) == (strategy[0], 1)
    assert main(["leaderboard", "--format", "md", *out]) == 0
    assert strategy[0] in capsys.readouterr().out
