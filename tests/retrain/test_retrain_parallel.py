"""Retrain seeds side by side give what they give one by one."""

from __future__ import annotations

import json
import signal
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from nasbench import provenance
from nasbench.config import RetrainConfig, TrialsConfig
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.problem import load_space
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.records import Record, read_records
from nasbench.store.runs import RunFolder
from nasbench.training.stopping import Stopped, StopSignal
from retrain import parallel
from retrain.parallel import Done, run_seeds
from retrain.train import Retraining, configure, run_retrain

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "my_space.py") + ":MySpace"
SMALL = {"limit_train": 120, "batch_size": 20, "epochs": 2, "device": "cpu"}
TWO = TrialsConfig(concurrency=2)
# What tells one retraining from another, or how long it took.
OWN = ("run", "latency_ms", "retrain_seconds", "provenance")


@pytest.fixture
def checkpoint() -> Checkpoint:
    from nasbench.catalog import fingerprint

    load_space(EXAMPLE)  # named by the user, so that it may run
    return Checkpoint(
        space={"name": EXAMPLE, "arguments": {"width": 4}, "sha256": fingerprint(EXAMPLE)},
        arch={"first": "conv3x3", "second": "pool3x3", "shortcut": [1]},
        data={"channels": 1, "height": 8, "width": 8, "classes": 10},
        strategy={"name": "random", "options": {}},
        task="digits",
        seed=5,
        metrics={"val_accuracy": 0.5},
        run="the-search",
    )


@pytest.fixture
def config(checkpoint, tmp_path) -> RetrainConfig:
    return configure(checkpoint, {**SMALL, "out": tmp_path / "at-once"}, {}).config


def content(record: Record) -> dict[str, Any]:
    return {k: v for k, v in asdict(record).items() if k not in OWN}


def retrain(
    checkpoint: Checkpoint,
    config: RetrainConfig,
    seeds: Any = (3, 4),
    where: TrialsConfig = TWO,
    stop: StopSignal | None = None,
) -> tuple[list[Done], list[Done]]:
    told: list[Done] = []
    job = Retraining.of(checkpoint, config)
    done = run_seeds(job, seeds, where, stop or StopSignal(), told.append)
    return done, told


def folders(config: RetrainConfig) -> list[Path]:
    return sorted((config.out / "runs").iterdir())


def one_by_one(checkpoint, config, seeds, out) -> dict[int, Record]:
    configs = [replace(config, seed=seed, out=out) for seed in seeds]
    return {
        one.seed: run_retrain(Retraining.of(checkpoint, one), NullCallback(), StopSignal()).record
        for one in configs
    }


@pytest.mark.slow
def test_seeds_at_once_give_the_records_of_seeds_one_by_one(checkpoint, config, tmp_path):
    done, told = retrain(checkpoint, config, range(3, 6))
    assert told == done
    assert sorted(one.seed for one in done) == [3, 4, 5]
    alone = one_by_one(checkpoint, config, (3, 4, 5), tmp_path / "alone")
    written, problems = read_records(config.out)
    assert not problems
    assert {r.retrain_seed: content(r) for r in written} == {
        seed: {**content(record), "arch": {**record.arch, "shortcut": [1]}}
        for seed, record in alone.items()
    }
    for one in done:
        assert content(one.record) == content(alone[one.seed])
        assert one.record_path.is_file()
        assert one.model.is_file()
        assert one.error is None
        assert one.record.test_openings == 1
        assert one.record.provenance["command"] == provenance.collect()["command"]
    accuracies = {one.record.test_accuracy for one in done}
    assert len(accuracies) > 1
    assert [json.loads((f / "run.json").read_text())["status"] for f in folders(config)] == [
        "done"
    ] * 3


def test_the_work_itself_in_the_folder_made_for_it(checkpoint, config):
    work = parallel.setup((checkpoint, config))
    folder = parallel.new_folder(Retraining.of(checkpoint, config))
    done = work((config.seed, folder.path), lambda value: True)
    assert done.record.run == folder.name
    assert "-retrain-random-digits-s0-" in folder.name
    assert done.record_path.name == f"{folder.name}.json"


def test_the_fingerprints_are_in_the_folder_that_is_resumed(checkpoint, config, tmp_path):
    job = Retraining.of(checkpoint, config)
    folder = parallel.new_folder(job)
    assert "data" not in folder.info["provenance"]
    run_retrain(job, NullCallback(), StopSignal(), folder)
    one_by_one(checkpoint, config, [config.seed], tmp_path / "alone")
    (alone,) = folders(replace(config, out=tmp_path / "alone"))
    expected, found = (RunFolder(one).info["provenance"] for one in (alone, folder.path))
    for name in ("data", "metric", "code"):
        assert found[name] == expected[name]
    assert found["started"] == folder.info["provenance"]["started"]


def test_the_run_folder_says_which_code_of_the_user_ran(checkpoint, config):
    job = Retraining.of(checkpoint, replace(config, space=EXAMPLE))
    assert parallel.new_folder(job).info["code"] == {EXAMPLE: checkpoint.space["sha256"]}


def test_a_seed_that_fails_gives_its_reason(checkpoint, config):
    one_worker = TrialsConfig(engine="local")
    done, told = retrain(checkpoint, replace(config, batch_size=500), where=one_worker)
    assert len(done) == len(told) == 2
    for one in done:
        assert one.record is None
        assert one.error == (
            "--batch-size 500 is larger than the 120 training images: choose at most 120"
        )
    assert not (config.out / "records").exists()


def test_a_signal_leaves_folders_that_can_be_continued(checkpoint, config):
    stop = StopSignal()
    stop.requested, stop.number = True, signal.SIGTERM
    with pytest.raises(Stopped, match="stopped after 0 of 5 seeds") as stopped:
        retrain(checkpoint, config, range(5), stop=stop)
    assert stopped.value.signal == signal.SIGTERM
    begun = [RunFolder(path) for path in folders(config)]
    assert [(f.info["seed"], f.status) for f in begun] == [(0, "stopped"), (1, "stopped")]
    # The command line continues such a run with what its folder holds.
    assert begun[0].info["config"]["epochs"] == 2


MORTAL = """
import os, signal
from pathlib import Path

class Mortal(MySpace):
    def forward(self, x):
        self.steps = getattr(self, "steps", 0) + self.training
        mark = Path(os.environ["MORTAL"])
        if self.steps == 15 and not mark.exists():  # the third epoch's third
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x)
"""


@pytest.mark.slow
def test_a_killed_worker_goes_on_in_the_same_folder(checkpoint, config, tmp_path, monkeypatch):
    file, mark = tmp_path / "mortal.py", tmp_path / "died"
    file.write_text(Path(EXAMPLE.removesuffix(":MySpace")).read_text() + MORTAL)
    monkeypatch.setenv("MORTAL", str(mark))
    longer = replace(config, epochs=4, space=f"{file}:Mortal")
    done, _ = retrain(checkpoint, longer, [7], TrialsConfig(engine="local"))
    assert mark.exists()
    (folder,) = folders(config)
    assert done[0].record.run == folder.name
    assert len(RunFolder(folder).info["continued"]) == 2  # a worker each
    alone = one_by_one(checkpoint, longer, [7], tmp_path / "alone")
    assert content(done[0].record) == content(alone[7])
    assert len(list((config.out / "records").iterdir())) == 1
