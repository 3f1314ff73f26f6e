"""What the commands print, for people and for machines."""

from __future__ import annotations

import csv
import io
import json
import shlex
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import torch

from nasbench import catalog
from nasbench.store.records import Record, write_record
from nasbench.store.runs import RunFolder

REPOSITORY = Path(__file__).parents[2]
COMMANDS = ("search", "retrain", "leaderboard", "show", "list", "doctor")


def test_version(run):
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    assert run("--version").out == f"nasbench {declared}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_shows_an_example(run, command):
    answer = run(command, "--help")
    assert answer.status == 0
    [line] = [line for line in answer.out.splitlines() if "Example:" in line]
    words = line.partition("Example:")[2].split()
    assert words[:2] == ["nasbench", command]


def test_without_words_the_help_is_printed(run):
    answer = run()
    assert (answer.status, answer.err) == (0, "")
    assert answer.out == run("--help").out
    assert [name for name in COMMANDS if f"  {name} " not in answer.out] == []
    assert "nasbench search darts" in answer.out


@pytest.mark.parametrize(("command", "options"), [("search", 23), ("retrain", 24)])
def test_help_tells_defaults_and_what_is_allowed(run, command, options):
    text = " ".join(run(command, "--help").out.split())
    assert text.count(" --") >= options
    for words in ("fp32, bf16", "quick, paper", "[default: the preset's]", "[default: 0]"):
        assert words in text


@pytest.mark.usefixtures("place")
def test_a_search_in_words(run, runs, tiny):
    answer = run("search", "darts", *tiny)
    assert answer.status == 0
    [info] = runs()
    path = f"results/runs/{info['folder'].name}"
    arch = json.loads((info["folder"] / "checkpoint.json").read_text())["arch"]
    for label in ("first", "second"):
        assert f"{label}: {arch[label]}" in answer.out
    # After one epoch the watch for collapse may or may not warn.
    lines = [line for line in answer.out.splitlines() if not line.startswith("warning:")]
    assert lines[-3:] == [
        f"checkpoint: {path}/checkpoint.json",
        f"drawing:    {path}/architecture.svg",
        f"next:       nasbench retrain {path}/checkpoint.json",
    ]
    assert answer.err.splitlines()[-1].startswith("epoch 1/1: loss ")
    assert answer.err.count("\n") == 2  # the number of steps comes first
    assert info["status"] == "done"
    words = run(*lines[-1].partition("nasbench ")[2].split(), *tiny[2:])
    assert words.status == 0
    [record] = Path("results/records").iterdir()
    accuracy = json.loads(record.read_text())["test_accuracy"]
    assert f"test accuracy {accuracy:.2%} on 360 sealed examples (opened 1 time)" in words.out
    assert f"record:  {record}\n" in words.out
    assert words.out.endswith("next:    nasbench leaderboard --task digits\n")
    for name in ("weights", "record"):
        [line] = [line for line in words.out.splitlines() if line.startswith(name)]
        assert Path(line.partition(":")[2].strip()).is_file()


@pytest.mark.usefixtures("place")
def test_the_next_commands_work_as_printed(run, tiny):
    answer = run("search", "darts", *tiny, "--out", "my results")
    for command in ("retrain", "leaderboard"):
        assert answer.status == 0, answer.err
        words = shlex.split(answer.out.splitlines()[-1])
        assert words[:3] == ["next:", "nasbench", command]
        answer = run(*words[2:], *(tiny[2:] if command == "retrain" else ()))
    assert (answer.status, answer.err) == (0, "")
    assert "single run" in answer.out
    assert not Path("results").exists()


@pytest.mark.usefixtures("place")
def test_json_is_one_document_and_nothing_else(run, runs, tiny):
    answer = run("search", "darts", *tiny, "--json")
    assert (answer.status, answer.err) == (0, "")
    found = answer.json
    [info] = runs()
    written = json.loads(Path(found["checkpoint"]).read_text())
    assert found["run"] == info["folder"].name
    assert found["arch"] == written["arch"]
    assert found["metrics"] == written["metrics"]
    assert [Path(path).exists() for path in found["drawings"]] == [True]
    answer = run("retrain", found["checkpoint"], *tiny[2:], "--json")
    assert (answer.status, answer.err) == (0, "")
    record = answer.json
    [path] = Path("results/records").iterdir()
    stored = json.loads(path.read_text())
    assert {**record, "format": "nasbench-record/1"} == {**stored, "model": record["model"]}
    assert Path(record["model"]).name == "model.safetensors"
    assert record["search_run"] == found["run"]


@pytest.mark.usefixtures("place")
def test_several_seeds_are_several_runs(run, runs, tiny):
    answer = run("search", "darts", *tiny, "--seed", "5", "--seeds", "2", "--json")
    assert answer.status == 0
    assert sorted(info["seed"] for info in runs()) == [5, 6]
    assert [info["config"]["seed"] for info in runs()] == [info["seed"] for info in runs()]
    lines = [json.loads(line) for line in answer.out.splitlines()]
    seeds = [json.loads(Path(line["checkpoint"]).read_text())["seed"] for line in lines]
    assert seeds == [5, 6]


def test_a_config_file_and_flags_over_it(place, run, runs):
    (place / "c.yaml").write_text(
        "strategy: random\nspace: space.py:Tiny\nepochs: 9\nbatch-size: 20\nlimit_train: 200\n"
        "lr: 1e-2\nbudget: '9'\noptions:\n  width: 6\n"
    )
    answer = run("search", "--config", "c.yaml", "--epochs", "1", "--budget", "1", "--json")
    assert answer.status == 0, answer.err
    [info] = runs()
    assert info["name"] == "random"
    config = info["config"]
    given = {"strategy": "random", "epochs": 1, "batch_size": 20, "limit_train": 200, "lr": 0.01}
    assert {name: config[name] for name in given} == given
    assert (config["budget"], config["strategy_options"]) == ("1", {})
    assert config["space_arguments"] == {"width": 6}
    path = answer.json["checkpoint"]
    assert run("show", path, "--json").json["evaluations"] == 1


def test_the_strategy_on_the_command_line_wins(place, run, runs, tiny):
    (place / "c.yaml").write_text("strategy: no-such\n")
    assert run("search", "darts", *tiny, "--config", "c.yaml", "--json").status == 0
    assert [info["name"] for info in runs()] == ["darts"]


def test_show_in_words(run, checkpoint):
    answer = run("show", checkpoint)
    content = json.loads(checkpoint.read_text())
    assert (answer.status, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert f"first: {content['arch']['first']}" in lines
    assert "space: space.py:Tiny (18 architectures)" in lines  # three layers twice, two inputs
    assert "task: digits" in lines
    assert f"drawing: {checkpoint.with_name('architecture.svg')}" in lines
    assert run("show", checkpoint.parent).out == answer.out


def test_show_for_machines_and_as_pictures(run, checkpoint):
    words = ["--format", "svg", "--format", "png", "--format", "dot", "--drawing", "pictures/a.b"]
    shown = run("show", checkpoint, *words, "--json").json
    assert shown["arch"] == json.loads(checkpoint.read_text())["arch"]
    assert shown["drawings"] == [f"pictures/a.b.{kind}" for kind in ("svg", "png", "dot")]
    svg, png, dot = (Path(path).read_bytes() for path in shown["drawings"])
    texts = "".join(ElementTree.fromstring(svg).itertext())
    assert png.startswith(b"\x89PNG")
    assert b"digraph" in dot
    for text in (texts, dot.decode()):
        assert shown["arch"]["first"] in text


def test_a_cross_validation(run, checkpoint, small):
    answer = run("retrain", checkpoint, *small, "--folds", "2", "--seed", "4")
    assert answer.status == 0, answer.err
    lines = answer.out.strip().splitlines()
    [path] = Path("results/folds").iterdir()
    record = json.loads(path.read_text())
    assert lines[:2] == [
        f"fold {fold['fold']}: validation accuracy {fold['result']:.2%} on 100 examples"
        for fold in record["folds"]
    ]
    low, high = record["interval"]
    assert lines[2:] == [
        f"mean of 2 folds {record['mean']:.2%}, 95 % t-interval {low:.2%} to {high:.2%} "
        "(the test set stays sealed)",
        # One step of training: of 200 images, 20 of each class, its answers are right by chance.
        "at chance level: always answering the largest class gives 10.00%, and the network is not "
        "shown to be above it",
        f"record:  {path}",
    ]
    assert (sum(record["classes"]), record["mean"] <= 0.1 + 1.96 * (0.09 / 200) ** 0.5) == (200, 1)
    again = run("retrain", checkpoint, *small, "--folds", "2", "--seed", "4", "--json").json
    assert again["mean"] == record["mean"]


def test_a_cross_validation_is_not_spread(refused, checkpoint, small):
    line = refused("retrain", checkpoint, *small, "--folds", "3", "--concurrency", "2")
    assert line == (
        "--folds 3: folds are trained one after the other: leave out --engine and --concurrency"
    )
    line = refused("retrain", checkpoint, *small, "--folds", "150")
    assert line.startswith("--folds 150: must be from 2 to ")


@pytest.mark.parametrize("command", ["search", "hpo", "retrain"])
def test_options_of_training_are_told_everywhere(run, command):
    text = run(command, "--help").out
    for name in ("--grad-clip-value", "--plateau-patience", "--step-every", "--step-factor"):
        assert name in text
    assert "plateau" in text
    assert ("--folds" in text) == (command == "retrain")


def test_list(run):
    listed = run("list", "--json").json
    tables = {
        "spaces": catalog.SPACES,
        "strategies": catalog.STRATEGIES,
        "tasks": catalog.TASKS,
        "baselines": catalog.BASELINES,
        "tuners": catalog.TUNERS,
        "assessors": catalog.ASSESSORS,
        "tables": catalog.BENCHMARKS,
        "proxies": catalog.TABLES["proxy"],
        "predictors": catalog.PREDICTORS,
    }
    for name, table in tables.items():
        assert listed[name] == {key: entry.description for key, entry in table.items()}
    assert list(listed) == [*tables, "metrics", "losses", "studies", "examples"]
    whole = run("list").out
    for kind in tables:
        assert list(run("list", kind, "--json").json) == [kind]
        part = run("list", kind).out
        assert part in whole
        lines = part.splitlines()[1 : 1 + len(listed[kind])]
        assert part.startswith(f"{kind}:\n")
        assert [line.split()[0] for line in lines] == [*listed[kind]]


def test_the_list_of_strategies_says_which_were_shown_to_beat_random_search(run):
    shown = [", ".join(names) for names in catalog.BETTER_THAN_RANDOM.values()]
    lines = run("list", "strategies").out.splitlines()
    start = lines.index("  Shown to be better than random search at equal cost:")
    *better, others = lines[start:]
    assert [line.partition(":")[2].strip() for line in better[1:]] == shown
    assert others.startswith("  No other strategy was shown to be: ")


def test_the_list_says_which_target_a_metric_and_a_loss_are_for(run):
    from nasbench.training import losses, metrics

    for kind, table in (("metrics", metrics.METRICS), ("losses", losses.LOSSES)):
        listed = run("list", kind, "--json").json[kind]
        assert set(listed) == {name for names in table.values() for name in names}
        for name, words in listed.items():
            targets = words.removeprefix("for ").partition(":")[0].split(" and ")
            assert [one.split()[0] for one in targets] == [t for t in table if name in table[t]]
        text = run("list", kind).out
        assert all(name in text for name in listed)
        assert "file.py:function" in text
    for target, table in metrics.METRICS.items():
        for name, one in table.items():
            words = run("list", "metrics", "--json").json["metrics"][name]
            assert ("less is better" in words) is not one.larger_is_better
            assert (f"{target} (the default)" in words) is (metrics.LEADING[target] == name)


def test_the_list_tells_which_tuners_of_nni_are_not_to_be_had(run):
    lines = [line for line in run("list", "tuners").out.splitlines() if "not available" in line]
    told = {line.split()[1]: line for line in lines}
    assert {"GP", "Metis", "Anneal", "DNGO", "PPO", "SMAC"} <= set(told)
    assert all("; use " in line for line in lines)


@pytest.mark.usefixtures("place")
def test_doctor(run, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    report = run("doctor", "--json").json
    assert report["python"] == ".".join(map(str, sys.version_info[:3]))
    assert report["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert list(report["devices"]) == ["cpu"]
    assert report["data"]["digits"] == "found, 1,437 training images"
    assert "train-images-idx3-ubyte" in report["data"]["mnist"]
    assert list(report["data"]) == list(catalog.TASKS)
    text = run("doctor").out
    for name, state in report["packages"].items():
        assert [line.split() for line in text.splitlines() if name in line.split()] == [
            [name, *state.split()]
        ]


@pytest.mark.usefixtures("place")
def test_doctor_takes_a_folder(run, refused):
    Path("data").mkdir()
    report = run("doctor", "--json", "--data-dir", "data").json
    assert f"into {Path('data').resolve() / 'MNIST/raw'}" in report["data"]["mnist"]
    report = run("doctor", "--json", "--data-dir", "gone").json
    assert report["data"]["mnist"] == "--data-dir gone: no such folder; it must exist"


@pytest.fixture
def unlucky(finished) -> Path:
    """Results with one finished retraining, and one run each that failed and was stopped."""
    for status in ("failed", "stopped"):
        folder = RunFolder.create(
            Path("results"), "search", f"{status}-method", {"task": "digits", "seed": 0}
        )
        folder.update(status=status, error="why | <b>")
    return finished


@pytest.mark.usefixtures("unlucky")
def test_leaderboard_counts_only_what_is_finished(run):
    board = run("leaderboard", "--format", "json").json
    [record] = (json.loads(path.read_text()) for path in Path("results/records").iterdir())
    [row] = board["rows"]
    assert (row["method"], row["runs"], row["interval"]) == ("darts", 1, None)
    assert row["mean"] == pytest.approx(100 * record["test_accuracy"])
    assert (row["params"], row["macs"]) == (record["params"], record["macs"])
    assert row["test_openings"] == 1
    methods = {(u["method"], u["status"], u["error"]) for u in board["unfinished"]}
    assert methods == {(f"{s}-method", s, "why | <b>") for s in ("failed", "stopped")}


@pytest.mark.parametrize("format", ["table", "md", "csv", "html"])
@pytest.mark.usefixtures("unlucky")
def test_leaderboard_in_every_format(run, format):
    answer = run("leaderboard", "--task", "digits", "--format", format, "--unfinished")
    assert (answer.status, answer.err) == (0, "")
    accuracy = run("leaderboard", "--format", "json").json["rows"][0]["mean"]
    assert (repr(accuracy) if format == "csv" else f"{accuracy:.2f}") in answer.out
    for words in ("failed-method", "stopped-method", "failed", "stopped"):
        assert words in answer.out
    if format == "csv":
        rows = list(csv.DictReader(io.StringIO(answer.out, newline="")))
        assert [row["status"] for row in rows] == ["finished", "failed", "stopped"]
        assert answer.out.endswith("\n")
        assert not answer.out.endswith("\n\n")
    if format == "html":
        assert "why | &lt;b&gt;" in answer.out


@pytest.mark.usefixtures("finished")
def test_leaderboard_of_another_task(run):
    board = run("leaderboard", "--task", "mnist", "--format", "json")
    assert (board.json["rows"], board.json["unfinished"]) == ([], [])
    assert board.err == "no records under results: nasbench retrain writes one\n"


@pytest.mark.parametrize("format", ["table", "md", "csv", "json", "html"])
@pytest.mark.usefixtures("place")
def test_leaderboard_of_nothing(run, format):
    answer = run("leaderboard", "--results", "empty", "--format", format)
    assert answer.status == 0
    assert answer.err == "no records under empty: nasbench retrain writes one\n"
    assert not Path("empty").exists()


@pytest.mark.usefixtures("finished")
def test_a_record_that_cannot_be_read_is_told_and_left_out(run):
    [path] = Path("results/records").iterdir()
    content = json.loads(path.read_text())
    broken = path.with_name("broken.json")
    broken.write_text(json.dumps({**content, "search_config": 3}))
    answer = run("leaderboard", "--format", "json")
    assert answer.err == f"{broken} left out: the field 'search_config' has the value 3\n"
    assert [row["runs"] for row in answer.json["rows"]] == [1]
    content.pop("format")
    write_record(Path("results"), Record(**{**content, "run": "again", "retrain_seed": 1}))
    assert [row["runs"] for row in run("leaderboard", "--format", "json").json["rows"]] == [2]
