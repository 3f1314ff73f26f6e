from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields

import pytest

from nasbench import arguments, catalog
from nasbench.cli.app import main


def page(capsys, monkeypatch, *words):
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*words, "--help"]) == 0
    text = capsys.readouterr().out
    assert all(len(line) <= 80 for line in text.splitlines())
    return " ".join(text.split())


def test_a_strategy_lists_its_own_options(capsys, monkeypatch):
    text = page(capsys, monkeypatch, "search", "sdarts")
    assert "Options of the strategy sdarts (-o NAME=VALUE):" in text
    assert "arch_lr=FLOAT Learning rate of Adam on the architecture parameters." in text
    assert "[default: 0.003 (--preset quick); above 0]" in text
    assert "epsilon_min=FLOAT" in text
    assert "[default: 0.03; in [0, epsilon]]" in text
    assert "at least 1; only with perturbation=adversarial]" in text
    assert "robust=true|false" in text
    text = page(capsys, monkeypatch, "search", "darts", "--preset", "paper")
    assert "[default: 0.0003; above 0]" in text


def test_a_strategy_without_options(capsys, monkeypatch):
    text = page(capsys, monkeypatch, "search", "random")
    assert "Options of the strategy random (-o NAME=VALUE): none" in text


def test_a_space_lists_its_arguments(capsys, monkeypatch):
    text = page(capsys, monkeypatch, "search", "random", "--space", "nas-bench-201")
    assert "Options of the space nas-bench-201 (-o NAME=VALUE): channels=INT" in text
    assert "[default: 1 (--preset quick)]" in text
    text = page(capsys, monkeypatch, "proxies", "--space", "darts-cells")
    assert "genotype=TEXT" in text
    assert "required]" in text


def test_a_tuner_an_assessor_and_a_baseline(capsys, monkeypatch):
    words = ["hpo", "small-cnn", "--tuner", "cma-es", "--assessor", "medianstop"]
    text = page(capsys, monkeypatch, *words)
    assert "Options of the tuner cma-es (-o NAME=VALUE): popsize=INT" in text
    assert "Options of the assessor medianstop (-o NAME=VALUE): start_step=INT" in text
    assert "Options of the space small-cnn (-o NAME=VALUE): width=INT" in text
    assert "layers=INT Number of layers; 10, 12, 15 or 18." in page(
        capsys, monkeypatch, "retrain", "mnist-vgg"
    )


def test_a_checkpoint_is_no_plugin(capsys, monkeypatch):
    assert "Options of the" not in page(capsys, monkeypatch, "retrain", "gone/checkpoint.json")


def test_an_unknown_strategy(capsys):
    assert main(["search", "dart", "--help"]) == 2
    assert "unknown strategy 'dart': did you mean darts" in capsys.readouterr().err


def test_help_without_a_name_imports_no_torch():
    code = (
        "import sys; from nasbench.cli.app import main\n"
        "for words in ([], ['search'], ['hpo'], ['retrain'], ['proxies']):\n"
        "    assert main([*words, '--help']) == 0\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Options of the" not in done.stdout


@pytest.mark.parametrize("kind", ["strategy", "tuner", "assessor"])
def test_every_option_has_help(kind):
    for name in catalog.TABLES[kind]:
        for entry in fields(catalog.resolve(kind, name).Options):
            assert entry.metadata.get("help", "").endswith("."), f"{kind} {name}: {entry.name}"


@pytest.mark.parametrize("name", [*catalog.SPACES, *catalog.BASELINES])
def test_every_argument_of_a_space_has_help(name):
    space = catalog.resolve("space", name)
    words = arguments.help_of_space(space)
    for argument in arguments.of_space(space):
        assert words.get(argument, "").endswith("."), argument


@pytest.mark.parametrize("command", ["search", "hpo", "retrain"])
def test_options_stand_by_subject_and_the_task_comes_first(command, capsys):
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    titles = re.findall(r"^(\w[\w ]+):$", text, re.M)
    assert titles[:3] == ["Arguments", "Options", "Data and metrics"]
    assert titles.index("Training") > 2
    data = text.split("Data and metrics:\n")[1]
    assert data.lstrip().startswith("--task ")
    assert "--batch-size" in text.split("Training:\n")[1]
