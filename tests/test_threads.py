"""How threads wait, which the environment tells OpenMP before torch is imported."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nasbench.threads import BRIEFLY, SPINS, spin_briefly


@pytest.fixture
def before_torch(monkeypatch):
    for name in (SPINS, "OMP_WAIT_POLICY", "KMP_BLOCKTIME"):
        monkeypatch.setenv(name, "")  # so that the environment is put back
        monkeypatch.delenv(name)
    monkeypatch.delitem(sys.modules, "torch")


def test_threads_sleep_soon(before_torch):
    spin_briefly()
    assert os.environ[SPINS] == BRIEFLY


@pytest.mark.parametrize("name", [SPINS, "OMP_WAIT_POLICY", "KMP_BLOCKTIME"])
def test_the_users_own_setting_stays(before_torch, monkeypatch, name):
    monkeypatch.setenv(name, "active")
    spin_briefly()
    assert os.environ[name] == "active"
    assert name == SPINS or SPINS not in os.environ


def test_nothing_changes_once_torch_has_read_it(before_torch, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", sys)
    spin_briefly()
    assert SPINS not in os.environ


def test_every_command_and_call_says_so_before_it_imports_torch():
    code = (
        "import os, sys; import nasbench as nb; from nasbench.cli import main\n"
        "assert 'torch' not in sys.modules; {}\n"
        "print(os.environ['GOMP_SPINCOUNT'], file=sys.stderr)"
    )
    kept = {name: value for name, value in os.environ.items() if name != SPINS}
    for call in ("main(['list', 'tuners'])", "nb.list('tuners')"):
        done = subprocess.run(
            [sys.executable, "-c", code.format(call)], capture_output=True, text=True, env=kept
        )
        assert done.stderr == f"{BRIEFLY}\n"
