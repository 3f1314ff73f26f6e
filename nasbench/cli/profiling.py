"""``nasbench profile``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nasbench import arguments
from nasbench.cli.convert import Space, Task
from nasbench.cli.export import More, Preset
from nasbench.cli.options import AsJson, Form, Given, RunsIn
from nasbench.cli.output import tell

Device = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda, cuda:N, mps, xpu or xpu:N.")
]
Batch = Annotated[
    list[int] | None,
    typer.Option("--batch", min=1, max=10**6, help="Batch sizes to measure. [default: 1]"),
]
Runs = Annotated[int, typer.Option("--runs", min=1, max=10**6, help="Timed forward passes.")]


def command(
    given: Given,
    batch: Batch = None,
    device: Device = "cpu",
    runs: Runs = 30,
    form: Form = None,
    space: Space = None,
    task: Task = None,
    preset: Preset = "quick",
    argument: More = None,
    as_json: AsJson = False,
    results: RunsIn = Path("results"),
) -> None:
    """Measure parameters, multiply-adds, memory and latency of a network and its parts."""
    from nasbench.cost.latency import measure_latency
    from nasbench.cost.macs import counted
    from nasbench.cost.params import inference_parameter_count
    from nasbench.cost.profile import parts, peak_memory
    from nasbench.devices import pick
    from nasbench.engine.checkpoints import open_network

    own = arguments.parse(argument or [])
    found = open_network(given, form, space, task, preset, own, results)
    network, spec = found.network().to(pick(device)), found.spec
    macs = counted(network, spec)
    report: dict[str, Any] = {
        "space": found.checkpoint.space["name"],
        "input": list(spec.shape),
        "params": inference_parameter_count(network, network.training_only),
        "macs": macs.total,
        "uncounted": list(macs.uncounted),
        "batches": [],
        "parts": [],
    }
    for size in batch or [1]:
        latency = measure_latency(network, spec, size, runs)
        peak = peak_memory(network, spec, size)
        report["batches"].append({"batch": size, "peak_bytes": peak, **asdict(latency)})
    report["parts"] = [asdict(part) for part in parts(network, spec, (batch or [1])[0], runs)]
    if as_json:
        tell(json.dumps(report))
        return
    _print_report(report)


def _print_report(report: dict[str, Any]) -> None:
    """Print a table of the batch sizes and one of the network's parts."""
    from rich.console import Console

    from nasbench.report.formats.cells import Listing
    from nasbench.report.formats.console import print_listing
    from nasbench.report.quantities import count, counted, multiply_adds

    macs = multiply_adds(count(report["macs"]), report["uncounted"])
    tell(f"{count(report['params'])} parameters, {macs}")
    passes = Listing(
        "Passes",
        ("batch", "median, ms", "10 to 90 %", "images a second", "peak memory, MB"),
        (True,) * 5,
        tuple(
            (
                str(one["batch"]),
                f"{one['median_ms']:.2f}",
                f"{one['p10_ms']:.2f} to {one['p90_ms']:.2f}",
                f"{1000 * one['batch'] / one['median_ms']:.0f}",
                f"{one['peak_bytes'] / 1e6:.1f}",
            )
            for one in report["batches"]
        ),
    )
    cells = Listing(
        "Parts",
        ("part", "kind", "parameters", "multiply-adds", "median, ms", "share, %"),
        (False, False, True, True, True, True),
        tuple(
            (
                part["name"],
                part["kind"],
                count(part["params"]),
                counted(part["macs"], part["uncounted"]),
                f"{part['median_ms']:.2f}",
                f"{100 * part['share']:.1f}",
            )
            for part in report["parts"]
        ),
    )
    console = Console()
    print_listing(passes, console)
    print_listing(cells, console)
    tell(f"on {report['batches'][0]['device']}")
