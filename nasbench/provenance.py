"""Where a result comes from: code, command, machine and library versions.

Nothing here names a host, a user or a home folder, since records are published.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import nasbench

_LIBRARIES = ("torch", "torchvision", "numpy", "scikit-learn")
_SOURCE = Path(nasbench.__file__).resolve().parent.parent
_START = r"(?<![\w.~-])"  # a path begins here: "/x/root" lies in no home called "/root"
_HOMES = _START + r"/(?:home|Users)/[^/\s=:,'\"]+"
_GIT_SECONDS = 10.0


def collect(command: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the provenance of a run that starts now, as JSON can hold it.

    Threads and GPUs are reported only if torch has been imported already.

    Args:
        command: the command line, program first; ``sys.argv`` by default.

    Returns:
        ``nasbench`` (version), ``commit`` and ``dirty`` (``None`` outside a git checkout),
        ``command``, ``python``, ``platform``, ``cpu``, ``cores`` (logical), ``threads``
        (torch's, or ``None``), ``gpus`` (names), ``versions`` (``None`` for a library that is
        missing) and ``started`` (UTC, ISO 8601).
    """
    commit = git_commit(_SOURCE)
    return {
        "nasbench": nasbench.__version__,
        "commit": commit,
        "dirty": _is_dirty(_SOURCE) if commit else None,
        "command": public_command(sys.argv if command is None else command),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        **_torch_facts(),
        "versions": {name: _version(name) for name in _LIBRARIES},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def public_command(command: Sequence[str]) -> str:
    """Return the command line in one string, without the program's folder and home folders."""
    if not command:
        return ""
    home = str(Path.home())
    # A home of "/" is no secret, and would turn every path around.
    homes = _HOMES if home == "/" else rf"{_START}{re.escape(home)}(?![^/\s=:,'\"])|{_HOMES}"
    program = Path(command[0]).name
    start = ("python", "-m", "nasbench") if program == "__main__.py" else (program,)
    words = (*start, *command[1:])
    return shlex.join(re.sub(homes, "~", word) for word in words)


def cpu_model() -> str:
    """Return the processor's name as the system gives it, or else the architecture."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else platform.processor() or platform.machine()


def git_commit(folder: Path) -> str | None:
    """Return the commit checked out in ``folder``, or ``None`` if it is no checkout's root.

    An installed copy may lie somewhere inside a stranger's checkout, whose commit says nothing.
    """
    root = _git(folder, "rev-parse", "--show-toplevel")
    if root is None or Path(root).resolve() != folder.resolve():
        return None
    return _git(folder, "rev-parse", "--verify", "HEAD")


def _is_dirty(folder: Path) -> bool | None:
    """Return whether tracked files differ from the commit, or ``None`` if git cannot tell."""
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return None if changes is None else bool(changes)


def _git(folder: Path, *arguments: str) -> str | None:
    """Return git's output, or ``None`` if git is missing, slow or fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _torch_facts() -> dict[str, Any]:
    torch = sys.modules.get("torch")
    if torch is None:
        return {"threads": None, "gpus": []}
    devices = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    names = [torch.cuda.get_device_name(device) for device in devices]
    return {"threads": torch.get_num_threads(), "gpus": names}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
