"""The files that nasbench reads: an example of each, its mutants, and the commands that read it.

Every command ends before a network is trained: by ``--device cuda:7``, which no machine here has,
by ``--dry-run``, or because its results folder is a file.
"""

from __future__ import annotations

import atexit
import contextlib
import gzip
import io
import itertools
import json
import shutil
import struct
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from mutants import documents, flipped, json_files, spliced, texts, yaml_files

from nasbench.config import HpoConfig, RetrainConfig, SearchConfig
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.records import FORMAT, Record

NETWORK = "--space nas-bench-201 -o cells=1 -o channels=4"
NOWHERE = "--device cuda:7 --out taken"
TAKEN = "taken"
"""A file where a results folder would be."""

CELL = {
    "edge_1_0": "nor_conv_3x3",
    "edge_2_0": "nor_conv_1x1",
    "edge_2_1": "skip_connect",
    "edge_3_0": "skip_connect",
    "edge_3_1": "nor_conv_3x3",
    "edge_3_2": "avg_pool_3x3",
}
CHECKPOINT = Checkpoint(
    space={"name": "nas-bench-201", "arguments": {"cells": 1, "channels": 4}},
    arch=dict(CELL),
    data={"channels": 1, "height": 8, "width": 8, "classes": 10},
    strategy={"name": "random", "options": {}},
    task="digits",
    seed=3,
    search=SearchConfig(strategy="random", space="nas-bench-201").to_json(),
    metrics={"val_accuracy": 0.91, "epoch": 3},
    cost={"device_seconds": 12.5, "evaluations": 20},
    watch={"verdict": []},
    training={"lr": 0.1, "batch_size": 32},
    hyperparameters={"lr": 0.1, "channels": 4},
    curve=[[1.0, 0.5], [2.5, 0.91]],
    run="one",
    provenance={"version": "0.1.0", "command": ["nasbench"], "started": "2026-11-29T10:00:00"},
).to_json()

RECORD = {
    "format": FORMAT,
    **asdict(
        Record(
            *("one", "darts", "digits", "nas-bench-201", "a1b2c3d4", "one", 0, 1),
            search_config={"epochs": 10, "strategy": "darts", "strategy_options": {"order": 1}},
            retrain_config={"epochs": 20, "space_arguments": {"channels": 4}},
            test_accuracy=0.9,
            val_accuracy=0.88,
            params=3_349_342,
            macs=528_000_000,
            latency_ms=12.0,
            search_seconds=40.0,
            search_evaluations=20,
            retrain_seconds=300.0,
            test_openings=1,
            test_examples=360,
            arch=dict(CELL),
            curve=[[1.0, 0.5], [2.0, 0.88]],
            provenance={"device": "cpu", "hardware": {"cpu": "x"}, "libraries": {"torch": "2"}},
        )
    ),
}

RUN = {
    "format": "nasbench-run/1",
    "verb": "search",
    "name": "random",
    "status": "stopped",
    "task": "digits",
    "seed": 0,
    "config": SearchConfig(
        strategy="random",
        space="nas-bench-201",
        device="cuda:7",
        budget="2",
        epochs=1,
        limit_train=40,
        space_arguments={"cells": 1, "channels": 4},
    ).to_json(),
    "code": {},
    "provenance": {"version": "0.1.0", "command": ["nasbench", "search"], "seconds": 3.5},
    "error": None,
    "continued": [],
}
RETRAINED = {
    **RUN,
    "verb": "retrain",
    "config": RetrainConfig(
        device="cuda:7", space_arguments={"cells": 1, "channels": 4}, val_fraction=0.2, patience=2
    ).to_json(),
}
TUNED = {
    **RUN,
    "verb": "hpo",
    "name": "tpe",
    "config": HpoConfig(
        model="small-cnn",
        device="cuda:7",
        budget="2",
        space_content={"lr": {"_type": "loguniform", "_value": [0.001, 0.1]}},
        tuner_options={"n_startup_trials": 2},
        space_arguments={"width": 8},
    ).to_json(),
}

EVENTS = [
    {"event": "decisions", "time": "2026-11-29T10:00:00+00:00", "candidates": {"a": ["x", "y"]}},
    *(
        {
            "event": "epoch",
            "time": f"2026-11-29T10:0{epoch}:00+00:00",
            "epoch": epoch,
            "loss": 2.0 / epoch,
            "val_accuracy": 0.3 * epoch,
            "seconds": 1.5 * epoch,
            "weights": {"edge_1_0": [0.2] * 5},
            "arch": {"edge_1_0": "none"},
        }
        for epoch in (1, 2)
    ),
    {
        "event": "trial",
        "time": "2026-11-29T10:03:00+00:00",
        "number": 0,
        "arch": CELL,
        "score": 0.5,
        "metrics": {"val_accuracy": 0.5},
        "seconds": 2.0,
        "epochs": 1,
    },
]

CONFIG = {
    "preset": "quick",
    "epochs": 3,
    "batch-size": 32,
    "seed": 1,
    "lr": 0.05,
    "warmup": 0.1,
    "optimizer": "adam",
    "schedule": "step",
    "limit_train": 100,
    "options": {"cells": 1, "channels": 4},
}

SPACE = {
    "lr": {"_type": "loguniform", "_value": [0.001, 0.1]},
    "batch_size": {"_type": "choice", "_value": [16, 32]},
    "epochs": {"_type": "randint", "_value": [1, 4]},
    "momentum": {"_type": "quniform", "_value": [0, 0.9, 0.1]},
    "weight_decay": {"_type": "qlognormal", "_value": [-3, 1, 0.001]},
    "optimizer": {
        "_type": "choice",
        "_value": [
            {"_name": "sgd", "width": {"_type": "choice", "_value": [4, 8]}},
            {"_name": "adam"},
        ],
    },
}
PLAIN_SPACE = {"x": {"_type": "uniform", "_value": [0, 1]}}
EXPERIMENT_1 = {
    "authorName": "someone",
    "experimentName": "old style",
    "trialConcurrency": 1,
    "maxExecDuration": "1h",
    "maxTrialNum": 2,
    "trainingServicePlatform": "local",
    "searchSpacePath": "space.json",
    "useAnnotation": False,
    "tuner": {"builtinTunerName": "TPE", "classArgs": {"optimize_mode": "maximize", "seed": 1}},
    "assessor": {"builtinAssessorName": "Medianstop", "classArgs": {"start_step": 2}},
    "trial": {"command": "false", "codeDir": ".", "gpuNum": 0},
}
EXPERIMENT_2 = {
    "experimentName": "new style",
    "searchSpace": PLAIN_SPACE,
    "trialCommand": "false",
    "trialCodeDirectory": ".",
    "trialConcurrency": 1,
    "trialGpuNumber": 0,
    "maxTrialNumber": 2,
    "maxExperimentDuration": "10m",
    "tuner": {"name": "Evolution", "classArgs": {"population_size": 3}},
    "assessor": {"name": "Curvefitting", "classArgs": {"epoch_num": 20, "start_step": 6}},
    "trainingService": {"platform": "local", "useActiveGpu": False},
}

STUDY = {
    "name": "mine",
    "about": "a question",
    "task": "digits",
    "seeds": [1, 2],
    "budget": 3,
    "reported": "a paper",
    "defaults": {"preset": "quick", "epochs": 2},
    "entries": {
        "tuned": {
            "hpo": "small-cnn",
            "tuner": "tpe",
            "search_space": {"lr": {"_type": "loguniform", "_value": [0.001, 1.0]}},
        },
        "searched": {"search": "random", "space": "nas-bench-201", "options": {"cells": 1}},
        "tested": {"retrain": "searched", "reported": 97.5, "note": "a note"},
        "plain": {"train": "small-cnn", "epochs": 3, "options": {"width": 8}},
    },
}

GENOTYPES = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), "
    "('dil_conv_3x3', 2)], normal_concat=range(2, 6), reduce=[('max_pool_3x3', 0), "
    "('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])",
    "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|skip_connect~0|nor_conv_3x3~1|none~2|",
    "[2, 1, 4, 0, 3, 1]",
    "02012100",
)
MODULE = (
    "from collections import namedtuple\n\n"
    "Genotype = namedtuple('Genotype', 'normal normal_concat reduce reduce_concat')\n\n"
    f"FIRST = {GENOTYPES[0]}\nSECOND = FIRST\n"
)
NNI_3 = {
    **{f"{cell}/op_{node}_{i}": "sep_conv_3x3" for cell in ("normal", "reduce")
       for node in range(2, 6) for i in range(2)},
    **{f"{cell}/input_{node}_{i}": [i] for cell in ("normal", "reduce")
       for node in range(2, 6) for i in range(2)},
}  # fmt: skip


@dataclass(frozen=True)
class Format:
    """A file that is read.

    Attributes:
        file: its path in the workspace.
        mutants: changed contents.
        commands: that read it; ``{}`` stands for its path, and ``made/`` is thrown away.
        weight: its share of the inputs.
        needs: fills the rest of the workspace.
        begun: returns a results folder that every input begins with.
    """

    file: str
    mutants: st.SearchStrategy[bytes]
    commands: tuple[str, ...]
    weight: float = 1.0
    needs: Callable[[Path], None] = lambda folder: None
    begun: Callable[[], Path] | None = None


def _results(folder: Path) -> None:
    """Write a results folder with one run and one record."""
    run = folder / "results" / "runs" / "one"
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps(RUN))
    (run / "checkpoint.json").write_text(json.dumps(CHECKPOINT))
    (run / "journal.jsonl").write_bytes(_lines(EVENTS))
    records = folder / "results" / "records"
    records.mkdir()
    for seed in (1, 2, 3):
        record = {**RECORD, "run": f"good-{seed}", "retrain_seed": seed}
        (records / f"good-{seed}.json").write_text(json.dumps(record))


def _trained(folder: Path) -> None:
    _results(folder)
    (folder / "results" / "runs" / "one" / "run.json").write_text(json.dumps(RETRAINED))


def _space(folder: Path) -> None:
    (folder / "space.json").write_text(json.dumps(PLAIN_SPACE))


def _lines(events: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def _idx(*shape: int) -> bytes:
    values = np.arange(np.prod(shape), dtype=np.int64) % 10
    head = struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)
    return head + values.astype(np.uint8).tobytes()


def _mnist(folder: Path) -> None:
    place = folder / "data" / "mnist"
    place.mkdir(parents=True)
    for part in ("train", "t10k"):
        (place / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(_idx(40, 28, 28)))
        (place / f"{part}-labels-idx1-ubyte").write_bytes(_idx(40))


def _npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _packed() -> bytes:
    n, each = 60, 5
    return _npz(
        dt_us=np.arange(n * each) % 7,
        x=np.arange(n * each) % 34,
        y=np.arange(n * each) % 33,
        p=np.arange(n * each) % 2 == 0,
        offsets=np.arange(n + 1) * each,
        label=np.arange(n) % 10,
        split=(np.arange(n) >= 40).astype(int),
    )


def _aedat() -> bytes:
    words = [(((y << 8) | (x << 1) | (y & 1)), 1000 * y) for x, y in ((3, 4), (5, 6), (7, 100))]
    head = b"#!AER-DAT2.0\r\n# AEChip: DVS128\r\n"
    return head + b"".join(struct.pack(">II", *word) for word in words)


def _hdf5() -> bytes:
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as h5:
        for split in ("train", "test"):
            for person in range(2):
                for walk in range(3):
                    images = np.full((2, 8, 8), person + walk, "f4")
                    h5[f"{split}/{person}/{walk}"] = images
    return file.getvalue()


def _weights() -> bytes:
    from safetensors.torch import save

    from nasbench.engine.checkpoints import Architecture

    checkpoint = Checkpoint(**{k: v for k, v in CHECKPOINT.items() if k != "format"})
    state = Architecture.of(checkpoint).build().state_dict()
    return save({name: value.contiguous().clone() for name, value in state.items()})


MACRO = {
    "test_acc": [80.5, 81.0, 81.5],
    "mean_acc": 81.0,
    "std": 0.4,
    "params": 100_000,
    "flops": 1_000_000,
}
CELLS = (
    "index,arch_str,c10_valid,c10_test,c100_valid,c100_test,in16_valid,in16_test,"
    "c10_valid_seeds,c100_valid_seeds,in16_valid_seeds,c10_valid_ep12,c10_test_ep12,"
    "c100_valid_ep12,c100_test_ep12,in16_valid_ep12,in16_test_ep12,"
    "params_c10_M,flops_c10_M,train_time_c10_200ep_s\n"
)


@cache
def _macro_rest() -> bytes:
    """Return NAS-Bench-Macro's JSON after its first entry."""
    names = ["".join(digits) for digits in itertools.product("012", repeat=8)]
    entry = json.dumps(MACRO)
    return ("".join(f', "{name}": {entry}' for name in names[1:]) + "}").encode()


def _row(number: int, cell: tuple[str, ...]) -> str:
    a, b, c, d, e, f = cell
    text = f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
    return f"{number},{text},85,86,60,61,40,41,85;85,60;60,40;40,70,71,50,51,30,31,0.3,30,900\n"


@cache
def _rows() -> list[str]:
    """Return the lines of NAS-Bench-201's CSV file."""
    operations = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    return [_row(i, cell) for i, cell in enumerate(itertools.product(operations, repeat=6))]


def _csv(line: bytes) -> bytes:
    return CELLS.encode() + line + "".join(_rows()[1:]).encode()


@cache
def _begun() -> Path:
    """Return a results folder whose run ``one`` stopped after its first epoch."""
    from nasbench.engine.callbacks import NullCallback
    from nasbench.engine.search import configure, run_search
    from nasbench.training.stopping import Stopped, StopSignal

    stop = StopSignal()

    class StopAfterOne(NullCallback):
        def step(self, epoch: int, step: int, sums: Any) -> None:
            stop.requested, stop.number = epoch == 1, 15

    results = Path(tempfile.mkdtemp(prefix="nasbench-fuzz-begun-")) / "results"
    atexit.register(shutil.rmtree, results.parent, ignore_errors=True)
    short = {"epochs": 2, "limit_train": 40, "batch_size": 10, "device": "cpu", "out": results}
    space = {"space": "nas-bench-201", "strategy": "darts"}
    search = configure({**short, **space}, {"cells": 1, "channels": 2})
    with contextlib.suppress(Stopped):
        run_search(search, StopAfterOne(), stop)
    next((results / "runs").iterdir()).rename(results / "runs" / "one")
    return results


def _states() -> st.SearchStrategy[bytes]:
    """Return changed states of a run: two of three have changed values, one changed bytes."""
    whole = (_begun() / "runs/one/state.pt").read_bytes()
    state = torch.load(io.BytesIO(whole), weights_only=True)
    return st.one_of(documents(state).map(_saved), documents(state).map(_saved), flipped(whole))


def _saved(state: Any) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


_CHECKPOINT = (
    "convert {} --to nasbench",
    "convert {} --to nas-bench-201",
    "show {} --drawing made/x",
    f"retrain {{}} {NOWHERE}",
    f"retrain {{}} --folds 3 {NOWHERE}",
    f"hpo {{}} {NOWHERE}",
    "proxies {} --proxy params",
)
_RESULTS = (
    "leaderboard --results results --format table",
    "leaderboard --results results --format json",
    "leaderboard --results results --format md",
    "leaderboard --results results --format csv",
    "leaderboard --results results --format html",
    "leaderboard --results results --format latex --notes",
    "leaderboard --results results --with-published --unfinished --anytime",
    "board results --export made/page",
)
_RUN = (
    "search --resume results/runs/one",
    "show results/runs/one --drawing made/x",
    "show results/runs/one --supernet --drawing made/x",
    "trust results/runs/one --train 10 --device cuda:7",
    f"retrain results/runs/one {NOWHERE}",
    "board results --export made/page",
)
_GENOTYPE = (
    "convert {} --to nasbench",
    "convert {} --to nni-3",
    "convert {} --to genotype",
    "convert {} --to naslib",
)
_HPO = (
    f"hpo small-cnn --search-space {{}} {NOWHERE}",
    f"hpo small-cnn --search-space {{}} --tuner random {NOWHERE}",
    f"hpo small-cnn --search-space {{}} --tuner evolution {NOWHERE}",
)
_CONFIG = (
    f"search random --config {{}} --space nas-bench-201 {NOWHERE}",
    f"search darts --config {{}} --space nas-bench-201 {NOWHERE}",
)
_EVENTS = ("data gait {} --out made/x.h5 --jobs 1", "data draw {} --out made/x.png")
_MNIST = f"search random --task mnist --data-dir data {NETWORK} {NOWHERE}"


def formats() -> dict[str, Format]:
    """Return every format by name."""
    return {
        "checkpoint": Format("in/checkpoint.json", json_files(CHECKPOINT), _CHECKPOINT, 4),
        "run.json": Format("results/runs/one/run.json", json_files(RUN), _RUN, 2, _results),
        "run.json of a retraining": Format(
            "results/runs/one/run.json",
            json_files(RETRAINED),
            ("retrain --resume results/runs/one", *_RUN[1:2], *_RUN[4:]),
            1,
            _results,
        ),
        "run.json of a tuning": Format(
            "results/runs/one/run.json",
            json_files(TUNED),
            ("hpo --resume results/runs/one", _RUN[5]),
            1,
            _results,
        ),
        "journal": Format(
            "results/runs/one/journal.jsonl",
            st.lists(json_files(EVENTS[1]), min_size=1, max_size=3).map(b"\n".join),
            (*_RUN[2:4], _RUN[5]),
            1,
            _results,
        ),
        "record": Format("results/records/a.json", json_files(RECORD), _RESULTS, 3, _results),
        "study.json": Format(
            "results/study.json",
            json_files({"task": "digits", "scale": 1.0, "note": "x", "entries": {"a": {
                "device_seconds": 3.0, "accuracies": [0.5]}}}),
            _RESULTS,
            0.5,
            _results,
        ),
        "configuration": Format("in/c.yaml", yaml_files(CONFIG), _CONFIG, 3),
        "configuration of a retraining": Format(
            "in/c.yaml",
            yaml_files({**CONFIG, "val_fraction": 0.2, "patience": 2, "ema": 0.9}),
            (f"retrain in/good.json --config {{}} {NOWHERE}",),
            1,
            lambda folder: _put(folder / "in/good.json", json.dumps(CHECKPOINT).encode()),
        ),
        "search space": Format("in/s.json", json_files(SPACE), _HPO, 3),
        "search space, YAML": Format("in/s.yaml", yaml_files(SPACE), _HPO, 1),
        "experiment, version 1": Format(
            "e.yml", yaml_files(EXPERIMENT_1), ("hpo --config {} --out taken",), 2, _space
        ),
        "experiment, version 2": Format(
            "e.yml", yaml_files(EXPERIMENT_2), ("hpo --config {} --out taken",), 2, _space
        ),
        "study": Format("in/study.yaml", yaml_files(STUDY), ("study {} --dry-run",), 3),
        "genotype, text": Format("in/g.txt", texts(*GENOTYPES), _GENOTYPE, 3),
        "genotype, Python": Format(
            "in/g.py", texts(MODULE), (*_GENOTYPE, "convert {}:SECOND --to nasbench"), 2
        ),
        "genotype, JSON": Format("in/g.json", json_files(NNI_3), _GENOTYPE, 2),
        "images, IDX": Format(
            "data/mnist/train-images-idx3-ubyte",
            st.one_of(flipped(_idx(40, 28, 28)), spliced(_idx(40, 28, 28))),
            (_MNIST,),
            1,
            _mnist,
        ),
        "images, packed IDX": Format(
            "data/mnist/train-images-idx3-ubyte.gz",
            st.one_of(flipped(gzip.compress(_idx(40, 28, 28))),
                      flipped(_idx(40, 28, 28)).map(gzip.compress)),
            (_MNIST,),
            1,
            _mnist,
        ),
        "labels, IDX": Format(
            "data/mnist/train-labels-idx1-ubyte", flipped(_idx(40)), (_MNIST,), 1, _mnist
        ),
        "events, npz": Format(
            "in/e.npz",
            flipped(_npz(t=[1, 4, 9], x=[0, 3, 5], y=[5, 5, 6], p=[1, 0, 1])),
            _EVENTS,
        ),
        "events, packed npz": Format(
            "in/e.npz",
            flipped(_packed()),
            (f"search random --task nmnist --data-dir {{}} {NETWORK} {NOWHERE}", _EVENTS[0]),
        ),
        "events, AEDAT": Format("in/e.aedat", st.one_of(flipped(_aedat()), spliced(_aedat())),
                                _EVENTS),
        "events, text": Format("in/e.txt", texts("1 2 3 1\n5 3 3 0\n9 4 5 1\n"), _EVENTS),
        "images, HDF5": Format(
            "in/gait.h5",
            flipped(_hdf5()),
            (f"search random --task gait --data-dir {{}} {NETWORK} {NOWHERE}",),
        ),
        "table, NAS-Bench-Macro": Format(
            "in/t.json",
            json_files(MACRO).map(lambda entry: b'{"00000000": ' + entry + _macro_rest()),
            ("search random --table nas-bench-macro={} --budget 3 --concurrency 1",),
            0.5,
        ),
        "table, NAS-Bench-201": Format(
            "in/t.csv",
            st.deferred(lambda: texts(_rows()[0])).map(_csv),
            ("search random --table nas-bench-201={} --budget 3 --concurrency 1",),
            0.1,
        ),
        "weights": Format(
            "results/runs/one/model.safetensors",
            flipped(_weights()),
            ("profile results/runs/one --runs 1",),
            1,
            _trained,
        ),
        "state": Format(
            "results/runs/one/state.pt",
            st.deferred(_states),
            ("search --resume results/runs/one",),
            1,
            lambda folder: None,
            _begun,
        ),
    }  # fmt: skip


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
