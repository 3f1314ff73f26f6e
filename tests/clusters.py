"""A Ray cluster that several executors of this process use, each of which would start one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def ray_cluster(modules: Path) -> Iterator[None]:
    """Connect this process to a cluster of its own, which executors join.

    Args:
        modules: a folder whose modules the workers find.
    """
    ray = pytest.importorskip("ray", reason="pip install 'nasbench-workbench[ray]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(modules), prepend=os.pathsep)
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            _node_ip_address="127.0.0.1",
        )
        try:
            yield
        finally:
            ray.shutdown()
