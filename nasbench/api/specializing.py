"""``nasbench.specialize``: networks for given bounds from one supernet, with its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.api.arguments import joined, opened_words, plain
from nasbench.api.calling import as_written, calling
from nasbench.api.results import Run, Specialized
from nasbench.api.runs import Surroundings, to_resume
from nasbench.config import SpecializeConfig
from nasbench.errors import UserError

if TYPE_CHECKING:
    from nasbench.specialization.run import Specialized as Ended


def specialize(
    run: Any = None,
    *,
    resume: str | Path | None = None,
    code: str | Sequence[str] | None = None,
    quiet: bool = False,
    **options: Any,
) -> Specialized:
    """Find networks within bounds that take over a supernet's weights.

    The architectures of a finished one-shot search are evaluated with its shared weights, on its
    validation data. The networks are written with their weights: they can be exported, predict,
    and be trained further.

    Args:
        run: what :func:`nasbench.search` returned, its folder, its name, or a unique part of it.
        resume: a stopped specialization to continue: its folder, its name or a unique part of it.
        code: code that the run names and that may run, ``file.py:Name``.
        quiet: whether nothing is printed.
        **options: every option of the command: ``max_latency=5``, ``max_params``, ``max_macs``,
            ``count``, ``objectives=["accuracy", "params", "latency"]``, ``candidates`` and others.

    Raises:
        UserError: the run is no one-shot search, an option is unknown or out of range, or no
            architecture is within the bounds.
        Interrupted: the specialization was interrupted, and what was evaluated is saved.

    Example:
        >>> found = nb.specialize(searched, max_params=50_000, count=3)
        >>> tuned = found.networks[0].retrain(epochs=5)
    """
    name = str(run.folder) if isinstance(run, Run) else None if run is None else str(run)
    given = {key: joined(key, plain(value)) for key, value in options.items()}
    text = as_written("specialize", name, resume=resume, **given)
    words = opened_words({**given, "run": name}, code)
    with calling("specialize", quiet, words, text) as around:
        if resume is not None:
            ended = resumed(str(resume), given, {"run": name}, around)
        else:
            ended = specialized(name, given, around)
        return Specialized(ended.folder.path)


def specialized(run: str | None, given: Mapping[str, Any], around: Surroundings) -> Ended:
    """Specialize the supernet of a search.

    Args:
        run: what names the search.
        given: options by name, ``None`` for one that was not given.
        around: who runs it.

    Raises:
        UserError: there is no such search, or an option is unknown, of the wrong type or out of
            range.
        Stopped: a signal asked to stop.
    """
    from nasbench.specialization.run import run_specialize
    from nasbench.store.runs import find

    if run is None:
        raise UserError("which RUN? nasbench search spos makes one")
    options = SpecializeConfig.from_layers(given)
    folder = find(options.out, run, "RUN", ("search",), ("done",)).path.absolute()
    config = SpecializeConfig.from_layers(given, {"search": str(folder)})
    return run_specialize(config, around.callback, around.stop, None, around.command)


def resumed(
    run: str, given: Mapping[str, Any], more: Mapping[str, Any], around: Surroundings
) -> Ended:
    """Continue a stopped specialization; see :func:`nasbench.api.runs.to_resume`."""
    from nasbench.specialization.run import run_specialize

    folder, options = to_resume("specialize", SpecializeConfig, run, given, more)
    return run_specialize(options, around.callback, around.stop, folder, around.command)
