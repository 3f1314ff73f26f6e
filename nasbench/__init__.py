"""nasbench: search a network architecture, retrain it, and compare it honestly.

The commands are functions here, with the same defaults, names and files::

    import nasbench as nb

    found = nb.search("darts", task="digits", seeds=3)
    board = nb.leaderboard([one.retrain() for one in found])

Nothing is imported before it is used: ``import nasbench`` and ``nasbench --help`` load no torch.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

__all__ = [
    "Arch",
    "DataSpec",
    "InputChoice",
    "Interrupted",
    "LayerChoice",
    "Repeat",
    "SearchSpace",
    "Task",
    "UserError",
    "ValueChoice",
    "__version__",
    "compare",
    "export",
    "hpo",
    "leaderboard",
    "list",
    "load",
    "predict",
    "retrain",
    "runs",
    "search",
    "specialize",
    "study",
    "task",
]

__version__ = "0.1.0"

if TYPE_CHECKING:
    from nasbench.api.boards import leaderboard
    from nasbench.api.calling import Interrupted
    from nasbench.api.comparing import compare
    from nasbench.api.listing import list
    from nasbench.api.loading import load
    from nasbench.api.predicting import predict
    from nasbench.api.retraining import retrain
    from nasbench.api.run_list import runs
    from nasbench.api.search import search
    from nasbench.api.specializing import specialize
    from nasbench.api.tasks import task
    from nasbench.errors import UserError
    from nasbench.space import (
        Arch,
        DataSpec,
        InputChoice,
        LayerChoice,
        Repeat,
        SearchSpace,
        ValueChoice,
    )
    from nasbench.tasks.base import Task

# Where each name is; nothing of it is imported before it is asked for.
_PLACES = {
    "search": "api.search",
    "compare": "api.comparing",
    "retrain": "api.retraining",
    "specialize": "api.specializing",
    "leaderboard": "api.boards",
    "load": "api.loading",
    "runs": "api.run_list",
    "task": "api.tasks",
    "predict": "api.predicting",
    "list": "api.listing",
    "Interrupted": "api.calling",
    "UserError": "errors",
    "Task": "tasks.base",
    **dict.fromkeys(
        (
            *("Arch", "DataSpec", "InputChoice", "LayerChoice"),
            *("Repeat", "SearchSpace", "ValueChoice"),
        ),
        "space",
    ),
}

# Functions that share their name with a package, which is made callable.
_VERBS = {"export": "api.exporting", "hpo": "api.tuning", "study": "api.studies"}


class _Verb(ModuleType):
    """A package that is called like the function of its name."""

    def __call__(self, *given: Any, **options: Any) -> Any:
        return self.function(*given, **options)

    @property
    def function(self) -> Any:
        """The function itself, with its signature and its documentation."""
        name = self.__name__.rpartition(".")[2]
        return getattr(importlib.import_module(f"{__name__}.{_VERBS[name]}"), name)

    @property
    def __signature__(self) -> Any:
        import inspect

        return inspect.signature(self.function)


class _Package(ModuleType):
    """This package: what the import system sets as an attribute may be called."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _VERBS and isinstance(value, ModuleType):
            value.__class__ = _Verb
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in _VERBS or name in _PLACES:
        from nasbench.threads import spin_briefly

        spin_briefly()
    if name in _VERBS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _PLACES:
        return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> Sequence[str]:
    return sorted({*globals(), *__all__})
