"""How conversions end, and what they leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nasbench.cli import main
from nasbench.events import convert
from nasbench.events.processes import SCRATCH_PREFIX

GOOD = "0 1 2 1\n5 3 4 0\n10 1 2 1\n"


def _gait(folder):
    (folder / "walk.txt").write_text(GOOD)
    return main(["data", "gait", f"{folder}/walk.txt", "--out", f"{folder}/a.h5", "--jobs", "1"])


def _left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_terminated_conversion_leaves_nothing(tmp_path, monkeypatch):
    pytest.importorskip("h5py")

    def convert_recordings(recordings, options, folder, jobs):
        (folder / "0").write_bytes(b"half an image")
        os.kill(os.getpid(), signal.SIGTERM)
        yield from ()

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(convert, "convert_recordings", convert_recordings)
    with pytest.raises(SystemExit) as ended:
        _gait(tmp_path)
    assert ended.value.code == 128 + signal.SIGTERM
    assert _left(tmp_path) == ["walk.txt"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_killed_conversions_left_is_removed(tmp_path):
    pytest.importorskip("h5py")
    abandoned, at_work, other = (
        tmp_path / name for name in (f"{SCRATCH_PREFIX}a", f"{SCRATCH_PREFIX}b", ".images-mine")
    )
    for folder in (abandoned, at_work, other):
        folder.mkdir()
        (folder / "0").write_bytes(b"an image")
    for folder in (abandoned, other):
        os.utime(folder, (0, 0))
    assert _gait(tmp_path) == 0
    assert _left(tmp_path) == [other.name, at_work.name, "a.h5", "walk.txt"]


def _children(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _soon(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="it looks into /proc")
def test_workers_end_with_a_parent_that_is_killed():
    code = (
        "import time; from nasbench.events.processes import parallel_map\n"
        "list(parallel_map(time.sleep, [300, 300], 2))"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        _soon(lambda: len(_children(parent.pid)) == 3)  # two, and what tracks their resources
        children = _children(parent.pid)
        parent.kill()
    _soon(lambda: not any(map(_alive, children)))
