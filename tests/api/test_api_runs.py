"""Searches, tunings and retrainings from Python."""

from __future__ import annotations

import inspect
import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from api_parts import CELL, SMALL

import nasbench as nb
from nasbench import known_code
from nasbench.api.arguments import divided
from nasbench.api.results import Several
from nasbench.cli import main
from nasbench.config import SearchConfig
from nasbench.engine.callbacks import NullCallback
from nasbench.errors import one_line


@pytest.fixture
def space(here, cell) -> type:
    """A class of a notebook's cell, in a fresh working folder."""
    return cell(CELL)["MySpace"]


def test_the_import_is_quick_and_loads_nothing():
    code = (
        "import time, sys; start = time.perf_counter(); import nasbench as nb; "
        "spent = time.perf_counter() - start; nb.list(), nb.search; "
        "print(spent < 0.1, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["True", "False"], "")
    assert all(getattr(nb, name) is not None for name in nb.__all__)


def test_packages_with_the_name_of_a_function_are_both():
    from nasbench import export, hpo, study
    from nasbench.hpo.space import ParameterSpace

    assert nb.hpo is hpo
    assert nb.hpo.space.ParameterSpace is ParameterSpace
    assert callable(export)
    assert "search_space" in inspect.signature(nb.hpo).parameters
    assert study.function.__doc__.startswith("Run the missing runs of a study")
    with pytest.raises(AttributeError, match="has no attribute 'serch'"):
        nb.serch  # noqa: B018


def test_a_search_and_its_retrainings_end_in_one_leaderboard(space, here, capsys):
    found = nb.search("darts", space=space, seeds=2, **SMALL)
    assert [one.info["seed"] for one in found] == [0, 1]
    board = nb.leaderboard([one.retrain(**SMALL) for one in found])
    (row,) = board.board.rows
    assert (row.method, row.space, row.seed_numbers) == ("darts", "MySpace.py:MySpace", (0, 1))
    assert "darts" in repr(board)
    assert repr(found).count("search darts on digits, seed") == 2
    assert capsys.readouterr() == ("", "")
    # The command line sees the same runs, and rebuilds their network from the kept source.
    run = found[0].folder
    assert main(["retrain", str(run), "--epochs=1", "--limit-train=80", "--device=cpu"]) == 0
    capsys.readouterr()
    assert main(["leaderboard", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 2


def test_the_command_line_and_python_find_the_same(here, capsys):
    space = "mobilenet-skip"
    found = nb.search("random", space=space, width=0.25, budget=1, **{**SMALL, "limit_train": 60})
    small = ["--task", "digits", "--limit-train", "60", "--epochs", "1", "--batch-size", "20"]
    words = ["search", "random", "--space", space, "-o", "width=0.25", "--budget", "1"]
    words += [*small, "--device", "cpu"]
    assert main([*words, "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["arch"] == json.loads(found.arch.canonical)
    assert plain["metrics"] == found.metrics
    other = nb.load(plain["run"])
    assert {**other.info["config"], "device": ""} == {**found.info["config"], "device": ""}


def test_a_result_says_what_was_found(space, here):
    found = nb.search("darts", space=space, **SMALL)
    again = nb.load(found.folder.name)
    assert type(again) is type(found)
    assert set(found.arch) == {"body"}
    assert found.metrics["val_accuracy"] == found.curve["val_accuracy"].iloc[-1]
    network = found.network()
    assert isinstance(network, torch.nn.Module)
    assert not network.training
    assert found.draw().path.read_text().startswith("<svg")
    text = found._repr_html_()
    assert 'src="data:image/svg+xml;base64,' in text
    trained = found.retrain(**{**SMALL, "epochs": 2})
    assert trained.record.test_openings == 1
    assert trained.metrics == {"accuracy": trained.record.test_accuracy}
    assert "<polyline" in trained._repr_html_()
    weights = trained.network().state_dict()
    assert not all(torch.equal(weights[k], v) for k, v in network.state_dict().items())


def test_what_comes_from_a_file_is_escaped(space, here):
    found = nb.search("darts", space=space, **SMALL)
    path = found.folder / "run.json"
    bad = "<script>alert(1)</script>"
    info = json.loads(path.read_text())
    path.write_text(json.dumps({**info, "task": bad, "name": bad, "metrics": {bad: 0.5}}))
    (found.folder / "architecture.svg").write_text(f"<svg>{bad}</svg>")
    assert "<script" not in nb.load(found.folder)._repr_html_()
    board = nb.leaderboard(results=here)._repr_html_()
    assert "<script" not in board


def test_the_program_keeps_its_random_numbers_and_signals(space, here):
    before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    threads = torch.get_num_threads()
    nb.search("darts", space=space, **SMALL).retrain(**SMALL)
    assert random.getstate() == before[0]
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[2])
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert torch.get_num_threads() == threads


def test_threads_find_what_the_main_thread_finds(space, here):
    results: list = []
    work = [
        threading.Thread(target=lambda: results.append(nb.search("darts", space=space, **SMALL)))
        for _ in range(2)
    ]
    for one in work:
        one.start()
    for one in work:
        one.join()
    expected = nb.search("darts", space=space, **SMALL)
    assert [one.metrics for one in results] == [expected.metrics] * 2


def test_an_interrupted_search_is_continued(space, here, monkeypatch):
    class Interrupting(NullCallback):
        def epoch(self, metrics):
            if metrics["epoch"] == 1:
                os.kill(os.getpid(), signal.SIGINT)

    whole = nb.search("darts", space=space, **{**SMALL, "epochs": 2})
    monkeypatch.setattr("nasbench.api.progress.make", lambda quiet: Interrupting())
    with pytest.raises(nb.Interrupted) as stopped:
        nb.search("darts", space=space, seeds=3, **{**SMALL, "epochs": 2})
    monkeypatch.undo()
    monkeypatch.chdir(here)
    run = stopped.value.run
    assert isinstance(stopped.value, KeyboardInterrupt)
    assert f"continue with: nb.search(resume={run!r})" in str(stopped.value)
    assert "seeds 1 to 2 did not run: seed=1 seeds=2" in str(stopped.value)
    assert stopped.value.done == []
    assert nb.load(run).status == "stopped"
    assert nb.search(resume=run, quiet=True).metrics == whole.metrics


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs=0: must be at least 1"),
        ({"epoch": 1}, "unknown argument 'epoch': did you mean epochs? allowed: epochs, "),
        ({"order": 3}, "unknown order '3': allowed: 1, 2"),
        ({"lr": "x"}, "lr='x': must be of type float"),
        ({"space": "dart"}, "unknown space 'dart': did you mean darts"),
        ({"space": 3}, "space=3: must be of type str"),
        ({"seeds": 0}, "seeds=0: must be a whole number in [1, 10000]"),
        ({"budget": 3}, "budget=3: darts trains one supernet"),
        ({"metric": "rmse"}, "metric=rmse: is for the target numbers, and this task predicts"),
        ({"resume": "x"}, "resume continues with the run's own options: leave out "),
        ({"device": "tpu"}, "device=tpu"),
    ],
)
def test_mistakes_are_told_in_pythons_spelling(here, options, message):
    with pytest.raises(nb.UserError) as raised:
        nb.search("darts", **{**SMALL, "space": "mobilenet-skip", **options})
    assert str(raised.value).startswith(message)
    assert raised.value._render_traceback_() == [f"UserError: {one_line(str(raised.value))}"]
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    "workers",
    [
        {},
        pytest.param({"engine": "local"}, marks=pytest.mark.slow),
        pytest.param({"engine": "ray"}, marks=pytest.mark.slow),
    ],
)
def test_own_metrics_losses_strategies_and_tasks(here, cell, workers):
    if "ray" in workers.values():
        pytest.importorskip("ray")
    own = cell(
        f"{CELL}\nfrom nasbench.strategies.sampled.random import RandomStrategy\n"
        "def agreement(outputs, targets):\n"
        "    return (outputs.argmax(1) == targets).float().mean()\n"
        "def cost(outputs, targets):\n"
        "    return nn.functional.cross_entropy(outputs, targets) * 2\n"
        "class Mine(RandomStrategy): pass\n"
        "def load(data_dir=None):\n    from nasbench.tasks.digits import load_digits\n"
        "    return load_digits()\n"
    )
    task = nb.task(own["load"], metric=own["agreement"], loss=own["cost"], quiet=True)
    assert (task.metric.name, task.loss.name) == ("agreement", "cost")
    found = nb.search(
        own["Mine"],
        space=own["MySpace"],
        **{**SMALL, "task": task, "budget": 2, **workers},
    )
    assert set(found.metrics) >= {"val_agreement"}
    assert len(found.trials) == 2
    assert found.retrain(**{k: v for k, v in SMALL.items() if k != "task"}).metrics.keys() >= {
        "agreement",
        "accuracy",
    }


def test_a_proxy_of_ones_own_and_a_tuner(here, cell):
    own = cell(
        "from nasbench.hpo.tuners.random import RandomTuner\n"
        "def size(network, images, labels):\n"
        "    return float(sum(one.numel() for one in network.parameters()))\n"
        "class Mine(RandomTuner): pass\n"
    )
    space, proxies = "mobilenet-skip", [own["size"], "macs"]
    options = {**SMALL, "space": space, "budget": 1}
    found = nb.search("training-free", proxy=proxies, candidates=3, **options)
    assert found.info["config"]["strategy_options"]["proxy"].endswith("size.py:size,macs")
    tuned = nb.hpo("small-cnn", tuner=own["Mine"], trials=1, **{**SMALL, "batch_size": 64})
    assert tuned.info["name"] == "Mine.py:Mine"


def test_code_that_a_folder_names_must_be_known(space, here, monkeypatch, tmp_path):
    found = nb.search("darts", space=space, **SMALL)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another-user"))
    name = found.info["config"]["space"]
    assert found.arch  # data
    for call in (found.network, found.draw, lambda: nb.retrain(found.folder, **SMALL)):
        with pytest.raises(nb.UserError, match=r"its code is not known here: .* code=") as raised:
            call()
        assert name in str(raised.value)
    assert nb.retrain(found.folder, code=name, **SMALL).status == "done"
    assert known_code.known(name)


def test_a_tuning_takes_its_space_as_a_dictionary(here):
    tuned = nb.hpo(
        "small-cnn",
        tuner="random",
        search_space={"lr": {"_type": "choice", "_value": [0.1]}},
        trials=1,
        seeds=1,
        **SMALL,
    )
    assert isinstance(tuned, Several)
    assert tuned[0].parameters == {"lr": 0.1}
    with pytest.raises(nb.UserError, match="trials=1 and budget=2: give one of them"):
        nb.hpo("small-cnn", trials=1, budget=2)


def test_a_search_tunes_what_it_is_told_to(space, here):
    given = {key: value for key, value in SMALL.items() if key != "batch_size"}
    found = nb.search("tpe", space=space, tune=["lr", "batch_size"], budget=2, **given)
    assert found.parameters.keys() == {"lr", "batch_size"}
    own = {"lr": {"_type": "choice", "_value": [0.01, 0.02]}}
    found = nb.search("random", space=space, tune=own, budget=1, **SMALL)
    assert found.parameters["lr"] in (0.01, 0.02)
    record = found.retrain(**SMALL).record
    assert (record.kind, record.retrain_config["lr"]) == ("joint", found.parameters["lr"])
    with pytest.raises(nb.UserError, match="unknown option of training 'lrr'"):
        nb.search("tpe", space=space, tune="lrr", **given)


def test_folds_and_seeds_side_by_side(space, here):
    found = nb.search("darts", space=space, **SMALL)
    folds = found.retrain(folds=2, **SMALL)
    assert len(folds.folds) == 2
    assert folds.metrics["val_accuracy"] == pytest.approx(folds.folds["result"].mean())
    with pytest.raises(nb.UserError, match="the leaderboard compares retrainings"):
        nb.leaderboard([folds])
    with pytest.raises(nb.UserError, match="folds=2: folds are trained one after the other"):
        found.retrain(folds=2, concurrency=2, **SMALL)


def test_a_run_is_found_by_the_end_of_its_name(here):
    with pytest.raises(nb.UserError, match="is no run under"):
        nb.load("abcd")
    found = nb.search("random", space="mobilenet-skip", budget=1, **SMALL)
    assert nb.load(found.folder.name[-4:]).folder == found.folder
    assert Path(found.folder).is_dir()


def test_channels_of_a_built_in_task_are_those_of_the_space():
    named, assigned = divided(SearchConfig, {"task": None, "channels": 4}, None)
    assert ("channels" in named, assigned) == (False, {"channels": 4})
    named, assigned = divided(SearchConfig, {"task": "images/", "channels": 3}, {"channels": 8})
    assert (named["channels"], assigned) == (3, {"channels": 8})
