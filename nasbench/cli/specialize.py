"""``nasbench specialize``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.cli import running
from nasbench.cli.options import AsJson, Resume, with_options
from nasbench.cli.output import note, tell
from nasbench.config import SpecializeConfig
from nasbench.report.layout import Field, aligned
from nasbench.report.quantities import count

if TYPE_CHECKING:
    from nasbench.specialization.run import Specialized

Run = Annotated[
    str | None,
    typer.Argument(
        help="A one-shot search: its folder, its name or a unique part of it, or 'last'."
    ),
]


def command() -> Callable[..., None]:
    """Return the command with a flag for each option of :class:`SpecializeConfig`."""
    return with_options(SpecializeConfig, ())(_specialize)


def _specialize(
    given: dict[str, Any], run: Run = None, resume: Resume = None, as_json: AsJson = False
) -> None:
    """Find networks within bounds that take over a supernet's weights."""
    from nasbench.api import progress
    from nasbench.api.runs import Surroundings
    from nasbench.api.specializing import resumed, specialized
    from nasbench.training.stopping import StopSignal

    with running.stoppable("specialize"), progress.shown(quiet=as_json) as callback:
        around = Surroundings(callback, StopSignal(), note)
        if resume is not None:
            found = resumed(resume, given, {"RUN": run}, around)
        else:
            found = specialized(run, given, around)
    if as_json:
        tell(json.dumps(_plain(found)))
    else:
        tell("", *_lines(found))


def _plain(found: Specialized) -> dict[str, Any]:
    return {
        "run": found.folder.name,
        "folder": str(found.folder.path),
        "objectives": list(found.objectives),
        "evaluations": found.evaluations,
        "images": found.images,
        "front": found.folder.info["front"],
        "networks": [one.to_json() for one in found.networks],
        "device_seconds": found.seconds,
    }


def _lines(found: Specialized) -> list[str]:
    """Return the networks as a table, and what to do with them."""
    names = [name for name in found.networks[0].metrics if name.startswith("val_")]
    measures = [found.measures[name.removeprefix("val_")] for name in names]
    fields = [
        Field("network", numeric=True),
        *(Field(measure.heading, numeric=True, least=8) for measure in measures),
        Field("parameters", numeric=True),
        Field("multiply-adds", numeric=True),
        Field("latency, ms", numeric=True),
    ]
    rows = []
    for place, one in enumerate(found.networks, start=1):
        values = one.metrics
        shown = [m.digits(m.scale * values[n]) for n, m in zip(names, measures, strict=True)]
        macs = count(values["macs"]) if "macs" in values else "?"
        rows.append(
            [str(place), *shown, count(values["params"]), macs, f"{values['latency_ms']:.2f}"]
        )
    run = found.folder.path
    best = shlex.quote(str(run / str(found.best + 1)))
    out = running.out_flag(run.parent.parent)
    return [
        f"{found.evaluations:,} architectures evaluated with the supernet's weights",
        f"on {found.images:,} images of the validation half",
        f"{found.front:,} on the Pareto front of {', '.join(found.objectives)}",
        "",
        *aligned(fields, rows, None),
        "",
        f"written: {run}",
        f"         a folder for each network, 1 to {len(found.networks)}, with weights",
        f"next:    nasbench retrain {best} --weights {best}{out}",
        f"next:    nasbench export {best} --to onnx --out exported",
    ]
