"""Whole experiments under NNI's own manager."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
from nni_trials import EXAMPLE, assert_gone, score, script, trial_command, v1, v2, wait_for

from nasbench.errors import UserError
from nasbench.hpo.nni_experiment import rest, server
from nasbench.hpo.nni_experiment.config import read
from nasbench.hpo.nni_experiment.manager import _content, run_with_nni
from nasbench.hpo.nni_experiment.server import NniServer

NODE = Path(importlib.util.find_spec("nni_node").submodule_search_locations[0])


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home folder of the user's; skip where NNI's manager cannot start at all."""
    try:
        subprocess.run([NODE / "node", "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"NNI's manager does not start here: {error}")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nobody is there
    return home


def _run(path: Path, timeout: float | None = None, **options):
    experiment = read(path)
    command = trial_command(experiment, path.parent / "run" / "trials", timeout=timeout)
    return run_with_nni(experiment, command, path.parent / "run" / "nni", port=0, **options)


def _process(*which: str) -> int:
    """The one process that ``pgrep`` finds."""
    (found,) = subprocess.run(["pgrep", *which], capture_output=True, text=True).stdout.split()
    return int(found)


@pytest.mark.slow
@pytest.mark.parametrize("write", [v1, v2])
def test_nnis_own_example_style_runs_unchanged_and_all_pairs_are_right(tmp_path, home, write):
    script(tmp_path, EXAMPLE, quick=False)
    table: list = []
    page = []

    def look() -> bool:
        table[:] = rest.call("GET", f"{page[0]}/api/v1/nni/trial-jobs") or table
        return False

    results = _run(write(tmp_path), announce=page.append, stopped=look)
    assert [result.number for result in results] == list(range(6))
    for result in results:
        assert result.error is None
        assert result.final == score(result.parameters)
        assert result.intermediate == (result.parameters["x"], result.parameters["x"] + 1)
    assert len({result.final for result in results}) == 6
    done = [job for job in table if "finalMetricData" in job]
    assert done
    for job in done:  # NNI's own table, which its web page shows
        (given,) = (json.loads(text)["parameter_id"] for text in job["hyperParameters"])
        assert [int(metric["parameterId"]) for metric in job["finalMetricData"]] == [given]
    assert not (home / "nni-experiments").exists()


@pytest.mark.slow
def test_a_failed_trial_harms_no_other_and_the_grid_comes_to_an_end(tmp_path, home):
    text = """
if parameters["x"] == 2: sys.exit("no luck")
if parameters["x"] == 3: time.sleep(600)
if parameters["x"] == 4: report("FINAL", float("nan"))
print(os.environ["HOME"], os.environ["NNI_TRIAL_JOB_ID"])
report("FINAL", parameters["x"])
"""
    script(tmp_path, text)
    space = {"x": {"_type": "choice", "_value": [1, 2, 3, 4, 5]}}
    tuner = {"name": "GridSearch"}
    path = v2(tmp_path, searchSpaceFile=None, searchSpace=space, tuner=tuner, maxTrialNumber=None)
    seen = []

    def look(page: str) -> None:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        seen.append(b"Neural Network Intelligence" in direct.open(page, timeout=60).read())
        port = int(page.rpartition(":")[2])
        with socket.socket() as elsewhere:  # served by whoever listens on all interfaces
            seen.append(elsewhere.connect_ex(("127.0.0.2", port)) != 0)

    results = _run(path, timeout=5.0, announce=look)
    assert {result.parameters["x"]: result.error or result.final for result in results} == {
        1: 1.0,
        2: "exit status 1: no luck",
        3: "did not end within 5 s",
        4: "reported nan as its final result; it must be finite",
        5: 5.0,
    }
    assert seen == [True, True]
    (first,) = [result.number for result in results if result.parameters["x"] == 1]
    printed = (tmp_path / "run" / "trials" / str(first) / "stdout").read_text().split()
    assert printed[0] == str(home)
    assert not (home / "nni-experiments").exists()


@pytest.mark.slow
def test_a_stopped_experiment_keeps_what_its_trials_have_reported(tmp_path, home):
    script(
        tmp_path,
        "report('PERIODICAL', 7)\nPath('pid').write_text(str(os.getpid()))\ntime.sleep(600)",
    )
    path = v1(tmp_path, trialConcurrency=1)
    (result,) = _run(path, stopped=(tmp_path / "pid").exists)
    assert (result.final, result.stopped, result.error) == (7.0, True, None)
    assert_gone(int((tmp_path / "pid").read_text()))


@pytest.mark.slow
def test_a_tuner_that_does_not_start_says_why(tmp_path, home):
    path = v2(tmp_path, tuner={"name": "TPE", "classArgs": {"sed": 1}})
    line = r"NNI's manager failed: TypeError: .*unexpected keyword argument 'sed'; its log is /"
    with pytest.raises(UserError, match=line):
        _run(path)


@pytest.mark.slow
def test_manager_and_trials_die_with_the_process_that_started_them(tmp_path, home):
    script(tmp_path, "Path('pid').write_text(str(os.getpid())); time.sleep(600)")
    path = v1(tmp_path, trialConcurrency=1)
    program = f"""
from pathlib import Path
from nasbench.hpo.nni_experiment.command import TrialCommand
from nasbench.hpo.nni_experiment.config import read
from nasbench.hpo.nni_experiment.manager import run_with_nni
experiment, folder = read(Path({str(path)!r})), {str(tmp_path)!r}
command = TrialCommand(experiment.command, folder, folder + "/trials")
run_with_nni(experiment, command, Path(folder, "nni"), port=0)
"""
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        try:
            trial = int(wait_for(tmp_path / "pid"))
            manager = _process("-f", f"experiments-directory {tmp_path}/nni")
        finally:
            process.kill()
    assert_gone(trial)
    assert_gone(manager)


@pytest.mark.slow
def test_a_tuner_that_dies_ends_the_experiment(tmp_path, home):
    script(tmp_path, "Path('pid').write_text(str(os.getpid())); time.sleep(600)")

    def kill() -> bool:
        if (tmp_path / "pid").exists() and not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            manager = _process("-f", f"experiments-directory {tmp_path}/run/nni")
            os.kill(_process("-n", "-g", str(manager), "-f", "exp_params"), signal.SIGKILL)
        return False

    with pytest.raises(UserError, match=r"^NNI's manager failed: .*; its log is /.*manager\.log$"):
        _run(v1(tmp_path, trialConcurrency=1), stopped=kill)
    assert_gone(int((tmp_path / "pid").read_text()))


def test_a_port_that_is_taken(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=rf"--port {port}: .*in use; allowed: a free port"):
            NniServer(tmp_path, port)
    with pytest.raises(UserError, match=r"--port 70000: .*allowed: a free port, 0 for any"):
        NniServer(tmp_path, 70000)


@pytest.mark.parametrize(
    ("node", "line"),
    [
        ("exit 3", "NNI's manager failed: exit status 3; its log is "),
        ("echo \"KeyError: 'lr'\"; exit 1", "NNI's manager failed: KeyError: 'lr'; its log is "),
        ("exec sleep 600", "NNI's manager failed: it did not start in 0.5 s; its log is "),
    ],
)
def test_a_manager_that_does_not_start(tmp_path, monkeypatch, node, line):
    program = tmp_path / "node"
    program.write_text(f"#!/bin/sh\n{node}\n")
    program.chmod(0o755)
    monkeypatch.setattr(server, "require", lambda *names: SimpleNamespace(__path__=[tmp_path]))
    monkeypatch.setattr(server, "_START_LIMIT", 0.5 if "sleep" in node else 60.0)
    monkeypatch.setattr(server, "_STOP_LIMIT", 0.1 if "sleep" in node else 60.0)
    with pytest.raises(UserError, match=line):
        NniServer(tmp_path, 0)


def test_what_is_handed_over(tmp_path):
    local = {"platform": "local", "gpuIndices": [1], "useActiveGpu": True}
    path = v2(
        tmp_path,
        trialGpuNumber=2,
        maxExperimentDuration="1h",
        assessor={"name": "Medianstop", "classArgs": {"start_step": 3}},
        trainingService=local,
    )
    content = _content(read(path), tmp_path / "command.json")
    assert content["tuner"] == {"name": "Random"}
    assert content["assessor"] == {"name": "Medianstop", "classArgs": {"start_step": 3}}
    assert (content["maxTrialNumber"], content["maxExperimentDuration"]) == (6, 3600.0)
    assert content["trainingService"].items() >= {**local, "trialGpuNumber": 2}.items()
    assert "assessor" not in _content(read(v1(tmp_path)), tmp_path / "command.json")


ONE_GPU = """#!/bin/sh
case "$*" in
*collect_gpu_info*)
    echo '{"success": true, "gpuNumber": 1, "gpus": [{"index": 0}], "processes": []}' ;;
*)
    exec PYTHON "$@" ;;
esac
"""


@pytest.mark.slow
def test_a_trial_gets_the_only_gpu_and_no_other_trial_with_it(tmp_path, home, monkeypatch):
    python = tmp_path / "python"  # tells NNI of one GPU
    python.write_text(ONE_GPU.replace("PYTHON", sys.executable))
    python.chmod(0o755)
    monkeypatch.setattr(server, "sys", SimpleNamespace(executable=str(python)))
    text = """
Path("busy").mkdir()
time.sleep(0.5)
Path("busy").rmdir()
report("FINAL", int(os.environ["CUDA_VISIBLE_DEVICES"]))
"""
    script(tmp_path, text)
    results = _run(v2(tmp_path, trialGpuNumber=1, trialConcurrency=2, maxTrialNumber=3))
    assert [(result.final, result.error) for result in results] == [(0.0, None)] * 3
