"""Trial scripts as users write them, with NNI's own library or without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nni_trials import assert_gone, script

from nasbench.hpo.nni_experiment.command import TrialCommand, setup
from nasbench.hpo.nni_experiment.protocol import TrialFailed

BEGIN = "import os, sys, nni\nparameters = nni.get_next_parameter()\n"


def run(folder: Path, text: str, quick: bool = False, **options: Any) -> dict[str, Any]:
    """Run a trial with ``x = 0.5``, whose number is 7."""
    command = script(folder, text if quick else BEGIN + text, quick)
    work = setup(TrialCommand(command, str(folder), str(folder / "trials"), **options))
    return work({"number": 7, "parameters": {"x": 0.5}}, lambda value: True)


def failure(folder: Path, text: str, quick: bool = False, **options: Any) -> str:
    with pytest.raises(TrialFailed) as raised:
        run(folder, text, quick, **options)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400
    return str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("nni.report_final_result({'default': parameters['x'], 'loss': 1.5})", 0.5),
        ("import numpy; nni.report_final_result(numpy.float64(0.25))", 0.25),
        ("import numpy; nni.report_final_result({'default': numpy.float32(0.25)})", 0.25),
        ("import numpy; nni.report_final_result(numpy.int64(3))", 3.0),
        ("nni.report_final_result(True)", 1.0),
        ("os.chdir('/'); nni.report_final_result(1)", 1.0),
        ("os.close(1); os.close(2); nni.report_final_result(1)", 1.0),
        (
            "assert (nni.get_sequence_id(), nni.get_trial_id()) == (7, '7'); "
            "nni.report_final_result(nni.get_current_parameter('x'))",
            0.5,
        ),
    ],
)
def test_scripts_that_run_under_nni(tmp_path, text, final):
    assert run(tmp_path, text, watched=False)["final"] == final


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import torch; nni.report_final_result(torch.tensor(0.5))", "report tensor.item()"),
        ("import numpy; nni.report_final_result(numpy.array([0.5]))", "reported a numpy array"),
        ("nni.get_next_parameter(); nni.report_final_result(1)", "needs to be called before"),
        ("nni.get_next_parameter()['x']", "exit status 1: TypeError: 'NoneType' object"),
        ("nni.report_final_result({'default': 1, 'x': 'y' * 10**6})", "Metric too long"),
    ],
)
def test_scripts_that_fail_under_nni_say_why(tmp_path, text, line):
    assert line in failure(tmp_path, text)


KINDS = ["{'acc': 1}", "[0.5]", "'good'", "None", "float('nan')", "1e999", "{'default': None}"]


def test_intermediate_results_of_other_kinds(tmp_path):
    """NNI looks at them for an assessor only; the final result is kept."""
    reports = "\n".join(f"report('PERIODICAL', {kind})" for kind in KINDS)
    text = f"{reports}\nreport('PERIODICAL', 0.25)\nreport('FINAL', {{'default': 0.75}})"
    found = run(tmp_path, text, quick=True, watched=False)
    assert (found["final"], found["intermediate"], found["stopped"]) == (0.75, [0.25], False)
    assert (found["passed_over"], found["example"]) == (len(KINDS), "{'acc': 1}")


@pytest.mark.parametrize("kind", KINDS)
def test_an_assessor_needs_numbers(tmp_path, kind):
    text = f"report('PERIODICAL', {kind})\nreport('FINAL', 0.75)"
    line = failure(tmp_path, text, quick=True, watched=True)
    assert line.startswith("reported ")
    assert " as its intermediate result; " in line


def test_a_flood_on_standard_error(tmp_path):
    text = "for _ in range(20000): sys.stderr.write('x' * 999 + '\\n')\nsys.exit('at last')"
    assert failure(tmp_path, text, quick=True) == "exit status 1: at last"
    line = failure(tmp_path, "sys.stderr.write('x' * 10**7); sys.exit(3)", quick=True)
    assert line == "exit status 3: " + "x" * 200


def test_output_that_is_no_text(tmp_path):
    text = "sys.stdout.buffer.write(bytes(range(256)))\nsys.stderr.buffer.write(b'\\xff\\xe9 no')"
    line = failure(tmp_path, f"{text}\nsys.exit(1)", quick=True)
    assert line == "exit status 1: \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} no"
    stdout = (tmp_path / "trials" / "7" / "stdout").read_bytes()
    assert stdout == bytes(range(256))


def test_a_trial_that_forks(tmp_path):
    """Both report, the trial's end is the parent's, and the child ends with it."""
    text = """
child = os.fork()
if not child:
    report("PERIODICAL", 0.25)
    Path("reported").touch()
    time.sleep(600)
while not Path("reported").exists():
    time.sleep(0.01)
Path("child").write_text(str(child))
report("FINAL", 0.75)
"""
    found = run(tmp_path, text, quick=True, timeout=60)
    assert (found["final"], found["intermediate"]) == (0.75, [0.25])
    assert_gone(int((tmp_path / "child").read_text()))


def test_standard_input_is_empty(tmp_path):
    text = "report('FINAL', len(sys.stdin.read()))"
    assert run(tmp_path, text, quick=True, timeout=60)["final"] == 0.0
