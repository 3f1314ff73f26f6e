"""Trial commands run unchanged: what they are given, what they report, how they end."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from nni_trials import EXAMPLE, assert_gone, score, script, trial_command, v1, v2, wait_for

from nasbench.errors import UserError
from nasbench.hpo.nni_experiment.command import ProcessGroup, TrialCommand, setup
from nasbench.hpo.nni_experiment.experiment import read
from nasbench.hpo.nni_experiment.protocol import TrialFailed, open_folder

PARAMETERS = {"x": 0.5, "y": 3}


def _go_on(value: float) -> bool:
    return True


def _command(folder: Path, command: str, **options) -> TrialCommand:
    return TrialCommand(command, str(folder), str(folder / "trials"), **options)


def _run(folder: Path, text: str, report=_go_on, number=7, parameters=PARAMETERS, **options):
    """Run a quick trial script with these lines."""
    work = setup(_command(folder, script(folder, text), **options))
    return work({"number": number, "parameters": parameters}, report)


def _failure(folder: Path, text: str, **options) -> str:
    with pytest.raises(TrialFailed) as raised:
        _run(folder, text, **options)
    assert isinstance(raised.value, UserError)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("write", [pytest.param(v1, marks=pytest.mark.slow), v2])
def test_nnis_own_example_style_runs_unchanged(tmp_path, write):
    script(tmp_path, EXAMPLE, quick=False)
    command = trial_command(read(write(tmp_path)), tmp_path / "run")
    reported = []
    work = setup(pickle.loads(pickle.dumps(command)))
    value = work({"number": 3, "parameters": PARAMETERS}, lambda v: reported.append(v) or True)
    assert value["final"] == score(PARAMETERS)
    assert value["raw"] == {"default": score(PARAMETERS), "epochs": 2}
    assert reported == value["intermediate"] == [0.5, 1.5]
    assert not value["stopped"]
    folder = tmp_path / "run" / "3"
    assert json.loads((folder / "parameters.json").read_text()) == PARAMETERS
    assert (folder / "stdout").exists()


def test_all_pairs_are_right_when_four_trials_run_at_once(tmp_path):
    rng = np.random.default_rng(0)
    given = [{"x": float(rng.uniform()), "y": int(rng.integers(100))} for _ in range(12)]
    delays = rng.permutation(12) / 20  # trials overtake each other
    text = "time.sleep(parameters['delay']); report('FINAL', 3*parameters['x']+parameters['y'])"
    work = setup(_command(tmp_path, script(tmp_path, text)))

    def run(number: int) -> float:
        parameters = {**given[number], "delay": float(delays[number])}
        return work({"number": number, "parameters": parameters}, _go_on)["final"]

    with ThreadPoolExecutor(4) as pool:
        finals = list(pool.map(run, range(12)))
    assert finals == [score(parameters) for parameters in given]
    for number, parameters in enumerate(given):
        kept = json.loads((tmp_path / "trials" / str(number) / "parameters.json").read_text())
        assert score(kept) == score(parameters)


def test_a_trial_is_given_its_parameters_as_they_are(tmp_path):
    parameters = {"optimizer": {"_name": "sgd", "momentum": 0.9}, "units": 64, "act": "relu"}
    text = "print(json.dumps(parameters)); report('FINAL', 1)"
    _run(tmp_path, text, parameters=parameters)
    assert json.loads((tmp_path / "trials" / "7" / "stdout").read_text()) == parameters


def test_the_environment_is_the_trials_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("NNI_TRIAL_COMMAND_CHANNEL", "http://elsewhere")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    text = "print(json.dumps(dict(os.environ))); report('FINAL', 1)"
    _run(tmp_path, text, gpus=0, experiment="mine")
    folder = tmp_path / "trials" / "7"
    seen = json.loads((folder / "stdout").read_text())
    assert "NNI_TRIAL_COMMAND_CHANNEL" not in seen
    assert seen["CUDA_VISIBLE_DEVICES"] == ""
    assert (seen["NNI_PLATFORM"], seen["NNI_EXP_ID"]) == ("local", "mine")
    assert (seen["NNI_TRIAL_JOB_ID"], seen["NNI_TRIAL_SEQ_ID"]) == ("7", "7")
    assert seen["NNI_SYS_DIR"] == seen["NNI_OUTPUT_DIR"] == str(folder)
    assert "NNI_PLATFORM" not in os.environ
    _run(tmp_path, text)
    seen = json.loads((folder / "stdout").read_text())
    assert seen["CUDA_VISIBLE_DEVICES"] == "3"


def test_the_command_is_for_a_shell(tmp_path):
    (tmp_path / "code").mkdir()
    script(tmp_path / "code", "report('FINAL', float(sys.argv[1]))")
    text = f'cd code && VALUE=4 && exec {sys.executable} trial.py "${{VALUE}}2" # $1'
    value = setup(_command(tmp_path, text))({"number": 0, "parameters": {}}, _go_on)
    assert value["final"] == 42.0


def test_of_several_final_results_the_last_one_counts(tmp_path):
    assert _run(tmp_path, "report('FINAL', 1); report('FINAL', 2)")["final"] == 2.0


def test_reports_come_while_the_trial_runs(tmp_path):
    text = (
        "report('PERIODICAL', 1)\n"
        "while not Path('seen').exists(): time.sleep(0.01)\n"
        "report('FINAL', 2)"
    )

    def report(value: float) -> bool:
        (tmp_path / "seen").touch()
        return True

    assert _run(tmp_path, text, report, timeout=60)["final"] == 2.0


def test_a_second_attempt_begins_anew(tmp_path):
    assert _failure(tmp_path, "report('FINAL', 1); sys.exit(1)").startswith("exit status 1")
    text = "report('PERIODICAL', 5)\nif not Path('again').exists(): report('FINAL', 1)"
    _run(tmp_path, text)
    (tmp_path / "again").touch()
    assert "reported no final result" in _failure(tmp_path, text)


def test_a_trial_told_to_stop_ends_in_good_order(tmp_path):
    text = """
import signal, subprocess
def end(*_):
    Path("saved").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
child = subprocess.Popen(["sleep", "600"])
Path("child").write_text(str(child.pid))
for epoch in range(100):
    report("PERIODICAL", epoch)
    time.sleep(0.2 if epoch < 3 else 600)
"""
    value = _run(tmp_path, text, lambda value: value < 2)
    assert (value["final"], value["intermediate"], value["stopped"]) == (2.0, [0, 1, 2], True)
    assert (tmp_path / "saved").exists()
    assert_gone(int((tmp_path / "child").read_text()))


def test_a_trial_that_will_not_end_is_killed(tmp_path):
    command = "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > child; while :; do sleep 0.1; done'"
    with ProcessGroup(command, tmp_path, os.environ, tmp_path) as group:
        child = int(wait_for(tmp_path / "child"))
        group.stop(grace=0.2)
        assert group.status() == 128 + signal.SIGKILL
    assert_gone(child)


def test_what_a_trial_leaves_behind_is_killed(tmp_path):
    text = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid); report('FINAL', 1)"
    _run(tmp_path, text)
    assert_gone(int((tmp_path / "trials" / "7" / "stdout").read_text()))


def test_a_trial_over_its_time_is_killed_with_its_children(tmp_path):
    text = "import subprocess; subprocess.run('echo $$ > child; sleep 600; true', shell=True)"
    start = time.monotonic()
    assert _failure(tmp_path, text, timeout=1.5) == "did not end within 1.5 s"
    assert time.monotonic() - start > 1.5
    assert_gone(int((tmp_path / "child").read_text()))


def test_a_trial_dies_with_its_worker(tmp_path):
    script(tmp_path, "Path('pid').write_text(str(os.getpid())); time.sleep(600)")
    worker = (
        "from nasbench.hpo.nni_experiment.command import TrialCommand, setup\n"
        f"command = TrialCommand('{sys.executable} trial.py', '{tmp_path}', '{tmp_path}/trials')\n"
        "setup(command)({'number': 0, 'parameters': {}}, lambda value: True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", worker]) as process:
        try:
            trial = int(wait_for(tmp_path / "pid"))
        finally:
            process.kill()
    assert_gone(trial)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("raise ValueError('lr must be positive')", "exit status 1: ValueError: lr must be posi"),
        ("sys.exit(3)", "exit status 3: nothing on its standard error"),
        ("report('FINAL', 1); sys.exit('too late\\n\\n')", "exit status 1: too late"),
        ("os.kill(os.getpid(), 9)", "exit status 137 (SIGKILL): "),
        ("pass", "reported no final result: it ended without nni.report_final_result()"),
        ("report('PERIODICAL', 1)", "reported no final result: it ended without"),
        ("report('FINAL', float('nan'))", "reported nan as its final result; it must be finite"),
        ("report('FINAL', {'default': -1e999})", "reported -inf as its final result; it must be"),
        ("report('PERIODICAL', float('nan'))", "reported nan as its intermediate result"),
        ("report('FINAL', 'good')", "reported 'good' as its final result; allowed: a number, or"),
        ("report('FINAL', {'acc': 1})", "reported {'acc': 1} as its final result; allowed: a num"),
        ("report('FINAL', [0.5])", "reported [0.5] as its final result; allowed: a number"),
        ("report('FINAL', {'__nni_obj__': 'gAWV' * 999})", "reported a Python object (of a tens"),
        ("report('FINAL', {'default': {'__ndarray__': 0.5}})", "reported a numpy array as its fi"),
        ("report('FINAL', 'x' * 9999)", "reported 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        ("report('FINAL', None)", "reported None as its final result; allowed: a number"),
        (
            "record['parameter_id'] = 4; report('FINAL', 1)",
            "reported for parameterId 4; it was given 7",
        ),
    ],
)
def test_a_trial_without_a_result_says_why(tmp_path, text, line):
    assert _failure(tmp_path, text).startswith(line)


def test_a_command_that_is_none(tmp_path):
    work = setup(_command(tmp_path, "no-such-command trial.py"))
    with pytest.raises(TrialFailed, match=r"exit status 127: .*no-such-command"):
        work({"number": 0, "parameters": {}}, _go_on)


def test_a_record_is_read_once_it_is_whole(tmp_path):
    metrics = open_folder(tmp_path / "0", 0, {})
    body = json.dumps({"parameter_id": 0, "type": "PERIODICAL", "value": "0.5"}).encode() + b"\n"
    record = b"ME%06d%b" % (len(body), body)
    path = tmp_path / "0" / ".nni" / "metrics"
    path.write_bytes(record + record[:5])
    assert [metric.value for metric in metrics.new()] == [0.5]
    assert metrics.new() == []
    path.write_bytes(record + record)
    assert [metric.value for metric in metrics.new()] == [0.5]
