"""The user's own code as a task: ``file.py:Name``, a function or a class.

It returns a :class:`~nasbench.tasks.base.Task`, a dataset, or a pair (train, test) of datasets.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from nasbench import catalog, known_code
from nasbench.config import TaskConfig
from nasbench.data.packed import PARTS
from nasbench.errors import UserError
from nasbench.tasks import arrays, datasets, packing, sources
from nasbench.tasks.base import Task


def load(name: str, config: TaskConfig, data_dir: Path | None = None) -> Task:
    """Return the task that a function or a class of the user's gives.

    Args:
        name: ``file.py:Name`` or ``package.module:Name``; it is called with ``data_dir`` if it
            takes that, and else without arguments.
        config: how a dataset is read.
        data_dir: the folder that the user names, or ``None``.

    Raises:
        UserError: it cannot be called so, or returns something else.
    """
    given = _called(name, data_dir)
    if isinstance(given, Task):
        packing.refuse_own(name, config)
        return given
    short = sources.short(name)
    parts = {"train": given}
    if isinstance(given, tuple | list) and len(given) in (2, 3) and not _is_array(given[0]):
        named = PARTS if len(given) == 3 else ("train", "test")
        parts = dict(zip(named, given, strict=True))
    if all(datasets.is_dataset(one) for one in parts.values()):
        key = [known_code.fingerprint(name), str(data_dir)]
        return datasets.load(short, parts, key, config, name=short)
    if all(isinstance(one, tuple | list) and len(one) == 2 for one in parts.values()):
        packing.refuse(name, config, "size", "channels", "skip_bad", "columns")
        return arrays.of_pairs(short, parts, config.target, name=short)
    kinds = ", ".join(type(one).__name__ for one in parts.values())
    raise UserError(
        f"task {name!r}: returned {kinds}: must be a nasbench Task, a dataset, or a pair (train, "
        "test) of datasets"
    )


def _is_array(given: Any) -> bool:
    return hasattr(given, "shape") and not datasets.is_dataset(given)


def _called(name: str, data_dir: Path | None) -> Any:
    """Return what the user's function or class gives."""
    found: Any = catalog.resolve("task", name)
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError) as error:
        raise UserError(f"task {name!r}: must be a function or a class") from error
    for arguments in ({"data_dir": data_dir}, {}):
        try:
            signature.bind(**arguments)
        except TypeError:
            continue
        if not arguments and data_dir is not None:
            raise UserError(f"--data-dir {data_dir}: the task {name} takes no data_dir")
        return found(**arguments)
    raise UserError(
        f"task {name!r}: must be a function or a class that can be called without arguments, or "
        "with data_dir alone"
    )
