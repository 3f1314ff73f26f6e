"""Measures the time of ``nasbench --help``, the median of ten calls after a warm-up call.

python benchmarks/startup.py
"""

import json
import statistics
import subprocess
import sys
import time

from nasbench import provenance

RUNS = 10
COMMAND = [sys.executable, "-m", "nasbench", "--help"]


def seconds() -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    subprocess.run(COMMAND, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Print the times as JSON."""
    seconds()
    times = sorted(seconds() for _ in range(RUNS))
    report = {
        "command": "nasbench --help",
        "median_s": round(statistics.median(times), 4),
        "min_s": round(times[0], 4),
        "max_s": round(times[-1], 4),
        "n": RUNS,
        "provenance": provenance.collect(),
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
