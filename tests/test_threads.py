"""How threads wait, which the environment tells OpenMP before torch is imported."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nasbench.threads import POLICY, sleep_while_waiting


@pytest.fixture
def before_torch(monkeypatch):
    for name in (POLICY, "GOMP_SPINCOUNT", "KMP_BLOCKTIME"):
        monkeypatch.setenv(name, "")  # so that the environment is put back
        monkeypatch.delenv(name)
    monkeypatch.delitem(sys.modules, "torch")


def test_threads_sleep(before_torch):
    sleep_while_waiting()
    assert os.environ[POLICY] == "PASSIVE"


@pytest.mark.parametrize("name", [POLICY, "GOMP_SPINCOUNT", "KMP_BLOCKTIME"])
def test_the_users_own_setting_stays(before_torch, monkeypatch, name):
    monkeypatch.setenv(name, "active")
    sleep_while_waiting()
    assert os.environ[name] == "active"
    assert name == POLICY or POLICY not in os.environ


def test_nothing_changes_once_torch_has_read_it(before_torch, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", sys)
    sleep_while_waiting()
    assert POLICY not in os.environ


def test_every_command_and_call_says_so_before_it_imports_torch():
    code = (
        "import os, sys; import nasbench as nb; from nasbench.cli import main\n"
        "assert 'torch' not in sys.modules; {}\n"
        "print(os.environ['OMP_WAIT_POLICY'], file=sys.stderr)"
    )
    kept = {name: value for name, value in os.environ.items() if name != POLICY}
    for call in ("main(['list', 'tuners'])", "nb.list('tuners')"):
        done = subprocess.run(
            [sys.executable, "-c", code.format(call)], capture_output=True, text=True, env=kept
        )
        assert done.stderr == "PASSIVE\n"
