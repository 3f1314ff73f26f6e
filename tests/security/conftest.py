"""Fixtures of the tests with files from elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from security_foreign import CODE, Foreign


@pytest.fixture
def foreign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Foreign:
    """A working folder with ``evil.py``, which nobody has named."""
    place, home = tmp_path / "here", tmp_path / "home"
    place.mkdir()
    home.mkdir()
    (home / "mine.txt").write_text("mine")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.delitem(sys.modules, "evilmodule", raising=False)  # another test's
    canary = tmp_path / "it-ran"
    for name in ("evil.py", "evilmodule.py"):
        (place / name).write_text(CODE.format(canary=str(canary)))
    return Foreign(home, canary, capsys)
