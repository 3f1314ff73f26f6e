"""Names of plug-ins that are given as objects: classes and functions, not ``file.py:Name``."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasbench import catalog
from nasbench.api import source
from nasbench.errors import UserError

FOLDER = "code"
"""The folder in a results folder that holds code of notebooks and programs."""

KINDS = {
    "strategy": "strategy",
    "space": "space",
    "model": "space",
    "task": "task",
    "tuner": "tuner",
    "assessor": "assessor",
    "proxy": "proxy",
    "proxies": "proxy",
    "filter_proxy": "proxy",
    "predictor": "predictor",
    "metric": "metric",
    "also": "metric",
    "loss": "loss",
    "table": "table",
}
"""The options that name a plug-in, and its kind."""


def named(values: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Return options with names in place of classes, functions and paths.

    Args:
        values: by option, or by option of a plug-in.
        out: the results folder, which keeps code that has no file.

    Raises:
        UserError: an object has no name and cannot be kept by its source.
    """
    found = {}
    for option, value in values.items():
        if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
            value = name_of(option, value, out)
        elif isinstance(value, list | tuple) and any(map(callable, value)):
            value = [name_of(option, one, out) if callable(one) else one for one in value]
        elif option in KINDS and isinstance(value, Path):
            value = str(value)
        elif option in KINDS and callable(value):
            kind = type(value).__name__
            raise UserError(
                f"--{option} {kind}: must be a class or a function itself, or its name, and this "
                f"is an object of the class {kind}"
            )
        found[option] = value
    return found


def name_of(option: str, value: Any, out: Path) -> str:
    """Return a name by which any process can load a class or function.

    Args:
        option: that it is given for.
        value: the class or function.
        out: the results folder.

    Returns:
        Its name in the catalog; ``file.py:Name`` if a file beside the program defines it;
        ``package.module:Name`` in an installed package; or the name of a file that keeps its
        source.

    Raises:
        UserError: its source is not known, or refers to something that cannot be kept.
    """
    name, module = value.__name__, value.__module__
    kind = KINDS.get(option, "")
    for known, entry in catalog.TABLES.get(kind, {}).items():
        if entry.target == f"{module}:{name}":
            return known
    loaded = sys.modules.get(module)
    if loaded is not None and getattr(loaded, name, None) is value:
        origin = getattr(loaded, "__file__", None)
        if source.importable(module):
            return f"{origin}:{name}" if _is_beside(module, origin) else f"{module}:{name}"
        if origin is not None and module in catalog.loaded_files():
            return f"{origin}:{name}"
    if not isinstance(value, type | types.FunctionType) or name == "<lambda>":
        raise UserError(f"--{option} {name}: give it a name: define it with def")
    return source.kept(value, out / FOLDER)


def _is_beside(module: str, origin: str | None) -> bool:
    """Return whether a module is a single file of the user's own, in no package."""
    if "." in module or module in sys.stdlib_module_names or not str(origin).endswith(".py"):
        return False
    place = Path(str(origin))
    return place.name != "__init__.py" and not {"site-packages", "dist-packages"} & {*place.parts}


def words(values: Mapping[str, Any]) -> list[str]:
    """Return every text among options: what the user named, for :mod:`nasbench.known_code`."""
    found = []
    for value in values.values():
        each = value if isinstance(value, list | tuple) else [value]
        found += [str(one) for one in each if isinstance(one, str | Path)]
    return found
