"""Imports go downwards only; docs/architecture.md says the same in words."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from nasbench import catalog

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("nasbench", "search_spaces", "retrain")

# Small modules without torch, below everything.
GROUND = {
    "",
    "errors",
    "faults",
    "graph",
    "measures",
    "optional",
    "options",
    "plain_files",
    "plain_json",
    "plain_yaml",
    "provenance",
    "known_code",
    "threads",
}  # "" is the package, for __version__

# A part of nasbench, or a package beside it -> what it may import besides GROUND.
ALLOWED: dict[str, set[str]] = {
    # The names that users import, each loaded when it is asked for.
    "": {"api", "space", "tasks"},
    "errors": set(),
    "faults": set(),
    "graph": set(),
    "measures": set(),
    "optional": set(),
    "packaging": set(),  # setuptools reads it alone
    "options": set(),
    "plain_files": set(),
    "plain_json": set(),
    "plain_yaml": set(),
    "provenance": set(),
    "known_code": set(),
    "threads": set(),
    "arguments": set(),
    "budget": set(),
    "config": {"budget"},
    # The catalog holds names only; what they stand for is imported when it is asked for.
    "catalog": set(),
    "devices": set(),
    "seeding": set(),
    "nn": {"space"},  # layers that take a choice
    "interop": set(),
    "space": set(),
    "supernet": {"nn", "space"},
    "data": {"seeding"},
    # Written are plain layers; drop-path and choices are looked through.
    # They say what they expect: data.preprocessing.
    "export": {"data", "nn", "space"},
    # A task tells its spaces the shape of its data: space.spec.
    # Its loss and its metrics are those of the training.
    "tasks": {"catalog", "config", "data", "events", "space", "training"},
    # A loss or a metric may be the user's own.
    "training": {"catalog", "data", "nn", "seeding"},
    # A one-shot strategy steps by the training's objective and optimizers; it has no loop.
    # It ranks by zero-cost proxies, whose scores the engine gives it.
    # The predictor of a search may be the user's own.
    "strategies": {"catalog", "nn", "proxies", "seeding", "space", "supernet", "training"},
    "store": set(),
    # What it measures takes examples of any shape.
    "cost": {"space"},
    # What an untrained network tells; the smallest proxies are its costs.
    "proxies": {"cost", "space"},
    "executors": set(),
    # Recordings of event cameras; without torch.
    "events": set(),
    # Tuners know neither torch nor networks; the engine gives them trials.
    "hpo": {"seeding"},
    # A table asks the catalog for its space. Searches on tables take limits from the engine,
    # which knows no tables: a search without trainings needs no run.
    "tabular": {
        "arguments",
        "budget",
        "catalog",
        "data",
        "engine",
        "executors",
        # Tuners are benchmarked on tables of hyperparameters.
        "hpo",
        "interop",
        # Aggregates rank the networks of a benchmark.
        "proxies",
        "report",
        "seeding",
        "space",
        # What was read from a package is kept; searches of a benchmark are.
        "store",
        "strategies",
    },
    "testing": {
        "catalog",
        "data",
        "hpo",
        "nn",
        "seeding",
        "space",
        "strategies",
        "supernet",
        "tabular",
        "tasks",
        "training",
    },
    # What an option means that a record lacks.
    "report": {"budget", "config", "store"},
    # A run draws what it found (report.drawing), and asks the catalog for spaces by their names.
    "engine": {
        "interop",
        "arguments",
        "budget",
        "catalog",
        "config",
        "cost",
        "data",
        "devices",
        "executors",
        "hpo",
        "nn",
        "proxies",
        "report",
        "seeding",
        "space",
        "store",
        "strategies",
        # The expected costs of mixtures, for limits.
        "supernet",
        "tasks",
        "training",
    },
    # Compares a supernet's ranking with that of trainings, looked up in tables or made here.
    "ranking": {
        "catalog",
        "config",
        "cost",
        "data",
        "devices",
        "engine",
        # A proxy, or the supernet and proxies together, ranks too.
        "proxies",
        "seeding",
        "space",
        "store",
        "strategies",
        "supernet",
        "tabular",
        "tasks",
        "training",
    },
    # Searches a supernet's networks for bounds, and writes them with its weights.
    "specialization": {
        "catalog",
        "config",
        "cost",
        "data",
        "engine",
        "ranking",
        "seeding",
        "space",
        "store",
        "strategies",
        "supernet",
        "tasks",
        "training",
    },
    "study": {
        "arguments",
        "budget",
        "catalog",
        "config",
        "engine",
        "executors",
        "report",
        "retrain",
        "store",
        "strategies",
        "tasks",
        "training",
    },
    # The page reads what lies on the disk, and asks the catalog for the spaces' pictures.
    "board": {"budget", "catalog", "report", "store"},
    # What the commands do, as functions of a program or a notebook.
    "api": {
        "catalog",
        "config",
        "data",
        "devices",
        "engine",
        "export",
        "hpo",
        "report",
        "retrain",
        "seeding",
        "space",
        "specialization",
        "store",
        "study",
        "tabular",
        "tasks",
        "training",
    },
    "cli": {
        "data",  # what reading of data shows: data.watching, without torch
        "api",
        "board",
        "cost",
        "devices",
        "export",
        "interop",
        "arguments",
        "catalog",
        "config",
        "engine",
        "events",
        # The names of tuners that are not available, for the listing.
        "hpo",
        "ranking",
        "report",
        "space",
        "specialization",
        "store",
        "retrain",
        "study",
        "tabular",
        "tasks",
        "training",
    },
    "__main__": {"cli"},
    # A space describes itself: its pictures (graph), its text (interop), and shared layers (nn).
    "search_spaces": {"interop", "nn", "space"},
    "retrain": {
        "arguments",
        "catalog",
        "config",
        "cost",
        "data",
        "engine",
        "executors",
        "nn",
        # Intervals of folds: report.statistics.
        "report",
        "seeding",
        "space",
        "store",
        "tasks",
        "training",
    },
}


def _modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


FILES = dict(_modules())


@cache
def _tree(name: str) -> ast.Module:
    return ast.parse(FILES[name].read_text(encoding="utf-8"))


def _named(node: ast.AST) -> list[str]:
    """Return the modules that an import statement names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        inside = [f"{node.module}.{alias.name}" for alias in node.names]
        return [name if name in FILES else str(node.module) for name in inside]
    return []


def _imports(name: str) -> set[str]:
    return {found for node in ast.walk(_tree(name)) for found in _named(node)}


def _imports_at_load(body: list[ast.stmt]) -> set[str]:
    """Return what is imported when the module is: neither in functions nor for types alone."""
    found: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            found |= _imports_at_load(node.orelse)
            continue
        found |= set(_named(node))
        blocks = (getattr(node, name, []) for name in ("body", "orelse", "finalbody", "handlers"))
        found |= _imports_at_load([inner for block in blocks for inner in block])
    return found


def _part(module: str) -> str:
    """Return the part that ``module`` belongs to."""
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == "nasbench" else package


def _own(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] in PACKAGES}


def _of(*parts: str) -> list[str]:
    return [name for name in FILES if _part(name) in parts]


def test_every_part_is_in_the_table():
    assert {_part(name) for name in FILES} == set(ALLOWED)


def test_the_table_has_no_circle():
    TopologicalSorter(ALLOWED).prepare()


@pytest.mark.parametrize("part", ALLOWED)
def test_a_part_imports_only_what_lies_below(part):
    allowed = ALLOWED[part] | GROUND | {part}
    wrong = {
        name: sorted(bad)
        for name in _of(part)
        if (bad := {found for found in _own(_imports(name)) if _part(found) not in allowed})
    }
    assert not wrong


def test_no_string_names_a_higher_package():
    """Names of plug-ins are in the catalog; everything else is imported, where it can be seen."""
    spelled = re.compile(r"(nasbench|search_spaces|retrain)(\.\w+)+(:\w+)?")
    wrong = [
        f"{name}: {node.value}"
        for name in FILES
        if name != "nasbench.catalog"
        for node in ast.walk(_tree(name))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and spelled.fullmatch(node.value)
        and _part(node.value.partition(":")[0]) not in ALLOWED[_part(name)] | {_part(name)}
    ]
    assert not wrong


def test_the_catalog_names_plug_ins_alone():
    targets = {entry.target for table in catalog.TABLES.values() for entry in table.values()}
    modules = {target.partition(":")[0] for target in targets}
    assert {_part(name) for name in modules} == {
        "strategies", "search_spaces", "retrain", "tasks", "hpo", "tabular", "proxies"
    }  # fmt: skip
    assert {name for name in modules if _part(name) == "retrain"} <= set(_of("retrain"))
    assert all(name.startswith("retrain.baselines.") for name in modules & set(_of("retrain")))


def test_strategies_know_neither_tasks_nor_engine_nor_store():
    reached, waiting = set[str](), ["strategies"]
    while waiting:
        part = waiting.pop()
        reached.add(part)
        waiting += [one for one in ALLOWED[part] if one not in reached]
    assert not reached & {"tasks", "engine", "store", "cli", "report"}


def test_the_engine_takes_of_the_report_what_knows_no_records():
    engine = {found for name in _of("engine") for found in _imports(name)}
    used = {found for found in _own(engine) if _part(found) == "report"}
    general = ("comparisons", "drawing", "plots", "quantities", "statistics")
    assert used <= {f"nasbench.report.{name}" for name in general}


@pytest.mark.parametrize("name", _of("report", "config", "catalog", "cli", "events"))
def test_no_torch_at_load(name):
    loaded = _imports_at_load(_tree(name).body)
    assert not {found for found in loaded if found.partition(".")[0] in ("torch", "torchvision")}


def test_the_report_never_imports_torch():
    found = {one.partition(".")[0] for name in _of("report") for one in _imports(name)}
    assert "torch" not in found


@pytest.mark.parametrize(
    "modules",
    [
        ("nasbench.cli",),
        ("nasbench.config", "nasbench.catalog"),
        tuple(_of("report")),
        tuple(_of("events")),
    ],
    ids=["cli", "config and catalog", "report", "events"],
)
def test_torch_stays_out_of_a_fresh_process(modules):
    code = f"import sys, {', '.join(modules)}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("False", "")


EXTRAS = ("h5py", "aedat", "ray", "onnx", "onnxruntime", "matplotlib", "jinja2")
"""Packages of the extras of pyproject.toml."""


def test_a_search_loads_no_extra():
    """None of what a search or a retraining loads, of its strategies and spaces, imports one."""
    tables = (catalog.STRATEGIES, catalog.SPACES, catalog.BASELINES, catalog.PROXIES)
    named = [one.target.partition(":")[0] for table in tables for one in table.values()]
    waiting = ["nasbench.engine.search", "nasbench.engine.hpo", "nasbench.tasks.digits"]
    waiting += ["retrain.train", *named]
    reached: dict[str, set[str]] = {}
    while waiting:
        name = waiting.pop()
        if name in FILES and name not in reached:
            reached[name] = _imports_at_load(_tree(name).body)
            waiting += [*reached[name], name.rpartition(".")[0]]
    assert len(reached) > 100
    found = {
        name: [one for one in of if one.partition(".")[0] in EXTRAS]
        for name, of in reached.items()
    }
    assert {name: extras for name, extras in found.items() if extras} == {}


@pytest.mark.slow
def test_a_search_needs_no_extra():
    """Without the extras, every task of pictures and arrays still opens."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({EXTRAS!r}))\n"
        "import nasbench.engine.search, nasbench.engine.hpo, retrain.train\n"
        "from nasbench.engine.problem import load_task\n"
        "from nasbench.config import TrainingConfig\n"
        "print(load_task(TrainingConfig(), 'digits').name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("digits\n", "")
