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
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import nasbench

_LIBRARIES = ("torch", "torchvision", "numpy", "numba", "scikit-learn")
_SOURCE = Path(nasbench.__file__).resolve().parent.parent
_START = r"(?<![\w.~-])"  # start of a path: "/x/root" is not inside the home "/root"
_HOMES = _START + r"/(?:home|Users)/[^/\s=:,'\"]+"
_GIT_SECONDS = 10.0


def collect(command: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the provenance of a run that starts now, as JSON values.

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
    changes = _git(_SOURCE, "status", "--porcelain", "--untracked-files=no") if commit else None
    torch = sys.modules.get("torch")
    gpus = range(torch.cuda.device_count() if torch and torch.cuda.is_available() else 0)
    return {
        "nasbench": nasbench.__version__,
        "commit": commit,
        "dirty": None if changes is None else bool(changes),
        "command": public_command(sys.argv if command is None else command),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads() if torch else None,
        "gpus": [torch.cuda.get_device_name(device) for device in gpus] if torch else [],
        "versions": {name: version(name) for name in _LIBRARIES},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def public_command(command: Sequence[str]) -> str:
    """Return the command line in one string, without the program's folder and home folders."""
    if not command:
        return ""
    home = str(Path.home())
    # A home of "/" is no secret, and every path would match it.
    homes = _HOMES if home == "/" else rf"{_START}{re.escape(home)}(?![^/\s=:,'\"])|{_HOMES}"
    program = Path(command[0]).name
    start = ("python", "-m", "nasbench") if program == "__main__.py" else (program,)
    words = (*start, *command[1:])
    return shlex.join(re.sub(homes, "~", word) for word in words)


def cpu_model() -> str:
    """Return the processor's name from the system, or the architecture if it is unknown."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else platform.processor() or platform.machine()


def git_commit(folder: Path) -> str | None:
    """Return the commit checked out in ``folder``, or ``None`` if it is not a checkout's root.

    An installed copy may be inside the checkout of another project, whose commit is unrelated.
    """
    root = _git(folder, "rev-parse", "--show-toplevel")
    if root is None or Path(root).resolve() != folder.resolve():
        return None
    return _git(folder, "rev-parse", "--verify", "HEAD")


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


@cache  # a package's metadata take 2 ms to read
def version(name: str) -> str | None:
    """Return the version of an installed package, or ``None``."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
