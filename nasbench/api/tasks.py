"""``nasbench.task``: data and what is predicted, from wherever they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Any

from nasbench.api import html
from nasbench.api.arguments import joined, opened_words, plain
from nasbench.api.calling import calling, spelled
from nasbench.api.objects import name_of, named
from nasbench.config import TaskConfig
from nasbench.errors import UserError
from nasbench.tasks.base import Task


@dataclass(frozen=True, eq=False)
class OpenedTask(Task):
    """A task with the name by which any process opens it: ``nb.task`` returns it.

    Attributes:
        source: what ``--task`` takes.
        options: how the data are read and judged: the options of :func:`nasbench.task`.
    """

    source: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        facts = "; ".join(f"{name} {value}" for name, value in self._facts().items())
        return f"<Task {self.name}: {facts}>"

    def _repr_html_(self) -> str:
        counts = self.class_counts(self.train)
        names = self.class_names or tuple(map(str, range(len(counts))))
        table = ""
        if counts and len(counts) <= _MOST_CLASSES:
            rows = list(zip(names, counts, strict=False))
            table = html.listing(("class", "training examples"), rows)
        return "\n".join([html.heading(f"Task {self.name}"), html.facts(self._facts()), table])

    def _facts(self) -> dict[str, str]:
        shape = "x".join(map(str, self.spec.shape))
        what = {"class": "classes", "labels": "labels", "numbers": "numbers"}[self.target]
        return {
            "examples": f"{len(self.train):,} for training, {shape}",
            "predicts": f"{self.spec.outputs} {what}",
            "metric": self.metric.name,
            "loss": self.loss.name,
            "from": self.note or self.source,
        }


_MOST_CLASSES = 30  # in a table for a notebook


def task(
    data: Any,
    y: Any = None,
    *,
    test: Any = None,
    val: Any = None,
    groups: Any = None,
    class_names: Sequence[str] = (),
    name: str = "data",
    data_dir: str | Path | None = None,
    out: str | Path = "results",
    code: str | Sequence[str] | None = None,
    quiet: bool = False,
    **options: Any,
) -> OpenedTask:
    """Return a task: data, what is predicted, the loss, and the metric that decides.

    The test set stays sealed until a retrained network is tested.

    Args:
        data: what ``--task`` takes: a name of ``nb.list("tasks")``, a folder of images, a CSV
            file, ``data.npz``, ``X.npy,y.npy``, ``data.h5:group``, ``torchvision:SVHN`` or
            ``file.py:Name``; or a function or class that returns a task; or examples ``(n, ...)``
            as an array, tensor or frame; or a torch dataset of pairs of example and target.
        y: the targets of an array: ``(n,)`` or ``(n, k)``.
        test: test data in memory, a pair of arrays or a dataset; a fifth of ``data`` by default.
        val: validation data in memory, likewise; none by default.
        groups: numbers or texts ``(n,)`` of an array: no split parts examples of one group.
        class_names: of data in memory.
        name: of data in memory: a few letters.
        data_dir: the folder of a built-in task's data.
        out: the results folder, which keeps the code of a function that has no file.
        code: code that a file names and that may run, ``file.py:Name``.
        quiet: whether nothing is printed.
        **options: how the data are read and judged: ``metric``, ``also``, ``loss``,
            ``class_weights``, ``target``, ``size``, ``channels``, ``skip_bad``, ``columns``. A
            metric and a loss may be functions.

    Raises:
        UserError: the data cannot be had, or an option does not fit them.

    Example:
        >>> nb.task("images/", size=64, metric="balanced_accuracy")
        >>> nb.task(X, y, metric="macro_f1", groups=patients)
    """
    with spelled("task"):
        own = {key: joined(key, plain(value)) for key, value in options.items()}
        own = named({key: value for key, value in own.items() if value is not None}, Path(out))
        if isinstance(data, OpenedTask):
            data, own = data.source, {**data.options, **own}
        in_memory = _is_data(data)
        given = {"y": y, "test": test, "val": val, "groups": groups}
        wrong = next((key for key, value in given.items() if value is not None), None)
        if wrong is not None and not in_memory:
            raise UserError(f"{wrong}: is for data in memory, and {data!r:.80} says it itself")
        config = TaskConfig.from_layers(own)
        source = data if in_memory else _name(data, Path(out))
    words = opened_words({**own, "task": None if in_memory else source}, code)
    with calling("task", quiet, words):
        from nasbench.tasks import sources
        from nasbench.tasks.loading import judged, load

        if not in_memory:
            sources.check(source)
            source = sources.located(source)
            place = None if data_dir is None else Path(data_dir)
            return _opened(load(source, config, place), source, own)
        from nasbench.tasks import arrays

        if data_dir is not None:
            raise UserError(f"--data-dir {data_dir}: is for a built-in task")
        train = data if y is None else (data, y)
        target, size, channels = (own.pop(one, None) for one in ("target", "size", "channels"))
        found = arrays.from_memory(
            train,
            test,
            val=val,
            groups=groups,
            target=target,
            class_names=class_names,
            size=size,
            channels=channels,
            name=name,
        )
        return _opened(judged(found, TaskConfig.from_layers(own)), found.name, own)


def _opened(found: Task, source: str, options: Mapping[str, Any]) -> OpenedTask:
    parts = {entry.name: getattr(found, entry.name) for entry in fields(Task)}
    return OpenedTask(**parts, source=source, options=dict(options))


def _is_data(data: Any) -> bool:
    """Return whether this is data in memory: an array, a pair of them, or a dataset."""
    if isinstance(data, str | Path | type | Task | FunctionType | BuiltinFunctionType):
        return False
    return hasattr(data, "__getitem__") or hasattr(data, "__iter__")


def _name(data: Any, out: Path) -> str:
    """Return what ``--task`` takes for a name, a function or a class.

    Raises:
        UserError: it is a task in memory, which no other process can open.
    """
    if isinstance(data, Task):
        raise UserError(
            f"task {data.name}: a Task in memory cannot be opened again: give nb.task the "
            "function that returns it, or its arrays"
        )
    if isinstance(data, str | Path):
        text = str(data)
        is_folder = isinstance(data, Path) and data.is_dir()
        return f"{text}/" if is_folder and not text.endswith("/") else text
    if isinstance(data, type | FunctionType | BuiltinFunctionType):
        return name_of("task", data, out)
    raise UserError(f"task {data!r:.80}: allowed: a name, a path, arrays, a dataset, a function")
