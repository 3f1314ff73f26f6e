"""Every verb that writes, with a task that takes a moment, and what it has found in the end."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from killing import INLINE, Ended, run

from nasbench.store.journal import Journal
from nasbench.store.runs import RunFolder

HERE = Path(__file__).parent
MODULES = str(HERE / "engine")  # of engine_parts
TABLE = """\
from nasbench.space import DataSpec
from nasbench.tabular.base import Table


class Stub(Table):
    name, datasets, lengths = "stub", ("digits",), (9,)

    def __init__(self):
        super().__init__("engine_parts:Tiny", DataSpec(1, 8, 8, 10))

    def validation(self, arch, dataset, epochs, seed):
        return self.trainings(arch, dataset)[0]

    def trainings(self, arch, dataset):
        return (0.1 * ("skip", "conv1", "conv3").index(arch["first"]),)

    def seconds(self, arch, dataset, epochs):
        return 1.0

    def test(self, arch, dataset):
        return 0.5

    def sizes(self, arch, dataset):
        return {}


def load(path=None, data_dir=None):
    return Stub()
"""
SPACE = {"lr": {"_type": "choice", "_value": [0.01, 0.1]}}
STUDY = {
    "name": "small",
    "task": "digits",
    "seeds": 1,
    "defaults": {"epochs": 1, "limit_train": 40, "batch_size": 10},
    "entries": {
        "searched": {"search": "random", "space": "engine_parts:Tiny", "budget": 1},
        "tested": {"retrain": "searched"},
    },
}
# NNI's protocol in the shell, which starts a hundred times faster than its library.
TRIAL = r"""
x=$(grep -o '"x": [0-9.]*' "$NNI_SYS_DIR/parameter.cfg" | cut -d' ' -f2)
m="{\"parameter_id\": $NNI_TRIAL_JOB_ID, \"type\": \"FINAL\", \"sequence\": 0, \"value\": \"$x\"}"
printf 'ME%06d%s\n' $((${#m} + 1)) "$m" >> "$NNI_SYS_DIR/.nni/metrics"
"""
EXPERIMENT = {
    "experimentName": "small",
    "searchSpace": {"x": {"_type": "uniform", "_value": [0.1, 0.9]}},
    "trialCommand": "bash trial.sh",
    "trialCodeDirectory": ".",
    "trialConcurrency": 1,
    "maxTrialNumber": 2,
    "tuner": {"name": "Random"},
    "trainingService": {"platform": "local"},
}
EVENTS = "".join(f"{1000 * n} {n % 7} {n % 5} {n % 2}\n" for n in range(40))


@dataclass(frozen=True)
class Verb:
    """One command.

    Attributes:
        text: the command; ``{place}`` is where it writes, ``{given}`` holds what it reads.
        begin: whether the place holds a finished one-shot search before.
        continues: whether ``--resume`` continues it; any other verb is run again.
    """

    text: str
    begin: bool = False
    continues: bool = False

    @property
    def words(self) -> list[str]:
        """The command's words, with ``{place}`` and ``{given}``."""
        return self.text.split()


TINY = "--space engine_parts:Tiny"
SMALL = "--limit-train 40 --batch-size 10 --device cpu"
OUT = "--out {place}/results"
CELL = "{given}/cell/checkpoint.json"
ONE_SHOT = f"search darts {TINY} {SMALL} --epochs 2 {OUT}"
EVOLUTION = "evolution --budget 3 -o population=2 -o sample=2"
VERBS = {
    "search, one-shot": Verb(ONE_SHOT, continues=True),
    "search, sampled": Verb(f"search {EVOLUTION} {TINY} {SMALL} --epochs 1 {OUT}", continues=True),
    "search --table": Verb(
        "search random --table {given}/table.py:load --code engine_parts:Tiny --budget 3"
    ),
    "retrain": Verb(f"retrain {CELL} {SMALL} --epochs 2 {OUT}", continues=True),
    "retrain --folds": Verb(f"retrain {CELL} {SMALL} --folds 2 --epochs 1 {OUT}", continues=True),
    "hpo": Verb(
        f"hpo {CELL} --search-space {{given}}/space.json --tuner random --assessor medianstop "
        f"--trials 2 {SMALL} --epochs 1 {OUT}",
        continues=True,
    ),
    "hpo, NNI experiment": Verb(f"hpo --config {{given}}/experiment.yml {OUT}", continues=True),
    "study": Verb(f"study {{given}}/study.yaml --code engine_parts:Tiny --device cpu {OUT}"),
    "trust": Verb("trust {place}/results/runs/search --train 10 --epochs 1", begin=True),
    "export": Verb(f"export {CELL} --to py --out {{place}}/made"),
    "convert": Verb("convert zoo:DARTS_V2 --to nni-3 --out {place}/made.json"),
    "data gait": Verb("data gait {given}/walks --out {place}/made.h5 --sensor 8x8 --jobs 1"),
    "data gait-synthetic": Verb("data gait-synthetic {place}/made --persons 1 --walks 1 --jobs 1"),
}


def given(folder: Path) -> Path:
    """Write what the commands read, and return the folder."""
    (folder / "walks").mkdir(parents=True)
    for walk in ("1", "2"):
        (folder / "walks" / f"{walk}.txt").write_text(EVENTS)
    (folder / "table.py").write_text(TABLE)
    (folder / "space.json").write_text(json.dumps(SPACE))
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    (folder / "trial.sh").write_text(TRIAL)
    (folder / "experiment.yml").write_text(yaml.safe_dump(EXPERIMENT))
    ended = run(ONE_SHOT.split(), folder / "cells", **env(folder / "cells"))
    assert ended.status == 0, ended.err
    (only,) = (folder / "cells" / "results" / "runs").iterdir()
    only.rename(folder / "cell")
    return folder


def env(place: Path) -> dict[str, str]:
    """Return the environment of a command: what it remembers lies in its place, too."""
    cache = str(place / "cache")
    return {"PYTHONPATH": MODULES, "XDG_CACHE_HOME": cache, "COLUMNS": "200", INLINE: "yes"}


@dataclass(frozen=True)
class Bench:
    """Runs verbs below a folder.

    Attributes:
        folder: for all places.
        files: what the commands read, of :func:`given`.
    """

    folder: Path
    files: Path

    def words(self, name: str) -> list[str]:
        """Return a verb's command, with ``{place}`` left in it."""
        return [word.replace("{given}", str(self.files)) for word in VERBS[name].words]

    def begun(self, name: str, place: Path) -> Path:
        """Make a verb's place as it is before the verb."""
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        if VERBS[name].begin:
            shutil.copytree(self.files / "cell", place / "results" / "runs" / "search")
        if VERBS[name].begin or CELL in VERBS[name].text:  # the user has named the space before
            shutil.copytree(self.files / "cells" / "cache", place / "cache")
        return place

    def run(self, name: str, place: Path, **how: Any) -> Ended:
        """Run a verb in its place; see :func:`killing.run`."""
        return run(self.words(name), place, **env(place), **how)

    def end(self, name: str, place: Path, **how: Any) -> Ended | None:
        """Continue what was interrupted in a place; ``None`` if it is complete.

        ``how`` interrupts it again; see :func:`killing.run`.
        """
        words, runs = self.words(name), [path.parent for path in place.rglob("run.json")]
        if VERBS[name].continues and runs:
            (only,) = runs
            if RunFolder(only).status == "done":
                return None
            words = [words[0], "--resume", str(only), *OUT.split()]
        return run(words, place, **env(place), **how)


def outcome(place: Path) -> dict[str, Any]:
    """Return all that is below a place but for times and names that hold one, by file."""
    found: dict[str, Any] = {}
    for path in sorted(place.rglob("*")):
        name = re.sub(r"\d{8}-\d{6}-|-[0-9a-f]{4}(?=[./])", "", str(path.relative_to(place)))
        if path.is_dir() or name.startswith("cache") or not _lasts(path):
            continue
        found[name] = READERS.get(path.suffix, Path.read_bytes)(path)
        if path.parent.name == "records":
            found[f"{name}: openings"] = _openings_are_told(path)
    return found


def _openings_are_told(record: Path) -> bool:
    """Return whether a record tells of every opening of the test set, before a kill as well."""
    journal = Journal(record.parents[1] / "runs" / record.stem / "journal.jsonl")
    told = json.loads(record.read_text())["test_openings"]
    return bool(told == len(journal.events("test opened")) >= 1)


def _lasts(path: Path) -> bool:
    folders = path.parts[:-1]
    drawn = path.suffix == ".svg" and "studies" in folders  # has the seconds of a run in it
    temporary = path.name.startswith(".") or any(part.startswith(".") for part in folders)
    orphan = "runs" in folders and not _run_of(path).joinpath("run.json").exists()
    return not (drawn or temporary or orphan or "tb" in folders or path.name == "README.md")


def _run_of(path: Path) -> Path:
    return next(folder for folder in path.parents if folder.parent.name == "runs")


def _state(path: Path) -> Any:
    return torch.load(path, weights_only=True)["unit"]


def _journal(path: Path) -> Any:
    journal = Journal(path)
    kinds = ("epoch", "decisions", "test opened", INTERRUPTED)
    rest = [timeless(event) for event in journal.events() if event.get("event") not in kinds]
    return timeless(journal.epochs()), rest


INTERRUPTED = "interrupted"
CHANGING = (
    *("time", "seconds", "total_seconds", "measuring", "latency_ms"),
    *("provenance", "run", "cost", "curve"),
    *("device_seconds", "retrain_seconds", "search_seconds", "latency_ms", "search_provenance"),
    *("search_run", "continued", "test_openings", "record", "folds", "out", "error", "model"),
    *("space_content", "val_interval"),
)


def timeless(value: Any) -> Any:
    """Return a nested value without times, without which run it comes from, and where it lies."""
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in CHANGING}
    return [timeless(v) for v in value] if isinstance(value, list | tuple) else value


READERS: dict[str, Callable[[Path], Any]] = {
    ".json": lambda path: timeless(json.loads(path.read_text())),
    ".jsonl": _journal,
    ".pt": _state,
}


def same(one: Any, other: Any) -> str:
    """Return where two outcomes differ, ``""`` if they are equal bit for bit."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return f"{sorted(map(str, one.keys() ^ other.keys()))}"
        pairs: Sequence[tuple[Any, Any, Any]] = [(key, one[key], other[key]) for key in one]
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return f"{len(one)} and {len(other)} parts"
        pairs = [(n, a, b) for n, (a, b) in enumerate(zip(one, other, strict=True))]
    elif isinstance(one, torch.Tensor):
        return "" if torch.equal(one, other) else "tensor"
    else:
        return "" if one == other else f"{one!r:.80} and {other!r:.80}"
    return next((f"{key}: {why}" for key, a, b in pairs if (why := same(a, b))), "")
