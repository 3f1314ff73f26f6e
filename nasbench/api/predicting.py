"""``nasbench.predict``: what a retrained network says of new examples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.api import html
from nasbench.api.arguments import opened_words
from nasbench.api.calling import calling, spelled
from nasbench.api.objects import named
from nasbench.api.results import Run, table
from nasbench.errors import UserError

if TYPE_CHECKING:
    from nasbench.engine.predict import Columns, Prediction

_SHOWN = 20  # rows in a notebook


class Predictions(Sequence["Prediction"]):
    """Predictions in the order of the examples: ``nb.predict`` returns them.

    Args:
        every: a prediction for each example.
        columns: of the table.
    """

    def __init__(self, every: Sequence[Prediction], columns: Columns) -> None:
        self._every = tuple(every)
        self._columns = columns

    def __getitem__(self, index: Any) -> Any:
        found = self._every[index]
        return Predictions(found, self._columns) if isinstance(index, slice) else found

    def __len__(self) -> int:
        return len(self._every)

    @property
    def table(self) -> Any:
        """A row for each readable example: a pandas frame, or a list of dictionaries without.

        The columns are those of the file that ``nasbench predict --out`` writes.
        """
        rows = [dict(zip(self._columns.head, line, strict=True)) for line in self._lines()]
        return table([{key: _number(key, cell) for key, cell in row.items()} for row in rows])

    @property
    def unreadable(self) -> dict[str, str]:
        """The reason for each example that could not be read, by its name."""
        return {one.name: one.error for one in self._every if one.error}

    def write(self, path: str | Path) -> Path:
        """Write the table as a new CSV file and return its path.

        Raises:
            UserError: the file exists, or cannot be written.
        """
        from nasbench.engine.predict import write_csv

        target = Path(path)
        if target.exists():
            raise UserError(f"{target} exists already: name another file")
        write_csv(target, self._columns, self._every)
        return target

    def __repr__(self) -> str:
        failed = len(self.unreadable)
        return f"<{len(self)} predictions{f', {failed} unreadable' if failed else ''}>"

    def _repr_html_(self) -> str:
        more = len(self) - len(self.unreadable) - _SHOWN
        rest = f"<div>and {more:,} more</div>" if more > 0 else ""
        return html.listing(self._columns.head, self._lines()[:_SHOWN]) + rest

    def _lines(self) -> list[list[str]]:
        return [self._columns.cells(one) for one in self._every if not one.error]


def predict(
    run: Any,
    inputs: Any,
    *,
    out: str | Path | None = None,
    top: int | None = None,
    device: str = "auto",
    batch_size: int = 64,
    results: str | Path = "results",
    space: str | type | None = None,
    code: str | Sequence[str] | None = None,
    quiet: bool = False,
) -> Predictions:
    """Predict classes, labels or numbers with the network of a retraining.

    Args:
        run: what :func:`nasbench.retrain` returned, its folder, its name, or a unique part of it.
        inputs: pictures, folders of them, a CSV with a column ``file``, ``.npy`` or ``.npz``
            files, or arrays ``(n, *shape)``; one of them, or a list.
        out: a new CSV file to write as well.
        top: the K best classes only, in the table; by default the best, and every probability.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N``, ``mps``, ``xpu`` or ``xpu:N``.
        batch_size: examples in a batch.
        results: the folder with the runs, for names.
        space: your own space, where its file has moved: ``file.py:Class`` or a class.
        code: code that the run names and that may run, ``file.py:Name``.
        quiet: whether nothing is printed.

    Raises:
        UserError: there is no such run, it has no trained network, or an input does not fit it.

    Example:
        >>> nb.predict(trained, "new-images/")[0].top(3)
    """
    with spelled("predict"):
        own = named({"space": space}, Path(results))["space"]
        given = inputs if isinstance(inputs, list | tuple) else [inputs]
        name = str(run.folder) if isinstance(run, Run) else str(run)
        if out is not None and Path(out).exists():
            raise UserError(f"{out} exists already: name another file")
    with calling("predict", quiet, opened_words({"run": name, "space": own}, code)) as around:
        from nasbench.engine.predict import Columns, Predictor

        predictor = Predictor.open(name, results=Path(results), device=device, space=own)
        columns = Columns(predictor.about, top)
        found = Predictions(list(predictor.predict(given, batch_size)), columns)
        for example, reason in found.unreadable.items():
            around.note(f"left out: {example}: {reason}")
        if out is not None:
            found.write(out)
        return found


def _number(column: str, cell: str) -> Any:
    if column in ("file", "class", "labels"):
        return cell
    try:
        return float(cell)
    except ValueError:
        return cell
