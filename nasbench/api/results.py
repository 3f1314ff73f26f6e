"""Results of runs as objects, read from the run folder: the same after a run and much later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from nasbench import measures
from nasbench.api import html
from nasbench.errors import UserError, one_line
from nasbench.optional import available, require
from nasbench.store.journal import number
from nasbench.store.runs import RunFolder

if TYPE_CHECKING:
    from torch import nn

    from nasbench.space import Arch
    from nasbench.store.checkpoint import Checkpoint
    from nasbench.store.records import Record

Rows = list[dict[str, Any]]
_NO_COLUMNS = ("event", "time")


class Run:
    """A run: its folder, and what is in it.

    Args:
        folder: the run folder.

    Attributes:
        folder: the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def info(self) -> dict[str, Any]:
        """The content of ``run.json``: options, status, provenance, cost."""
        return RunFolder(self.folder).info

    @property
    def status(self) -> str:
        """``running``, ``done``, ``stopped`` or ``failed``."""
        return RunFolder(self.folder).status

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The content of ``checkpoint.json``.

        Raises:
            UserError: the run has none yet.
        """
        from nasbench.store.checkpoint import Checkpoint

        return Checkpoint.read(self.folder)

    @property
    def arch(self) -> Arch:
        """The architecture: the chosen value of each label."""
        from nasbench.space import Arch

        return Arch({k: _hashable(value) for k, value in self.checkpoint.arch.items()})

    @property
    def metrics(self) -> dict[str, float]:
        """The results by name, such as ``val_accuracy``; shares lie in [0, 1]."""
        return dict(self.info.get("metrics") or {})

    @property
    def curve(self) -> Any:
        """What was measured after each epoch: a pandas frame, or a list of dictionaries without.

        Trainings of several networks have the column ``trial`` or ``fold``.
        """
        return table(_scalars(RunFolder(self.folder).journal.epochs()))

    def network(self) -> nn.Module:
        """Return the plain network in evaluation mode, on the CPU.

        A retraining's network has its trained weights; that of a search is untrained.

        Raises:
            UserError: the network cannot be rebuilt, or its code is not known here.
        """
        from nasbench.api.calling import calling
        from nasbench.engine.checkpoints import open_network

        with calling("load", quiet=True):
            return open_network(str(self.folder)).network()

    def draw(self, format: str = "svg", style: str = "color", width: float = 17.5) -> Drawing:
        """Draw the architecture into the run folder; a notebook shows the picture.

        Args:
            format: ``svg``, ``png``, ``pdf`` or ``dot``.
            style: ``color``, or ``paper`` for black and white.
            width: the most that the picture may have, in centimetres.

        Raises:
            UserError: an option is not allowed, or the network cannot be rebuilt.
        """
        from nasbench.api.calling import calling
        from nasbench.engine.checkpoints import Architecture
        from nasbench.report.drawing import draw

        with calling("load", quiet=True):
            found = Architecture.of(self.checkpoint)
            figures = found.space.figures(found.arch, found.spec, found.space_arguments)
            name = "architecture" if style == "color" else f"architecture-{style}"
            drawn = draw(figures.parts, self.folder / name, (format,), style, width)
        return Drawing(drawn.paths[-1], drawn.note or figures.note)

    def retrain(self, **options: Any) -> Any:
        """Train the network of this run and test it once; see :func:`nasbench.retrain`."""
        from nasbench.api.retraining import retrain

        return retrain(self, **{"out": self.folder.parent.parent, **options})

    @property
    def _title(self) -> str:
        info = self.info
        seed = info.get("seed", "?")
        return f"{info.get('verb')} {info.get('name')} on {info.get('task')}, seed {seed}"

    def __repr__(self) -> str:
        facts = [self._title, self.status, *_words(self.metrics)]
        return one_line(f"<{type(self).__name__}: {', '.join(facts)}; {self.folder}>")

    def _repr_html_(self) -> str:
        facts = {"status": self.status, **dict(_pairs(self.metrics)), "folder": str(self.folder)}
        rows = _scalars(RunFolder(self.folder).journal.epochs())
        blocks = [html.heading(self._title), html.facts(facts)]
        picture = self.folder / "architecture.svg"
        if picture.is_file():
            blocks.append(html.picture(picture.read_bytes(), "the architecture"))
        blocks.append(html.curves(rows))
        return "\n".join(filter(None, blocks))


class Found(Run):
    """A search: ``nb.search`` returns it, and ``nb.load`` of a search's folder."""

    @property
    def front(self) -> list[Path]:
        """The checkpoints of a Pareto front's architectures, ``[]`` for one architecture."""
        return sorted(
            self.folder.glob("checkpoint-*.json"), key=lambda path: int(path.stem.split("-")[1])
        )

    @property
    def trials(self) -> Any:
        """The trials of a sampled search: a pandas frame, or a list of dictionaries without."""
        return table(_scalars(RunFolder(self.folder).journal.events("trial")))

    @property
    def parameters(self) -> dict[str, Any]:
        """The tuned hyperparameters of the best trial, ``{}`` if none were tuned."""
        return dict(self.info.get("parameters") or {})


class Tuned(Found):
    """A tuning: ``nb.hpo`` returns it, and ``nb.load`` of a tuning's folder."""


class Trained(Run):
    """A retraining: ``nb.retrain`` returns it, and ``nb.load`` of a retraining's folder."""

    @cached_property
    def record(self) -> Record:
        """What the leaderboard reads: the test's result, sizes, costs.

        Raises:
            UserError: the retraining has not ended, or its record is not beside it.
        """
        from nasbench.store.records import folder, read_record

        path = folder(self.folder.parent.parent) / f"{self.folder.name}.json"
        try:
            return read_record(path)
        except ValueError as error:
            raise UserError(f"{self.folder}: the record {path}: {error}") from error

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics on the test set by name; of an unfinished retraining none."""
        if self.status != "done":
            return {}
        record = self.record
        return dict(record.test_metrics) or {"accuracy": record.test_accuracy or 0.0}

    @property
    def weights(self) -> Path | None:
        """The file of the trained weights."""
        from nasbench.store.weights import find_weights

        return find_weights(self.folder)


class CrossValidated(Run):
    """A cross-validation: ``nb.retrain(..., folds=5)`` returns it."""

    @property
    def metrics(self) -> dict[str, float]:
        """The mean over the folds by name."""
        found = {k: v for k, v in self.info.items() if k.startswith("val_")}
        return {name: float(value) for name, value in found.items()}

    @property
    def folds(self) -> Any:
        """The folds: a pandas frame, or a list of dictionaries without."""
        return table(_scalars(RunFolder(self.folder).journal.events("fold")))


class Specialized(Run):
    """A network with the weights of a supernet: ``nb.specialize`` returns it.

    The run holds the most accurate network itself, and all of them in :attr:`networks`.
    """

    @property
    def networks(self) -> list[Specialized]:
        """The networks that were written, by ascending costs; of one of them ``[]``."""
        found = [path.parent for path in self.folder.glob("*/run.json")]
        return [Specialized(path) for path in sorted(found, key=lambda path: int(path.name))]

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics on the validation data, such as ``val_accuracy``, and all costs."""
        return dict(self.checkpoint.metrics) if self.status == "done" else {}

    @property
    def front(self) -> Any:
        """The Pareto front with all costs: a pandas frame, or a list of dictionaries without."""
        found = self.info.get("front")
        return table(_scalars(found if isinstance(found, list) else []))

    @property
    def weights(self) -> Path | None:
        """The file of the weights."""
        from nasbench.store.weights import find_weights

        return find_weights(self.folder)

    def retrain(self, **options: Any) -> Any:
        """Train the network further, from its weights; ``weights=None`` trains it from scratch.

        See :func:`nasbench.retrain`.
        """
        run = self.folder if (self.folder / "journal.jsonl").exists() else self.folder.parent
        given = {"out": run.parent.parent, "weights": self.folder, **options}
        return super().retrain(**given)


def of(folder: Path) -> Run:
    """Return the result in a run folder.

    Raises:
        UserError: it is no run folder.
    """
    info = RunFolder(folder).info
    verb, config = info.get("verb"), info.get("config")
    folds = config.get("folds") if isinstance(config, dict) else None
    if verb == "retrain":
        return Trained(folder) if folds is None else CrossValidated(folder)
    return {"search": Found, "hpo": Tuned, "specialize": Specialized}.get(str(verb), Run)(folder)


Result = TypeVar("Result", bound=Run)


class Several(Sequence[Result]):
    """The results of several seeds, in their order.

    Args:
        results: one for each seed.
    """

    def __init__(self, results: Iterable[Result]) -> None:
        self._results = list(results)

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> Several[Result]: ...
    def __getitem__(self, index: int | slice) -> Result | Several[Result]:
        if isinstance(index, slice):
            return Several(self._results[index])
        return self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    @property
    def metrics(self) -> Any:
        """The results' metrics, a row each: a pandas frame, or a list of dictionaries without."""
        return table([{"run": one.folder.name, **one.metrics} for one in self._results])

    def __repr__(self) -> str:
        return "\n".join(["[", *(f" {one!r}," for one in self._results), "]"])

    def _repr_html_(self) -> str:
        return "\n<hr>\n".join(one._repr_html_() for one in self._results)


@dataclass(frozen=True)
class Drawing:
    """A drawing in a file; a notebook shows it.

    Attributes:
        path: the file.
        note: one line if it could not be drawn as asked, else ``""``.
    """

    path: Path
    note: str = ""

    def _repr_html_(self) -> str:
        if self.path.suffix in html.PICTURES:
            return html.picture(self.path.read_bytes(), "the architecture", self.path.suffix)
        return html.facts(
            {"drawing": str(self.path), **({"note": self.note} if self.note else {})}
        )


def table(rows: Rows) -> Any:
    """Return rows as a pandas frame if pandas is installed, else as they are."""
    if not available("pandas"):
        return rows
    return require("pandas", "a frame").DataFrame(rows)


def _scalars(events: Iterable[dict[str, Any]]) -> Rows:
    """Return events without what is no number, text or truth value."""
    return [
        {
            name: value
            for name, value in event.items()
            if name not in _NO_COLUMNS and isinstance(value, int | float | str | type(None))
        }
        for event in events
    ]


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _pairs(metrics: dict[str, Any]) -> list[tuple[str, str]]:
    known = {name: number(value) for name, value in metrics.items()}
    return [
        (name.replace("_", " "), measures.named(name).text(value))
        for name, value in known.items()
        if value is not None and name != "epoch"
    ]


def _words(metrics: dict[str, Any]) -> list[str]:
    return [f"{name} {value}" for name, value in _pairs(metrics)]
