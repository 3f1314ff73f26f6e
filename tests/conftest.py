"""Fixtures of all tests."""

from __future__ import annotations

import functools
import gc
import json
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

# One thread each, here and in every process that a test starts: tests run side by side, and
# threads that wait for each other's cores slow small networks down a hundredfold.
os.environ["OMP_NUM_THREADS"] = "1"
# What a test names as its own code is remembered here, and not in the user's home.
CACHE = os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="nasbench-tests-")

import pytest
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _pytest.terminal import TerminalReporter

REPOSITORY = Path(__file__).resolve().parent.parent
LOOPS = frozenset(
    {
        "test_hpo_assessors.py",
        "test_hpo_conformance.py",
        "test_retrain_baselines.py",
        "test_sampled_conformance.py",
        "test_security_output.py",
        "test_spaces_conformance.py",
        "test_tabular_benchmark.py",
        "test_tabular_macro.py",
    }
)
"""Files marked ``loops``: they take twice the time if lines are counted, and others run the same
lines, so ``.ci/run`` counts without them."""


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    shutil.rmtree(CACHE, ignore_errors=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-durations", metavar="PATH", help="write the tests' seconds as JSON")


@pytest.hookimpl(tryfirst=True)  # before tests are selected by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start long tests first, lest one worker ends with them while the others wait."""
    for item in items:
        if item.path.name in LOOPS:
            item.add_marker(pytest.mark.loops)
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[object]:
    """Collect without the garbage collector: nearly all that is made lives to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Spare the garbage collector what lives to the end: walks of all modules and tests.

    They took an eighth of the run's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 50, 50)


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Write the seconds of every file and every test, the longest first."""
    path = config.getoption("write_durations")
    if path is None:
        return
    tests: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                tests[report.nodeid] += report.duration
    files: Counter[str] = Counter()
    for name, seconds in tests.items():
        files[name.split("::")[0]] += seconds
    parts = {"files": files, "tests": tests}
    content = {part: {k: round(v, 2) for k, v in c.most_common()} for part, c in parts.items()}
    Path(path).write_text(json.dumps({"seconds": round(files.total(), 1), **content}, indent=1))
    terminalreporter.write_line(f"seconds of {len(tests)} tests: {path}")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder with the real data, or skip."""
    for root in (os.environ.get("NASBENCH_DATA"), REPOSITORY.parent / "shared" / "data"):
        if root and Path(root).is_dir():
            return Path(root)
    pytest.skip("no real data: neither $NASBENCH_DATA nor ../shared/data is there")


@pytest.fixture(scope="session")
def published(data_root: Path) -> dict:
    """The published genotypes with their parameter counts."""
    path = data_root / "genotypes.json"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return json.loads(path.read_text())["genotypes"]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data sets."""
    beside = Path(__file__).parents[1].parent / "shared" / "data"
    places = [Path(os.environ.get("NASBENCH_DATA") or beside), beside]
    for place in places:
        if (place / "mnist" / "train-images-idx3-ubyte.gz").is_file():
            return place
    pytest.skip(f"no real MNIST files in {' or '.join(map(str, places))}")


def _same(ours: object, theirs: object) -> bool:
    if isinstance(ours, torch.Tensor) and isinstance(theirs, torch.Tensor):
        return torch.equal(ours, theirs)
    return ours == theirs


def same_state(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    """Whether two networks hold the same values, bit for bit."""
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(_same(v, theirs[k]) for k, v in ours.items())


@pytest.fixture(scope="session", autouse=True)
def _one_commit() -> Iterator[None]:
    """Ask git once what this repository's commit is, and not for each of the runs."""
    from nasbench import provenance

    source, asked = provenance._SOURCE, provenance._git
    known = functools.cache(asked)

    def git(folder: Path, *arguments: str) -> str | None:
        return (known if folder == source else asked)(folder, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "_git", git)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_flush_to_the_disk() -> Iterator[None]:
    """Leave out fsync, which takes milliseconds; what a test reads is there without it.

    Tests of full disks and of kills replace it themselves.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_graphs() -> Iterator[Callable[..., str]]:
    """Leave out the graphs of networks for TensorBoard: a tenth of the time of a short run."""
    from nasbench.engine.callbacks import TensorBoardCallback

    whole = TensorBoardCallback.graph
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TensorBoardCallback, "graph", lambda self, network, spec: "")
        yield whole


@pytest.fixture
def graphs(_no_graphs: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the graphs of networks after all."""
    monkeypatch.setattr("nasbench.engine.callbacks.TensorBoardCallback.graph", _no_graphs)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.default_generator.manual_seed(0)
    if torch.cuda.is_initialized():  # torch.manual_seed(0) prepares for it, for a millisecond
        torch.cuda.manual_seed_all(0)
