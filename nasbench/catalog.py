"""Names and what they stand for; nothing is imported before it is asked for."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from nasbench import trust
from nasbench.errors import UserError, unknown


class Entry(NamedTuple):
    """Where something is, and what it is in a few words."""

    target: str
    words: str


STRATEGIES = {
    "darts": Entry(
        "nasbench.strategies.oneshot.darts:DartsStrategy",
        "one-shot; differentiable, first or second order (Liu et al., 2019)",
    ),
    "random": Entry(
        "nasbench.strategies.sampled.random:RandomStrategy",
        "sampled; uniform draws, each trained briefly (Li and Talwalkar, 2019)",
    ),
}
SPACES = {
    "darts": Entry("search_spaces.darts:Darts", "a stack of DARTS cells, 10^18 architectures"),
}
TASKS = {
    "digits": Entry(
        "nasbench.tasks.digits:load_digits",
        "8x8 handwritten digits, bundled: 1,437 training and 360 test images",
    ),
    "mnist": Entry(
        "nasbench.tasks.mnist:load_mnist", "28x28 handwritten digits: 60,000 and 10,000 images"
    ),
    "fashion-mnist": Entry(
        "nasbench.tasks.mnist:load_fashion_mnist", "28x28 clothes: 60,000 and 10,000 images"
    ),
    "cifar10": Entry(
        "nasbench.tasks.cifar10:load_cifar10", "32x32 photographs: 50,000 and 10,000 images"
    ),
}
# What the command line needs of the package ``retrain``, which stands above this one.
ENTRY_POINTS = {
    "recipes": "retrain.recipes:RECIPES",
    "configure": "retrain.train:configure",
    "retrain": "retrain.train:run_retrain",
    "space_of": "retrain.rebuild:space_of",
}
TABLES = {"strategy": STRATEGIES, "space": SPACES, "task": TASKS}


def resolve(kind: str, name: str) -> Any:
    """Return what ``name`` stands for.

    Args:
        kind: ``strategy``, ``space`` or ``task``.
        name: a name of the kind's table, ``path/to/file.py:Name`` or ``package.module:Name``.

    Raises:
        UserError: nothing of that name can be had; the nearest names are told.
    """
    check(kind, name)
    table = TABLES[kind]
    if name not in table:
        return _from_module(kind, name)
    module, _, attribute = table[name].target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def entry_point(name: str) -> Any:
    """Return a function of a package that stands above this one."""
    module, _, attribute = ENTRY_POINTS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def check(kind: str, name: str) -> None:
    """Raise unless ``name`` is in the kind's table or names a file or module.

    Raises:
        UserError: it is unknown; the nearest names are told.
    """
    if name not in TABLES[kind] and ":" not in name:
        raise unknown(kind, name, [*TABLES[kind], "file.py:Class", "package.module:Class"])


def check_known(kind: str, name: str) -> None:
    """Raise unless code that a checkpoint or run folder names may run; see :mod:`nasbench.trust`.

    Raises:
        UserError: it is neither in the table nor known to this user.
    """
    check(kind, name)
    if name not in TABLES[kind] and not trust.known(name):
        raise UserError(
            f"the {kind} {name!r} is named by a file, and its code is not known here: "
            f"to run it, name it yourself with --{kind} {name}"
        )


def _from_module(kind: str, name: str) -> Any:
    where, _, attribute = name.rpartition(":")
    module = _load_file(kind, Path(where)) if where.endswith(".py") else _load_module(kind, where)
    if not hasattr(module, attribute):
        raise unknown(f"{kind} in {where}", attribute, _classes(module))
    trust.remember(name)
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


def short(name: str) -> str:
    """Return ``name`` without the folders of ``path/to/file.py:Name``: for records and tables."""
    where, colon, attribute = name.rpartition(":")
    return f"{Path(where).name}{colon}{attribute}" if where.endswith(".py") else name


def fingerprint(name: str) -> str | None:
    """Return the SHA-256 of the file behind ``file.py:Class``, or ``None`` for other names."""
    return trust.fingerprint(name) if name.rpartition(":")[0].endswith(".py") else None
