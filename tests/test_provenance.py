import json
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import pytest
import torch

import nasbench
from nasbench import provenance


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    git(tmp_path, "init")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "first")
    return tmp_path


def test_facts_are_those_of_this_machine_and_fit_into_json():
    facts = provenance.collect(["nasbench", "search"])
    assert json.loads(json.dumps(facts)) == facts
    assert facts["nasbench"] == nasbench.__version__
    assert facts["python"] == platform.python_version()
    assert facts["versions"]["numpy"] == metadata.version("numpy")
    assert facts["cpu"]
    assert facts["cores"] >= 1
    started = datetime.fromisoformat(facts["started"])
    assert abs(datetime.now(UTC) - started) < timedelta(minutes=1)


def test_missing_library_has_no_version(monkeypatch):
    monkeypatch.setattr(provenance, "_LIBRARIES", ("no-such-distribution",))
    assert provenance.collect([])["versions"] == {"no-such-distribution": None}


def test_command_names_no_user_and_no_home(monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/data/people/carol"))
    text = provenance.public_command(
        [
            "/home/bob/venv/bin/nasbench",
            "search",
            "--out=/home/alice/runs/a b",
            "/data/people/carol/x",
            "/data/people/caroline/y",
            "/Users/dave",
            "/srv/home/eve",
        ]
    )
    assert text == (
        "nasbench search '--out=~/runs/a b' '~/x' /data/people/caroline/y '~' /srv/home/eve"
    )


def test_own_command_line_is_the_default(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/opt/bin/nasbench", "report"])
    assert provenance.collect()["command"] == "nasbench report"


def test_host_name_is_left_out():
    if len(platform.node()) < 4:
        pytest.skip("the host's name is too short to tell from other text")
    assert platform.node() not in json.dumps(provenance.collect(["nasbench"]))


def test_commit_and_changes_of_a_checkout(checkout, monkeypatch):
    monkeypatch.setattr(provenance, "_SOURCE", checkout)
    facts = provenance.collect([])
    assert facts["commit"] == git(checkout, "rev-parse", "HEAD")
    assert facts["dirty"] is False
    (checkout / "untracked").write_text("a result")
    assert provenance.collect([])["dirty"] is False
    (checkout / "file").write_text("two")
    assert provenance.collect([])["dirty"] is True


def test_folder_inside_a_strangers_checkout_has_no_commit(checkout):
    inside = checkout / "site-packages"
    inside.mkdir()
    assert provenance.git_commit(inside) is None


def test_no_git_no_commit(checkout, monkeypatch):
    monkeypatch.setattr(provenance, "_SOURCE", checkout)
    monkeypatch.setenv("PATH", "")
    facts = provenance.collect([])
    assert (facts["commit"], facts["dirty"]) == (None, None)


def test_torch_is_asked_only_where_it_is_loaded():
    code = (
        "import sys; from nasbench.provenance import collect; facts = collect([]); "
        "assert 'torch' not in sys.modules; assert facts['threads'] is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert provenance.collect([])["threads"] == torch.get_num_threads()
