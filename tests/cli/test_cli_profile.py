"""``nasbench profile``."""

from __future__ import annotations

import pytest

TINY = ("-a", "channels=4", "-a", "layers=3", "--runs", "2")


@pytest.mark.usefixtures("place")
def test_a_published_network(run):
    found = run("profile", "zoo:DARTS_V2", *TINY, "--batch", "1", "--batch", "3", "--json").json
    assert [one["batch"] for one in found["batches"]] == [1, 3]
    assert found["batches"][1]["peak_bytes"] > found["batches"][0]["peak_bytes"]
    names = [part["name"] for part in found["parts"]]
    assert names == ["stem.0", "stem.1", "cells.0", "cells.1", "cells.2", "classifier"]
    assert sum(part["macs"] for part in found["parts"]) == found["macs"]
    assert sum(part["params"] for part in found["parts"]) == found["params"]
    shown = run("profile", "zoo:DARTS_V2", *TINY).out
    assert "DartsCell" in shown
    assert "peak memory, MB" in shown


@pytest.mark.usefixtures("place")
def test_mistakes(run):
    answer = run("profile", "zoo:DARTS_V2", "--device", "tpu")
    assert answer.status == 2
    assert "tpu" in answer.err
