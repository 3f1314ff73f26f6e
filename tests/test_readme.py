"""What the README prints is what there is."""

from __future__ import annotations

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from nasbench import catalog
from nasbench.cli import main
from nasbench.config import SearchConfig
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.records import read_records

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "my_space.py"
SPACE = f"{EXAMPLE}:MySpace"
SMALL = ["--limit-train", "200", "--epochs", "1", "--batch-size", "20", "--device", "cpu"]


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def _commands() -> list[str]:
    """Return every nasbench command in shell blocks and in the text, its arguments alone."""
    lines = [line for block in _blocks("sh") for line in block.splitlines()]
    lines += re.findall(r"`((?:nasbench|python -m nasbench) [^`]+)`", README)
    found = (re.search(r"(?:^|&& |-m )nasbench (.+)", line) for line in lines)
    return sorted({match[1] for match in found if match})


COMMANDS = _commands()


def test_the_set_up_commands_stand_as_printed():
    assert "pip install -e . && nasbench search darts\n" in _blocks("sh")
    assert 'pip install -e ".[dev]" && pytest\n' in _blocks("sh")


def test_commands_are_found():
    assert {command.split()[0] for command in COMMANDS} >= {
        "search",
        "retrain",
        "leaderboard",
        "show",
        "list",
        "doctor",
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_command_parses(command, capsys):
    assert main([*shlex.split(command), "--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: nasbench")


def test_an_option_that_is_not_there_would_be_noticed(capsys):
    assert main(["search", "darts", "--no-such-option", "1", "--help"]) == 2
    assert "--no-such-option" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_names_in_commands_exist(command):
    words = shlex.split(command)
    named = dict(pairwise(words))
    if words[0] == "search" and not words[1].startswith("-"):
        catalog.check("strategy", words[1])
    for kind in ("task", "space"):
        if f"--{kind}" in named:
            catalog.check(kind, named[f"--{kind}"])


def test_listing_runs_and_tells_every_task_of_the_readme(capsys):
    assert main(["list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(re.findall(r"^\| `([\w-]+)` \|", README, flags=re.MULTILINE)) == set(told["tasks"])


def test_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert targets
    assert not [target for target in targets if not (ROOT / target).exists()]


def test_configuration_example_is_taken():
    (text,) = _blocks("yaml")
    content = yaml.safe_load(text)
    options = content.pop("options")
    assert set(options) == {"order"}
    assert SearchConfig.from_layers(content).task == content["task"]


def test_space_example_is_the_file():
    assert EXAMPLE.read_text(encoding="utf-8") in _blocks("python")


def test_library_example_runs(capsys):
    (text,) = [block for block in _blocks("python") if "class MySpace" not in block]
    exec(compile(text, "README.md", "exec"), {})
    assert "Genotype(" in capsys.readouterr().out


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
