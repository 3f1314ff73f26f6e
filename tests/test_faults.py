"""Whose fault an error is: the machine's, the trial's, or either's."""

from __future__ import annotations

import errno
import os

import pytest
import torch

from nasbench.errors import UserError
from nasbench.faults import Fault, MachineError, fault_of, in_one_line, telling_what_failed
from nasbench.hpo.nni_experiment.protocol import TrialFailed


def of_system(number: int, name: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), name)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (of_system(errno.ENOSPC), Fault.MACHINE),
        (of_system(errno.EMFILE), Fault.MACHINE),
        (PermissionError(errno.EACCES, "Permission denied"), Fault.MACHINE),
        (MachineError("cannot write state.pt: ..."), Fault.MACHINE),
        # A library in C, and the last line of a command of another program.
        (RuntimeError("unable to write </torch_1>: No space left on device (28)"), Fault.MACHINE),
        (TrialFailed("exit status 1: OSError: [Errno 28] No space left on device"), Fault.MACHINE),
        (MemoryError(), Fault.EITHER),
        (torch.OutOfMemoryError("CUDA out of memory."), Fault.EITHER),
        (RuntimeError("CUDA error: device-side assert triggered"), Fault.EITHER),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied (8x4 and 2x4)"), None),
        (UserError("the loss is not finite at epoch 1, step 3"), None),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), None),
        (OSError("a data set of mine is broken"), None),
        (TrialFailed("exit status 1: ValueError: wrong"), None),
    ],
)  # fmt: skip
def test_whose_fault_it_is(error, fault):
    assert fault_of(error) is fault


def test_the_cause_of_an_error_counts():
    told = UserError("cannot convert the walks")
    told.__cause__ = of_system(errno.ENOSPC, "gait.h5")
    assert fault_of(told) is Fault.MACHINE


def test_one_line_names_the_file():
    assert in_one_line(of_system(errno.ENOSPC, "a.svg")) == "a.svg: No space left on device"
    assert in_one_line(MemoryError()) == "out of memory: MemoryError"
    assert in_one_line(RuntimeError("CUDA error: bad\nmore")) == "RuntimeError: CUDA error: bad"


def test_a_write_that_a_library_in_c_failed_names_the_file():
    line = (
        r"^cannot write model\.pt: .*No space left on device.*; what was written before is kept$"
    )
    with pytest.raises(MachineError, match=line), telling_what_failed("model.pt"):
        raise RuntimeError("I/O error: No space left on device (os error 28)")
    with pytest.raises(RuntimeError, match="a bug"), telling_what_failed("model.pt"):
        raise RuntimeError("a bug")
