"""What a worker says on its line, held in this process."""

from __future__ import annotations

import pickle
import threading
from multiprocessing import Pipe

import pytest

from nasbench.executors import worker
from nasbench.executors.worker import SharedContext


@pytest.fixture
def line():
    """A line to a worker that serves in a thread of this process."""
    ours, theirs = Pipe()

    def serve():
        with pytest.raises(EOFError):
            worker.serve(theirs)

    thread = threading.Thread(target=serve)
    thread.start()
    yield ours
    ours.close()
    thread.join()
    theirs.close()


def hello(line, setup):
    with SharedContext({"offset": 10}) as context:
        line.send((f"executor_works:{setup}", context.fileno(), context.sizes))
        return line.recv()


def test_a_worker_answers_job_after_job(line):
    assert hello(line, "setup") == ("setup", None)
    for number in (1, 2):
        line.send_bytes(pickle.dumps(("add", number)))
        kind, done = line.recv()
        assert (kind, pickle.loads(done.value), done.error) == ("done", 10 + number, None)


def test_a_worker_reports_and_waits_for_the_answer(line):
    hello(line, "setup")
    line.send_bytes(pickle.dumps(("report_all", [0.5, 0.75])))
    assert line.recv() == ("report", 0.5)
    line.send(False)
    assert pickle.loads(line.recv()[1].value) == 1


def test_a_worker_tells_why_it_cannot_be_set_up(line):
    assert hello(line, "broken_setup") == ("setup", "RuntimeError: no data here")


def test_a_worker_ends_with_its_parent(monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(worker.os, "killpg", lambda group, number: ended.set())
    ours, theirs = Pipe()
    thread = threading.Thread(target=worker._end_with_parent, args=(theirs.fileno(),))
    thread.start()
    ours.close()
    thread.join()
    theirs.close()
    assert ended.is_set()
