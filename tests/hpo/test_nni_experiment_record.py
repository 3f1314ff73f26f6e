"""A trial under NNI's manager, against a manager of a few lines."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from nni_trials import script

from nasbench.hpo.nni_experiment import record
from nasbench.hpo.nni_experiment.results import TrialResult, read_results

GIVEN = {"parameter_id": 5, "parameters": {"x": 0.5}}


class Manager:
    """Answers a trial as NNI's manager does: the first question with "not yet"."""

    def __init__(self) -> None:
        self.given, self.asked, self.metrics, self.status = GIVEN, 0, [], 408
        manager = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                manager.asked += 1
                self.send_response(manager.status if manager.asked == 1 else 200)
                self.end_headers()
                answer = {"type": "parameter", "parameter": json.dumps(manager.given)}
                self.wfile.write(json.dumps(answer).encode())

            def do_PUT(self) -> None:
                command = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if command["type"] == "metric":
                    manager.metrics.append(json.loads(command["metric"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/env/trial"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def manager(monkeypatch):
    interrupt = signal.getsignal(signal.SIGINT)
    manager = Manager()
    monkeypatch.setenv("NNI_TRIAL_COMMAND_CHANNEL", manager.url)
    monkeypatch.setenv("NNI_TRIAL_JOB_ID", "aBcDe")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nobody is there
    yield manager
    manager.close()
    signal.signal(signal.SIGINT, interrupt)


def _description(folder: Path, text: str) -> str:
    command = {"command": script(folder, text), "code_dir": str(folder)}
    path = folder / "command.json"
    path.write_text(json.dumps({**command, "folder": str(folder / "trials")}))
    return str(path)


def _result(folder: Path) -> TrialResult:
    (result,) = read_results(folder / "trials")
    return result


def test_reports_reach_the_manager_and_the_trials_own_file(tmp_path, manager):
    text = """
report("PERIODICAL", 1); report("PERIODICAL", 2)
report("FINAL", {"default": parameters["x"], "job": os.environ["NNI_TRIAL_JOB_ID"]})
"""
    assert record.main(_description(tmp_path, text)) == 0
    result = _result(tmp_path)
    assert (result.number, result.parameters, result.final) == (5, {"x": 0.5}, 0.5)
    assert (result.intermediate, result.stopped, result.error) == ((1.0, 2.0), False, None)
    assert result.seconds > 0
    told = [(m["type"], m["sequence"], json.loads(m["value"])) for m in manager.metrics]
    assert told == [
        ("PERIODICAL", 0, 1),
        ("PERIODICAL", 1, 2),
        ("FINAL", 0, {"default": 0.5, "job": "aBcDe"}),
    ]
    assert {(m["parameter_id"], m["trial_job_id"]) for m in manager.metrics} == {(5, "aBcDe")}


def test_a_failed_trial_fails_for_the_manager_too(tmp_path, manager, capsys):
    assert record.main(_description(tmp_path, "sys.exit('no luck')")) == 1
    result = _result(tmp_path)
    assert (result.final, result.error) == (None, "exit status 1: no luck")
    assert capsys.readouterr().err == "exit status 1: no luck\n"


def test_a_trial_added_by_hand_is_refused(tmp_path, manager, capsys):
    manager.given = {"parameter_id": None, "parameters": {}}
    assert record.main(_description(tmp_path, "report('FINAL', 1)")) == 1
    assert "has no parameterId" in capsys.readouterr().err
    assert not (tmp_path / "trials").exists()


def test_a_manager_that_refuses_is_an_error(tmp_path, manager):
    manager.status = 410
    with pytest.raises(OSError, match="410"):
        record.main(_description(tmp_path, "report('FINAL', 1)"))


@pytest.mark.parametrize(
    ("text", "final", "error", "status"),
    [
        ("report('PERIODICAL', 3); ", 3.0, None, -signal.SIGINT),
        ("", None, "was stopped before it had reported anything", 1),
        ("report('PERIODICAL', 3); report('FINAL', 4); ", 4.0, None, 0),
    ],
)
def test_a_trial_that_the_manager_stops(tmp_path, manager, text, final, error, status):
    description = _description(tmp_path, f"{text}Path('up').touch(); time.sleep(600)")
    module = "nasbench.hpo.nni_experiment.record"
    reports = text.count("report(")
    with subprocess.Popen([sys.executable, "-m", module, description]) as process:
        while not ((tmp_path / "up").exists() and len(manager.metrics) == reports):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
    assert process.returncode == status
    result = _result(tmp_path)
    assert (result.final, result.error, result.stopped) == (final, error, status < 0)


def test_a_trial_that_was_killed_has_no_result(tmp_path):
    trial = tmp_path / "12"
    trial.mkdir()
    (trial / "parameters.json").write_text('{"x": 1}')
    (result,) = read_results(tmp_path)
    assert result == TrialResult(12, {"x": 1}, error="was killed before it ended")
