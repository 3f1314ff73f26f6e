"""``nasbench.load``: the result in a run folder."""

from __future__ import annotations

from pathlib import Path

from nasbench.api.calling import spelled
from nasbench.api.results import Run, of
from nasbench.store.runs import find


def load(run: str | Path, *, results: str | Path = "results") -> Run:
    """Return the result of an earlier run.

    Nothing is executed: code that the run names is loaded when its network is asked for.

    Args:
        run: the run folder, its name, a unique part of it, or ``"last"``: the latest one.
        results: the folder with runs and records.

    Returns:
        What the function that made the run returned: a
        :class:`~nasbench.api.results.Found`, :class:`~nasbench.api.results.Tuned`,
        :class:`~nasbench.api.results.Trained` or :class:`~nasbench.api.results.CrossValidated`.

    Raises:
        UserError: there is no such run, or several end like this.

    Example:
        >>> nb.load("results/runs/20261129-101500-search-darts-digits-s0-1a2b").arch
    """
    with spelled("load"):
        return of(find(Path(results), str(run), "load", status=("done",)).path)
