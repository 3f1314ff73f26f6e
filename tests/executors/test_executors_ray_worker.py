"""What runs in Ray's processes, run in this one."""

from __future__ import annotations

import asyncio
import pickle
from types import SimpleNamespace

import pytest

from nasbench.executors import ray_worker
from nasbench.executors.ray_worker import Mailbox, Message, run_trial


def test_a_mailbox_hands_messages_over_in_order_and_answers_back():
    async def exchange():
        mailbox = Mailbox()
        await mailbox.start((0, 1))
        reports = [asyncio.create_task(mailbox.report((n, 1), n / 2)) for n in (0, 1)]
        await asyncio.sleep(0)
        messages = await mailbox.take()
        await mailbox.answer((1, 1), True)
        await mailbox.answer((0, 1), False)
        return messages, await asyncio.gather(*reports)

    messages, answers = asyncio.run(exchange())
    assert messages == [Message((0, 1), None), Message((0, 1), 0.0), Message((1, 1), 0.5)]
    assert answers == [False, True]


class Method:
    """A method of an actor, called where it stands."""

    def __init__(self, call):
        self.remote = call


@pytest.fixture
def trial(monkeypatch):
    """Run a trial with a stand-in for Ray, whose references are the values themselves."""
    posted = []
    ray = SimpleNamespace(
        get=lambda reference: getattr(reference, "value", reference),
        get_runtime_context=lambda: SimpleNamespace(get_node_id=lambda: "0123456789"),
    )
    mailbox = SimpleNamespace(
        start=Method(posted.append),
        report=Method(lambda key, value: posted.append((key, value)) or value < 0.5),
    )
    monkeypatch.setattr(ray_worker, "require", lambda module, feature: ray)
    monkeypatch.setattr(ray_worker, "_prepared", {})

    def run(context, payload, setup="executor_works:setup"):
        reference = SimpleNamespace(value=context, hex=lambda: str(sorted(context)))
        return run_trial(setup, [reference], mailbox, (7, 1), pickle.dumps(payload))

    run.posted = posted
    return run


def test_a_trial_starts_reports_and_ends(trial):
    done, worker = trial({"offset": 1}, ("report_all", [0.25, 0.5, 0.75]))
    assert pickle.loads(done.value) == 2
    assert trial.posted == [(7, 1), ((7, 1), 0.25), ((7, 1), 0.5)]
    assert worker.startswith("01234567/")


def test_a_process_is_set_up_once_for_each_context(trial, tmp_path):
    setups = tmp_path / "setups"
    for _ in range(2):
        trial({"offset": 1, "setups": str(setups)}, ("add", 1))
    assert len(setups.read_text().split()) == 1
    trial({"offset": 1}, ("add", 1))
    trial({"offset": 1, "setups": str(setups)}, ("add", 1))
    assert len(setups.read_text().split()) == 2  # the last context alone is kept


def test_a_setup_that_fails_is_the_trials_error_and_not_kept(trial):
    for _ in range(2):
        done, _ = trial({}, ("add", 1), setup="executor_works:broken_setup")
        assert (done.error, done.seconds) == ("RuntimeError: no data here", 0.0)
    assert ray_worker._prepared == {}
    assert trial.posted == []
