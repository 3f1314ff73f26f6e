"""Measures how well zero-cost proxies rank NAS-Bench-201, beside the figures of their papers.

The networks are drawn from the 9,445 of the 15,625 cells of which every operation lies on a path
from the input to the output, as in the papers' figures (Tybl and Neumann, "VKDNW", CVPR 2025,
table 1). They are scored once, as networks for CIFAR-10 (32 x 32, ten classes); the ranking is
compared with the test accuracies on all three data sets after 200 epochs. The papers score each
data set's own networks. `macs` is FLOPs of the papers up to a constant factor.

python benchmarks/proxies.py [--archs N] [--jobs N] [--data-dir FOLDER]

writes results/published/zero_cost_nas-bench-201.json and .md. Finished scores are kept in
results/bench, so an interrupted run goes on, and a run with fewer networks takes the first ones.
The table is read from $NASBENCH_DATA or ../shared/data, and CIFAR-10 from where `--task cifar10`
finds it.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nasbench.interop.nasbench201 import EDGES, edge_label
from nasbench.seeding import derive
from nasbench.tabular.benchmark_report import markdown_table
from nasbench.tabular.loading import load_table
from nasbench.tabular.proxies import ProxyBenchmark, page, run_proxies, to_json

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("NASBENCH_DATA", ROOT.parent / "shared" / "data")) / "nas-bench-201"
NAME = "zero_cost_nas-bench-201"
OUT = ROOT / "results" / "published"
PROXIES = ["params", "zico", "az-nas", "vkdnw", "vkdnw-agg", "az-nas+vkdnw-single"]
PARTS = ["macs", "jacov", "expressivity", "progressivity", "trainability", "vkdnw-single"]

# Kendall's tau and Spearman's rho of Tybl and Neumann, table 1.
PUBLISHED = {
    ("macs", "cifar10"): (0.623, 0.799),
    ("zico", "cifar10"): (0.607, 0.802),
    ("az-nas", "cifar10"): (0.712, 0.892),
    ("vkdnw-agg", "cifar10"): (0.750, 0.919),
    ("vkdnw-single", "imagenet16-120"): (0.622, 0.814),
    ("az-nas", "imagenet16-120"): (0.673, 0.859),
    ("vkdnw-agg", "imagenet16-120"): (0.743, 0.906),
}


def whole(arch: Mapping[str, object]) -> bool:
    """Whether every operation of a cell lies on a path from its input to its output."""
    edges = [(source, node) for node, source in EDGES if arch[edge_label(node, source)] != "none"]
    ahead, behind = {0}, {3}
    for node in (1, 2, 3):
        ahead |= {node for a, b in edges if b == node and a in ahead}
    for node in (2, 1, 0):
        behind |= {node for a, b in edges if a == node and b in behind}
    return all(a in ahead and b in behind for a, b in edges)  # also true of the empty cell


def beside(found: ProxyBenchmark) -> str:
    """Return a table of the figures that are published, ours beside them."""
    lines = [["proxy", "data set", "Kendall", "published", "Spearman", "published"]]
    for (name, dataset), (tau, rho) in PUBLISHED.items():
        if name not in found.scores:
            continue
        one = found.figures[name][dataset]
        ours = ["{:.3f} [{:.3f}, {:.3f}]".format(*one[which]) for which in ("kendall", "spearman")]
        lines.append([f"`{name}`", dataset, ours[0], f"{tau:.3f}", ours[1], f"{rho:.3f}"])
    return markdown_table(lines)


def main() -> None:
    """Score the networks, write both files and print the Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--archs", type=int, default=1000, help="number of networks")
    parser.add_argument("--jobs", type=int, default=1, help="number of processes")
    parser.add_argument("--without", nargs="*", default=[], help="proxies that are left out")
    parser.add_argument("--data-dir", type=Path, help="folder of cifar-10-batches-py")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write into")
    given = parser.parse_args()
    table = f"nas-bench-201={DATA / 'nasbench201.csv'}"
    cells = [arch for arch in load_table(table).domains.enumerate() if whole(arch)]
    order = np.random.default_rng(derive(0, NAME)).permutation(len(cells))
    found = run_proxies(
        [name for name in (*PROXIES, *PARTS) if name not in given.without],
        table,
        [],
        [cells[i] for i in order[: given.archs]],
        seeds=1,
        data_dir=given.data_dir,
        jobs=given.jobs,
        progress=lambda line: print(line, file=sys.stderr, flush=True),  # noqa: T201
        kept=ROOT / "results" / "bench" / f"{NAME}.scores.jsonl",
    )
    about = "\n\n".join((__doc__ or "").split("\n\n")[:2])
    head, _, rest = page(found, {}).partition("\n\n")
    text = f"{head}\n\n{about}\n\n## Beside published figures\n\n{beside(found)}\n\n{rest}"
    plain = json.dumps({**to_json(found), "published": [[*k, *v] for k, v in PUBLISHED.items()]})
    (given.out / f"{NAME}.json").write_text(f"{plain}\n", encoding="utf-8")
    (given.out / f"{NAME}.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
