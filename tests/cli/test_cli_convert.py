"""Architectures of others on the command line: converted, drawn, retrained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ONE = "[('sep_conv_3x3', 0), ('skip_connect', 1)]"
CELLS = f"Genotype(normal={ONE}, normal_concat=[2], reduce={ONE}, reduce_concat=range(2, 3))"
CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|none~2|"


@pytest.mark.usefixtures("place")
def test_from_one_format_to_another_and_back(run):
    there = run("convert", "zoo:DARTS_V2", "--to", "nni-2", "--out", "nni.json")
    assert there.out == "written: nni.json\n"
    back = run("convert", "nni.json", "--to", "darts").out
    assert back == run("convert", "zoo:DARTS_V2", "--to", "darts").out
    assert "('dil_conv_3x3', 2)" in back
    assert run("convert", CELL, "--to", "naslib").out == "[2, 1, 4, 0, 3, 1]\n"


@pytest.mark.usefixtures("place")
def test_a_checkpoint_of_ours_from_a_file_of_others(run):
    Path("cells.py").write_text(f"A = 1\nMINE = {CELLS}\nOTHER = {CELLS}\n")
    assert run("convert", "cells.py:MINE", "--to", "nasbench", "--out", "c.json").status == 0
    content = json.loads(Path("c.json").read_text())
    assert content["format"] == "nasbench/1"
    assert content["space"] == {"name": "darts", "arguments": {"nodes": 1}}
    assert run("show", "c.json").out.startswith("Genotype(normal=[('sep_conv_3x3', 0)")
    assert Path("architecture.svg").is_file()


@pytest.mark.usefixtures("place")
def test_cells_of_others_are_trained(run):
    small = ("--task", "digits", "--epochs", "1", "--limit-train", "100", "--batch-size", "50")
    done = run("retrain", CELLS, *small, "--rendition", "nni", "-o", "layers=3", "--json")
    assert done.status == 0, done.err
    (record,) = [json.loads(path.read_text()) for path in Path("results/records").glob("*.json")]
    assert (record["method"], record["space"], record["search_run"]) == ("imported", "darts", "")
    assert record["retrain_config"]["space_arguments"]["rendition"] == "nni"
    five = CELLS.replace("sep_conv_3x3", "sep_conv_7x7")
    assert run("retrain", five, *small, "-o", "layers=3").status == 0


@pytest.mark.usefixtures("place")
def test_a_text_that_is_too_long_for_a_file_name(run):
    long = run("convert", "zoo:DARTS_V2", "--to", "darts").out.strip()
    assert len(long) > 255
    assert run("convert", long, "--to", "darts").out.strip() == long
    found = run("profile", long, "-a", "channels=4", "-a", "layers=3", "--runs", "1", "--json")
    assert found.status == 0, found.err


@pytest.mark.usefixtures("place")
def test_labels_and_values_need_a_space(run):
    Path("labels.json").write_text(json.dumps({"layer0": {"_value": "identity", "_idx": 0}}))
    answer = run("show", "labels.json")
    assert answer.status == 2
    assert answer.err == (
        "error: labels and values of an unknown space (layer0, ...): name it with --space\n"
    )
    answer = run("show", "labels.json", "--space", "nas-bench-macro")
    assert "lacks the label 'layer1'" in answer.err


@pytest.mark.usefixtures("place")
def test_the_zoo(run):
    listed = run("zoo")
    assert "zoo:DARTS_V2: 2.76 +/- 0.09 % error on CIFAR-10, 3.3 M parameters" in listed.out
    assert json.loads(run("zoo", "--json").out)["GDAS_V1"]["spread"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("zoo:DARTS_V3", "--to", "darts"), "unknown published cell 'DARTS_V3': did you mean"),
        ((CELL, "--to", "dart"), "unknown format 'dart': did you mean darts"),
        ((CELL, "--to", "darts"), "darts holds architectures of darts or darts-cells, not of nas"),
        ((CELL, "--to", "naslib", "--out", "taken"), "taken exists already: name another file"),
        (("taken", "--to", "darts"), "taken: of no known format: 'hello'"),
        (("cells.py", "--to", "darts"), "which genotype? The file has A, B; write FILE.py:NAME"),
        (("cells.py:C", "--to", "darts"), "unknown genotype 'C': allowed: A, B"),
        (("gone.py:C", "--to", "darts"), "cannot read the checkpoint gone.py: No such file"),
        (("zoo:DARTS_V2", "--to", "darts", "--task", "digit"), "unknown task 'digit': did you"),
    ],
)
@pytest.mark.usefixtures("place")
def test_mistakes(run, arguments, words):
    Path("taken").write_text("hello")
    Path("cells.py").write_text(f"A = {CELLS}\nB = {CELLS}\n")
    answer = run("convert", *arguments)
    assert answer.status == 2
    assert words in answer.err
    assert len(answer.err.splitlines()) == 1
    assert Path("taken").read_text() == "hello"


@pytest.mark.parametrize(
    "words", [("convert", CELL, "--to", "nni-3"), ("predict", "last", "x.npy")]
)
def test_o_is_for_options_alone(refused, place, words):
    line = refused(*words, "-o", "made.json")
    assert line == (
        "-o made.json: sets an option as key=value in all commands, and this one has none: a file "
        "is --out made.json"
    )
    assert "-o made: must look like key=value" in refused(
        "export", CELL, "--to", "py", "--out", "new", "-o", "made"
    )
