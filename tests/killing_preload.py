"""What the server of :mod:`killing` does before it forks: imports all, and trains a network."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import tempfile
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import h5py  # noqa: F401
import matplotlib.figure  # noqa: F401
import sklearn.datasets  # noqa: F401  (NNI's tuners import it)

import nasbench.engine.nni_experiment
import nasbench.events.hdf5_writer
import nasbench.export.targets
import nasbench.ranking.run
import nasbench.study.report
import nasbench.tabular.search  # noqa: F401
from nasbench import provenance
from nasbench.cli import main

# The same in every run, and slow in comparison with tiny networks.
provenance.git_commit = functools.cache(provenance.git_commit)
provenance._git = functools.cache(provenance._git)

SMALL = ("--limit-train", "40", "--batch-size", "10", "--device", "cpu", "--epochs", "1")


def warm(out: Path) -> None:
    """Search, retrain and convert once."""
    words = ["search", "darts", "--space", "engine_parts:Tiny", *SMALL, "--out", str(out)]
    assert main(words) == 0
    (found,) = out.glob("runs/*/checkpoint.json")
    assert main(["retrain", str(found), *SMALL, "--out", str(out)]) == 0
    assert main(["convert", "zoo:DARTS_V2", "--to", "nni-3"]) == 0
    (out / "walk.txt").write_text("0 1 2 1\n5 3 4 0\n10 1 2 1\n")
    words = ["data", "gait", str(out / "walk.txt"), "--out", str(out / "a.h5"), "--jobs", "1"]
    assert main(words) == 0


_quiet = io.StringIO()
with (
    tempfile.TemporaryDirectory() as _folder,
    contextlib.redirect_stdout(_quiet),
    contextlib.redirect_stderr(_quiet),
):
    warm(Path(_folder))
