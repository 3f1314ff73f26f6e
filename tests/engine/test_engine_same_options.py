"""Processes of one run that were given different options."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from nasbench.cli.app import main
seed = sys.argv[1] if os.environ["RANK"] == "1" else "0"
words = ["search", "darts", "--limit-train", "80", "--batch-size", "20", "--epochs", "1"]
sys.exit(main([*words, "--seed", seed]))
"""


def run(tmp_path, seed):
    program = tmp_path / "differing.py"
    program.write_text(PROGRAM)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    return subprocess.run(
        [*launcher, str(program), seed], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )


@pytest.mark.slow
def test_different_seeds_are_refused_at_the_start(tmp_path):
    done = run(tmp_path, "7")
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert lines
    assert set(lines) == {
        "error: --seed: the processes were given 0 and 7: all must be given the same"
    }
    assert not list((tmp_path / "results").glob("runs/*"))
