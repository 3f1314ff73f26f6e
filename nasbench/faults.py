"""Errors of the machine, which stop a run so that it can be continued.

A full disk says nothing about the network that was trained when the disk filled: it must not
count as that network's result.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from nasbench.errors import UserError


class Fault(Enum):
    """Whose fault an error is, if it is not the trial's alone.

    Attributes:
        MACHINE: the machine's: no space, no permission, too many open files, a worker that cannot
            be set up. It stops the run every time.
        EITHER: the machine's or the trial's: no memory, a CUDA error, a killed process. It stops
            the run once; a trial with the same error after that has failed.
    """

    MACHINE = "machine"
    EITHER = "either"


class MachineError(UserError):
    """An error of the machine in one line; the run is marked as stopped and can be continued.

    Attributes:
        fault: whose fault it is.
        run: the argument of ``--resume``, set by the caller that knows the run.
    """

    def __init__(self, text: str, fault: Fault = Fault.MACHINE) -> None:
        super().__init__(text)
        self.fault = fault
        self.run = ""


_NAMES = (
    *("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS", "ESTALE"),  # the disk
    *("EACCES", "EPERM", "EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "ENODEV", "ENXIO"),
)
_NUMBERS = {getattr(errno, name) for name in _NAMES if hasattr(errno, name)}
# Libraries in C, and the commands of other programs, tell them in words alone.
_IN_WORDS = [
    os.strerror(getattr(errno, name)) for name in ("ENOSPC", "EDQUOT", "EMFILE", "ENFILE")
]
PEER_ENDED = "another process of this run has ended"
# gloo's, when another process of the run has ended.
_PEER_ENDED = ("Connection closed by peer", "Connection reset by peer")
# Errors of torch that have no class: on a CPU, and in libraries on a GPU.
_OUT_OF_MEMORY = (
    "CUDA out of memory",
    "DefaultCPUAllocator",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that a device or the machine ran out of memory."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return any(words in str(error) for words in _OUT_OF_MEMORY)


def fault_of(error: BaseException) -> Fault | None:
    """Return whose fault an error is; ``None`` for an error of the trial or of the user.

    The error's causes are looked at, too.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MachineError):
            return cause.fault
        if isinstance(cause, OSError) and cause.errno in _NUMBERS:
            return Fault.MACHINE
        if any(words in str(cause) for words in (*_IN_WORDS, *_PEER_ENDED)):
            return Fault.MACHINE
        if is_out_of_memory(cause) or "CUDA error" in str(cause):
            return Fault.EITHER  # after a CUDA error the process can no longer use the device
        cause = cause.__cause__
    return None


def peer_ended(error: BaseException) -> bool:
    """Return whether an error, or a cause of it, says that another process has ended."""
    cause: BaseException | None = error
    while cause is not None:
        if any(words in str(cause) for words in (PEER_ENDED, *_PEER_ENDED)):
            return True
        cause = cause.__cause__
    return False


def in_one_line(error: BaseException) -> str:
    """Return an error of the machine as a line that names the file or the type of the error."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):
        names = [str(name) for name in (error.filename, error.filename2) if name is not None]
        what = " -> ".join(names) or "reading or writing"
        return f"{what}: {error.strerror or error}"
    lines = str(error).strip().splitlines()
    if is_out_of_memory(error):
        return f"out of memory: {lines[0] if lines else type(error).__name__}"
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"


@contextmanager
def telling_what_failed(path: Path) -> Iterator[None]:
    """Turn a failed write into one line that names the file and the reason.

    Raises:
        MachineError: the block raised an error of the operating system.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not isinstance(error, OSError) and fault_of(error) is not Fault.MACHINE:
            raise
        reason = getattr(error, "strerror", None) or in_one_line(error)
        raise MachineError(
            f"cannot write {path}: {reason}; what was written before is kept"
        ) from error
