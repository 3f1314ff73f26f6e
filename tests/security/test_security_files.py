"""Search spaces, studies, configurations, experiments, tables and data from elsewhere."""

from __future__ import annotations

import ast
import dataclasses
import json
import typing
from pathlib import Path
from typing import Any

import pytest
import yaml
from security_foreign import (
    BOTH,
    COMPLETE,
    EVIL,
    FLAGS,
    Foreign,
    bomb,
    options_of_runs,
    some,
    texts,
)

from nasbench.config import HpoConfig, RetrainConfig, SearchConfig
from nasbench.engine.checkpoints import open_network
from nasbench.export.plain import source


@pytest.mark.parametrize("name", BOTH)
def test_the_network_in_a_search_space(foreign: Foreign, name):
    content = {"model": {"_type": "choice", "_value": [name, "small-cnn"]}}
    Path("s.json").write_text(json.dumps(content))
    words = ["small-cnn", "--tuner", "random", "--trials", "1", *FLAGS]
    assert f"--code {name}" in foreign.refused("hpo", *words, "--search-space", "s.json")


ENTRIES: list[dict[str, Any]] = [
    {"train": EVIL},
    {"search": "training-free", "options": {"proxy": EVIL}},
    {"search": "random", "engine": "ray", "address": "203.0.113.1:6379"},
    {"search": EVIL},
    {"hpo": EVIL},
    *({"search": "random", name: EVIL} for name in texts(SearchConfig)),
    *({"hpo": "small-cnn", name: EVIL} for name in texts(HpoConfig)),
    *({"train": "small-cnn", name: EVIL} for name in texts(RetrainConfig)),
    {"hpo": "small-cnn", "search_space": {"model": {"_type": "choice", "_value": [EVIL]}}},
    {"retrain": "space.json"},
    {"retrain": "training.json"},
    {"hpo": "space.json"},
]


@pytest.mark.parametrize("entry", some(ENTRIES, *ENTRIES[:3]), ids=str)
def test_an_entry_of_a_study(foreign: Foreign, entry):
    foreign.checkpoint("space.json", space={"name": EVIL, "sha256": foreign.sha256})
    foreign.checkpoint("training.json", training={"space": EVIL})
    study = {"name": "s", "task": "digits", "budget": 1, "entries": {"one": entry}}
    Path("s.yaml").write_text(yaml.dump(study))
    foreign.run("study", "s.yaml", "--dry-run")


def test_the_task_and_the_defaults_of_a_study(foreign: Foreign):
    entries = {"one": {"search": "random"}, "two": {"hpo": "small-cnn"}}
    study = {"task": "evil.py:load", "entries": entries}
    Path("s.yaml").write_text(yaml.dump(study))
    assert "--code evil.py:load" in foreign.refused("study", "s.yaml", "--dry-run")
    for name in ("space", "tuner", "assessor"):
        study = {"task": "digits", "defaults": {name: EVIL}, "entries": entries}
        Path("s.yaml").write_text(yaml.dump(study))
        assert f"--code {EVIL}" in foreign.refused("study", "s.yaml", "--dry-run")


def test_a_study_runs_code_that_the_user_names(foreign: Foreign):
    entries = {"one": {"train": EVIL, "epochs": 1}}
    Path("s.yaml").write_text(yaml.dump({"task": "digits", "entries": entries}))
    assert foreign.run("study", "s.yaml", "--dry-run")[0] == 2
    from nasbench.cli import main

    main(["study", "s.yaml", "--dry-run", "--code", EVIL])
    assert foreign.canary.exists()


@pytest.mark.parametrize(("verb", "field"), some(options_of_runs(), ("search", "space")))
def test_an_option_in_a_configuration_file(foreign: Foreign, verb, field):
    if field in ("out", "data_dir", "search_space"):
        return  # the user's own choice of places, in a file instead of flags
    given = {k: v for k, v in COMPLETE[verb].items() if k != "space_content"}
    Path("c.yaml").write_text(yaml.dump({**given, "epochs": 1, "limit_train": 100, field: EVIL}))
    path = [foreign.checkpoint()] if verb == "retrain" else []
    foreign.run(verb, *path, "--config", "c.yaml")


def test_a_cluster_in_a_configuration_file(foreign: Foreign):
    given = {**COMPLETE["search"], "engine": "ray", "address": "203.0.113.1:6379"}
    Path("c.yaml").write_text(yaml.dump(given))
    assert "give --address yourself" in foreign.refused("search", "--config", "c.yaml", *FLAGS)


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.system [touch ran]", "!!python/name:evil.Net"]
)
def test_yaml_makes_no_objects(foreign: Foreign, text):
    Path("f.yaml").write_text(f"task: {text}\nentries: {{a: {{search: random}}}}\n")
    foreign.refused("study", "f.yaml")
    foreign.refused("search", "random", "--config", "f.yaml")


@pytest.mark.parametrize(
    "tuner",
    [
        {"name": EVIL},
        {"builtinTunerName": EVIL},
        {"codeDir": ".", "classFileName": "evil.py", "className": "Net"},
        {"name": "Random", "classArgs": {"optimize_mode": EVIL, "code": EVIL}},
    ],
    ids=str,
)
def test_a_tuner_in_an_experiment_file(foreign: Foreign, tuner):
    experiment = {
        "searchSpace": {"x": {"_type": "choice", "_value": [1]}},
        "trialCommand": f"touch {foreign.canary}",
        "trialConcurrency": 1,
        "maxTrialNumber": 1,
        "trainingService": {"platform": "local"},
        "tuner": tuner,
    }
    Path("e.yml").write_text(yaml.dump(experiment))
    foreign.refused("hpo", "--config", "e.yml")


def test_an_experiment_runs_only_where_the_user_named_it(foreign: Foreign):
    """Its command runs when the user gives the file; a run folder may not give it."""
    experiment = {
        "searchSpace": {"x": {"_type": "choice", "_value": [1]}},
        "trialCommand": f"touch {foreign.canary}",
        "trialConcurrency": 1,
        "maxTrialNumber": 1,
        "trainingService": {"platform": "local"},
        "tuner": {"name": "Random"},
    }
    Path("e.yml").write_text(yaml.dump(experiment))
    foreign.stopped("hpo", {**COMPLETE["hpo"], "model": "e.yml", "tuner": "nni-random"})
    assert "--config e.yml" in foreign.refused("hpo", "--resume", "r-1")
    # The same text known from another place: its command would run what lies beside this one.
    from nasbench import known_code

    Path("mine").mkdir()
    Path("mine/e.yml").write_text(yaml.dump(experiment))
    known_code.remember("mine/e.yml:trial")
    assert "--config e.yml" in foreign.refused("hpo", "--resume", "r-1")


@pytest.mark.slow
def test_genotypes_are_read_and_not_run(foreign: Foreign):
    cell = "[('sep_conv_3x3', 0), ('sep_conv_3x3', 1)] * 4"
    text = Path("evil.py").read_text() + f"\nE = Genotype({cell}, [2, 3], {cell}, [2, 3])\n"
    Path("g.py").write_text(text)
    for given in (
        "g.py",
        "g.py:E",
        "g.py:Net",
        EVIL,
        "__import__('evilmodule')",
        "evilmodule:Net",
    ):
        for words in (["show", "--format", "dot"], ["convert", "--to", "darts"], ["retrain"]):
            foreign.run(words[0], given, *words[1:])


def test_the_help_of_a_retraining_does_not_run_a_genotype_file(foreign: Foreign):
    assert foreign.run("retrain", EVIL, "--help")[0] == 0


@pytest.mark.slow
def test_tables_are_numbers(foreign: Foreign):
    Path("t.csv").write_text(f"arch_str,x\n{EVIL},{EVIL}\n")
    Path("t.json").write_text(json.dumps({EVIL: {"test_acc": [EVIL]}}))
    Path("t.pth").write_bytes(bomb(foreign))
    for table in ("nas-bench-201=t.csv", "nas-bench-macro=t.json", "nas-bench-201=t.pth"):
        foreign.refused("search", "random", "--table", table)


@pytest.mark.slow
def test_data_sets_are_data(foreign: Foreign):
    for folder in ("cifar-10-batches-py", "MNIST/raw"):
        (Path("d") / folder).mkdir(parents=True)
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch", "batches.meta"):
        (Path("d/cifar-10-batches-py") / name).write_bytes(bomb(foreign))
    Path("d/walk.npz").write_bytes(bomb(foreign))
    for task in ("cifar10", "nmnist", "gait"):
        foreign.refused("search", "random", "--task", task, "--data-dir", "d")
    foreign.refused("data", "gait", "d/walk.npz", "--out", "made.h5")


@pytest.mark.slow
def test_records_are_only_shown(foreign: Foreign):
    from nasbench.store.records import Record

    hints, record = typing.get_type_hints(Record), {"format": "nasbench-record/1"}
    for field in dataclasses.fields(Record):
        kind = typing.get_origin(hints[field.name]) or hints[field.name]
        values = {str: EVIL, int: 1, float: 0.5, dict: {"space": EVIL, "task": EVIL}, list: []}
        record[field.name] = values.get(kind, 0.5)
    Path("results/records").mkdir(parents=True)
    Path("results/records/r.json").write_text(json.dumps({**record, "kind": "nas"}))
    foreign.stopped("search", {**COMPLETE["search"], "space": EVIL, "strategy": EVIL})
    for form in ("table", "md", "csv", "json", "html"):
        assert foreign.run("leaderboard", "--format", form)[0] == 0
    assert foreign.run("board", "results", "--export", "page")[0] == 0


@pytest.mark.parametrize(
    "name",
    ['"""\nraise SystemExit\n"""', "\\", '"', '\\"""', "\x00\x1b"],
    ids=["lines", "backslash", "quote", "both", "control"],
)
def test_a_name_in_an_exported_file_stays_in_its_docstring(foreign: Foreign, name):
    found = open_network(foreign.checkpoint(strategy={"name": name}))
    text, _, _ = source(found.network(), found.summary)
    text.encode()
    docstring, *rest = ast.parse(text).body
    assert isinstance(docstring, ast.Expr)
    assert {type(node) for node in rest} == {ast.Import, ast.ImportFrom, ast.ClassDef}
