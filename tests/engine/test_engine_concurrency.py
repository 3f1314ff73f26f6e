from __future__ import annotations

import pytest
import torch

from nasbench.config import HpoConfig, SearchConfig
from nasbench.engine import concurrency
from nasbench.engine.concurrency import fastest, of_trials
from nasbench.engine.hpo import configure as tuning
from nasbench.engine.search import configure as search
from nasbench.errors import UserError
from nasbench.executors.local import THREADS


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Return a function that sets the number of cores; torch's threads are counted, not set."""
    threads = {"now": 4}
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads["now"])
    monkeypatch.setattr(torch, "set_num_threads", lambda count: threads.update(now=count))
    monkeypatch.delenv(THREADS, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def have(count: int) -> dict[str, int]:
        monkeypatch.setattr(concurrency, "cores", lambda: count)
        threads["now"] = count
        return threads

    return have


@pytest.mark.parametrize(
    ("have", "seconds", "count"),
    [
        (2, {2: 1.0, 1: 1.0}, 2),  # threads gain nothing
        (2, {2: 1.0, 1: 1.9}, 1),  # threads gain almost everything
        (2, {2: 0.5, 1: 1.0}, 1),
        (6, {6: 1.0, 3: 1.1, 1: 1.5}, 6),  # 2 at once, then 4 of one thread, then 6
        (8, {8: 1.0, 4: 1.2, 2: 2.4, 1: 6.0}, 2),  # 1, 1.67, 1.67 and 1.33 a second
        (1, {1: 1.0}, 1),
    ],
)
def test_the_number_follows_from_steps_with_fewer_threads(machine, have, seconds, count):
    threads = machine(have)
    assert fastest(lambda: seconds[threads["now"]]) == count
    assert threads["now"] == have  # as before


@pytest.mark.parametrize("kind", ["search", "hpo"])
def test_auto_is_measured_once_and_kept(machine, monkeypatch, kind):
    threads, measured = machine(2), []

    def seconds(self, network, config):
        measured.append(threads["now"])
        return 1.0

    monkeypatch.setattr(concurrency.Stopwatch, "of_network", seconds)
    given = {"concurrency": "auto", "task": "digits", "device": "cpu"}
    if kind == "search":
        job = search({"strategy": "random", "space": "mobilenet-skip", **given}, {})
    else:
        job = tuning({"model": "small-cnn", **given}, {})
    assert job.config.concurrency == 0
    for _ in range(2):
        found = of_trials(job)
        assert found.config.concurrency == 2
        assert measured == [2, 1]
    assert of_trials(found) is found


def test_auto_is_one_where_nothing_is_to_be_shared(machine, monkeypatch):
    given = {"concurrency": "auto", "task": "digits", "device": "cpu"}
    random = search({"strategy": "random", **given}, {})
    machine(1)
    assert of_trials(random).config.concurrency == 1
    machine(2)
    monkeypatch.setenv(THREADS, "1")  # whoever set it shares out the cores
    assert of_trials(random).config.concurrency == 1


def test_auto_is_for_trials_of_this_machine():
    with pytest.raises(UserError, match=r"^--concurrency auto: darts trains one supernet"):
        search({"strategy": "darts", "concurrency": "auto"}, {})
    job = tuning({"model": "small-cnn", "concurrency": "auto", "engine": "ray"}, {})
    with pytest.raises(
        UserError, match=r"^--concurrency auto: .* --engine ray .*: give a number$"
    ):
        of_trials(job)


def test_auto_is_a_word_for_a_number():
    assert HpoConfig.from_layers({"concurrency": "auto"}).concurrency == 0
    assert SearchConfig.from_layers({"concurrency": 3}).concurrency == 3
    with pytest.raises(UserError, match=r"^--concurrency 'many': must be of type int$"):
        SearchConfig.from_layers({"concurrency": "many"})
