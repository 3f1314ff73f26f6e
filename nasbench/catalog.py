"""Names and what they stand for; nothing is imported before it is asked for."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from nasbench.errors import UserError, unknown

STRATEGIES = {
    "darts": "nasbench.strategies.oneshot.darts:DartsStrategy",
    "random": "nasbench.strategies.sampled.random:RandomStrategy",
}
SPACES = {
    "darts": "search_spaces.darts:Darts",
}
TASKS = {
    "digits": "nasbench.tasks.digits:load_digits",
    "mnist": "nasbench.tasks.mnist:load_mnist",
    "fashion-mnist": "nasbench.tasks.mnist:load_fashion_mnist",
    "cifar10": "nasbench.tasks.cifar10:load_cifar10",
}
ENTRY_POINTS = {
    "retrain": "retrain.train:run_retrain",
}
TABLES = {"strategy": STRATEGIES, "space": SPACES, "task": TASKS, "entry point": ENTRY_POINTS}


def resolve(kind: str, name: str) -> Any:
    """Return what ``name`` stands for.

    Args:
        kind: ``strategy``, ``space``, ``task`` or ``entry point``.
        name: a name of the kind's table, ``path/to/file.py:Name`` or ``package.module:Name``.

    Raises:
        UserError: nothing of that name can be had; the nearest names are told.
    """
    table = TABLES[kind]
    if name in table:
        module, _, attribute = table[name].partition(":")
        return getattr(importlib.import_module(module), attribute)
    if ":" not in name:
        hint = ", or file.py:Class, or package.module:Class" if kind == "space" else ""
        raise UserError(f"{unknown(kind, name, table)}{hint}")
    return _from_module(kind, name)


def _from_module(kind: str, name: str) -> Any:
    where, _, attribute = name.rpartition(":")
    module = _load_file(kind, Path(where)) if where.endswith(".py") else _load_module(kind, where)
    if not hasattr(module, attribute):
        raise unknown(f"{kind} in {where}", attribute, _classes(module))
    return getattr(module, attribute)


def _classes(module: ModuleType) -> list[str]:
    """Return the classes that ``module`` itself defines."""
    return [
        key
        for key, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]


def _load_file(kind: str, path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"{kind} {str(path)!r}: there is no such file")
    # A name of its own for each path, so that two files called my_space.py stay apart.
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    name = f"{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(name, None)
        raise UserError(f"{kind} {str(path)!r} cannot be imported: {_reason(error)}") from error
    return module


def _load_module(kind: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise UserError(f"{kind} {name!r} cannot be imported: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    text = str(error).splitlines()
    return f"{type(error).__name__}: {text[0] if text else 'no reason given'}"


def fingerprint(name: str) -> str | None:
    """Return the SHA-256 of the file behind ``file.py:Class``, or ``None`` for other names."""
    where = name.rpartition(":")[0]
    if not where.endswith(".py"):
        return None
    return hashlib.sha256(Path(where).read_bytes()).hexdigest()
