"""Published cells: parameters, numerical agreement of their exports, and latency.

Each network has the size of its paper's evaluation, 20 cells of 36 channels, with seeded random
weights and BN statistics from a batch of noise, so that the outputs depend on the image. The
exports are loaded in a process without nasbench and run on other images than they were traced
with. The table shows the largest difference of an output, the spread of the outputs over three
images, and the difference of the network's own outputs in float32 and float64.

python benchmarks/published_cells.py [--runs N] [--out FOLDER]

Writes published_cells.json and .md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from nasbench import provenance
from nasbench.cost.latency import measure_latency
from nasbench.cost.macs import multiply_adds
from nasbench.cost.params import inference_parameter_count
from nasbench.engine.checkpoints import Architecture, open_network
from nasbench.export.check import Truth
from nasbench.export.folding import folded
from nasbench.export.targets import export
from nasbench.interop.zoo import PREFIX, ZOO

RESULTS = Path(__file__).resolve().parent.parent / "results" / "published"
BATCHES = (1, 32)
EXPORTS = ("py", "onnx", "pt2")


def row(name: str, runs: int) -> dict[str, Any]:
    """Return the figures of a published cell."""
    found, cell = open_network(PREFIX + name, preset="paper"), ZOO[name]
    spec, network = found.spec, found.network()
    shape = spec.channels, spec.height, spec.width
    quick = folded(network)
    truth = Truth.of(network, torch.randn(3, *shape))
    outputs = truth.expected
    return {
        "name": name,
        "rounding": truth.rounding,
        "outputs_spread": float((outputs.max(0).values - outputs.min(0).values).max()),
        "published_params_m": cell.params_m,
        "params": inference_parameter_count(network, network.training_only),
        "macs": multiply_adds(network, shape),
        "differences": {target: difference(found, target) for target in EXPORTS},
        "latency": [vars(measure_latency(network, shape, size, runs)) for size in BATCHES],
        "folded_latency": [vars(measure_latency(quick, shape, size, runs)) for size in BATCHES],
    }


def difference(found: Architecture, target: str) -> float:
    """Export, load without nasbench, and return the largest difference of the outputs."""
    sys.stderr.write(f"{found.checkpoint.strategy['name']}: {target}\n")
    spec = found.spec
    images = torch.randn(3, spec.channels, spec.height, spec.width)
    with tempfile.TemporaryDirectory() as folder:
        network = found.network()
        truth = Truth.of(network, images)
        return export(target, network, Path(folder), found.summary, truth)[1]


def table(report: dict[str, Any]) -> list[str]:
    """Return the rows as Markdown."""
    heads = ["cell", "parameters", "published, M", "MACs", "outputs apart", "own rounding"]
    heads += [f"{target}, differs by" for target in EXPORTS]
    heads += [
        f"{size} image{'s' * (size > 1)}, ms{how}"
        for how in ("", ", BN folded")
        for size in BATCHES
    ]
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
    for one in report["rows"]:
        cells = [f"`{one['name']}`", f"{one['params']:,}", f"{one['published_params_m']:g}"]
        cells += [f"{one['macs'] / 1e6:.0f} M", f"{one['outputs_spread']:.2g}"]
        cells += [f"{one['rounding']:.1g}"]
        cells += [f"{found:.1g}" for found in one["differences"].values()]
        cells += [
            f"{took['median_ms']:.0f} ({took['p10_ms']:.0f} to {took['p90_ms']:.0f})"
            for took in one["latency"] + one["folded_latency"]
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Measure all cells, write both files and print the Markdown."""
    words = (__doc__ or "").partition("python benchmarks")[0]
    parser = argparse.ArgumentParser(description=words.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20, help="timed passes")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder to write into")
    given = parser.parse_args()
    torch.manual_seed(0)
    facts = provenance.collect()
    report = {
        "command": f"python benchmarks/published_cells.py --runs {given.runs}",
        "threads": torch.get_num_threads(),
        "rows": [row(name, given.runs) for name in ZOO],
        "provenance": facts,
    }
    versions = ", ".join(f"{k} {v}" for k, v in facts["versions"].items() if v)
    made = (
        f"Latency: median (10th to 90th percentile) of {given.runs} passes, in evaluation mode. "
        f"Made with `{report['command']}` on {facts['cores']} cores of {facts['cpu']} "
        f"({report['threads']} threads), without a GPU; Python {facts['python']}, {versions}; "
        f"commit {facts['commit']}."
    )
    text = "\n".join([f"# {words.strip()}", "", *table(report), "", made]) + "\n"
    (given.out / "published_cells.json").write_text(json.dumps(report, indent=1) + "\n")
    (given.out / "published_cells.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
