"""Mutated files and options end in one line; ``survey.py`` counts thousands of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from probing import Verdict, probe
from survey import jobs, workspace

JOBS = jobs()
LONG = {
    *("events, npz", "events, packed npz", "events, AEDAT", "events, text", "images, HDF5"),
    *("weights", "state", "options of data draw", "options of data gait", "options of export"),
    "options of profile",
    *("table, NAS-Bench-Macro", "table, NAS-Bench-201"),
}
"""Those that load or train for seconds before the first input."""

TOTAL = int(os.environ.get("NASBENCH_FUZZ", "50"))
"""Inputs of all tests together, about."""

WEIGHTS = sum(weight for weight, _ in JOBS.values())


def _check(verdict: Verdict, words: str) -> None:
    assert not verdict.broken, f"{verdict.broken}: {verdict.detail}\n{words}"


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in LONG else n for n in JOBS]
)
def test_mutants_end_in_one_line(name):
    weight, job = JOBS[name]
    job(max(1, round(TOTAL * weight / WEIGHTS)), 0, _check)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in JOBS if name not in LONG])
def test_more_mutants_end_in_one_line(name):
    weight, job = JOBS[name]
    job(max(1, round(4 * TOTAL * weight / WEIGHTS)), 1, _check)


NO_FILES = [
    "show {}",
    "convert {} --to nni-3",
    "export {} --to py --out new",
    "retrain {}",
    "proxies {} --proxy params",
    "hpo small-cnn --search-space {}",
    "hpo small-cnn --config {}",
    "search darts --config {}",
    "search random --table nas-bench-macro={}",
    "study {} --dry-run",
    "search random --task nmnist --data-dir {}",
    "search random --task gait --data-dir {}",
    "data gait {} --out new.h5 --jobs 1",
]


@pytest.mark.parametrize(
    "names",
    [
        ["pipe.json"],
        pytest.param(
            ["folder.json", "deep.json", "/dev/zero", "x" * 300, "a/" * 3000],
            marks=pytest.mark.slow,
        ),
    ],
    ids=["pipe", "others"],
)
@pytest.mark.parametrize("command", NO_FILES)
def test_what_is_no_file_is_refused(command, names):
    with workspace() as folder:
        os.mkfifo("pipe.json")
        Path("folder.json").mkdir()
        Path("deep.json").write_text("[" * 100_000)
        for name in names:
            verdict = probe(command.replace("{}", name).split(), [name[:30]], folder)
            _check(verdict, f"{command}: {name}")
            assert verdict.status == 2, (command, name)
