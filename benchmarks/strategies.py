"""Benchmark the sampled strategies on NAS-Bench-201; the report goes to results/strategies_*.

python benchmarks/strategies.py --out results/published [options of nasbench bench strategies]
"""

import sys

from nasbench.cli import main

if __name__ == "__main__":
    sys.exit(main(["bench", "strategies", "--table", "nas-bench-201", *sys.argv[1:]]))
