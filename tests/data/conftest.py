from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data sets."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    places = [Path(os.environ.get("NASBENCH_DATA") or beside), beside]
    for place in places:
        if (place / "mnist" / "train-images-idx3-ubyte.gz").is_file():
            return place
    pytest.skip(f"no real MNIST files in {' or '.join(map(str, places))}")
