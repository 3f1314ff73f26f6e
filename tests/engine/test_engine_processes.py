from __future__ import annotations

import pytest
import torch

from nasbench.engine import processes
from nasbench.engine.processes import fastest
from nasbench.engine.ranks import number
from nasbench.engine.search import configure
from nasbench.errors import UserError


@pytest.fixture
def cores(monkeypatch):
    """Return a function that sets the number of cores, and torch's threads to it."""

    def have(count: int) -> None:
        monkeypatch.setattr(processes, "cores", lambda: count)
        monkeypatch.setattr(torch, "get_num_threads", lambda: count)
        monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)

    return have


@pytest.mark.parametrize(
    ("fixed", "each", "have", "steps", "count"),
    [
        (0.1, 0.1, 2, 1000, 2),  # 3.3 s a step, 1.7 s with half of the batch
        (0.1, 0.1, 2, 4, 1),  # 6.4 s saved in all: less than the start takes
        (3.0, 0.01, 2, 1000, 1),  # the batch hardly matters
        (0.1, 0.1, 1, 1000, 1),
        (0.0, 1.0, 64, 1000, 16),  # two examples each
        (16.0, 1.0, 64, 1000, 8),  # 48, 32, 24, 20 s; 18 s with 16 processes gain too little
    ],
)
def test_the_number_follows_from_two_batches(cores, fixed, each, have, steps, count):
    cores(have)
    assert fastest(lambda size: fixed + each * size, 32, steps) == count


@pytest.mark.parametrize(
    ("batch_size", "count"),
    [(75, 1), (6, 2), (12, 4), (96, 32), (4, 2)],  # nobody is left with a single example
)
def test_every_process_gets_as_many_examples(cores, batch_size, count):
    cores(64)
    assert fastest(lambda size: float(size), batch_size, 1000) == count


@pytest.mark.parametrize("batch_size", [1, 2, 3, 75])
def test_a_batch_that_two_cannot_share_is_not_measured(cores, batch_size):
    """BN has no statistics of half of a batch of 2, and half of a batch of 1 is none."""

    def never(size: int) -> float:
        raise AssertionError

    cores(64)
    assert fastest(never, batch_size, 1000) == 1


@pytest.mark.parametrize(
    ("found", "batch_size", "count"),
    [(2, 75, 1), (4, 75, 1), (4, 6, 2), (8, 4, 2), (2, 1, 1), (2, 2, 1), (3, 9, 3), (3, 8, 1)],
)
def test_what_was_kept_divides_the_batch(monkeypatch, found, batch_size, count):
    monkeypatch.setattr(processes, "kept", lambda what, of, measured: found)
    assert of_digits(monkeypatch, batch_size) == str(count)


@pytest.mark.parametrize("batch_size", [1, 2, 75])
def test_a_search_whose_batch_two_cannot_share_stays_in_one_process(
    monkeypatch, tmp_path, batch_size
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert of_digits(monkeypatch, batch_size) == "1"
    assert len(list((tmp_path / "nasbench" / "processes").iterdir())) == 1  # it was asked


def of_digits(monkeypatch, batch_size):
    """Return how many processes a long search on two cores gets by default."""
    for variable in ("OMP_NUM_THREADS", "WORLD_SIZE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(processes, "cores", lambda: 2)
    given = {"strategy": "darts", "task": "digits", "batch_size": batch_size, "epochs": 20_000}
    return processes.of_search(configure({**given, "device": "cpu"}, {})).config.processes


def test_the_number_of_a_command(monkeypatch):
    def never() -> int:
        raise AssertionError

    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert number("auto", "cpu", 32, lambda: 7) == 7
    assert number("4", "cpu", 32, never) == 4
    for given in ("0", "x", "-1", "257", "1.5", ""):
        with pytest.raises(UserError, match=r"must be auto or a whole number in \[1, 256\]$"):
            number(given, "cpu", 32, never)
    with pytest.raises(UserError, match=r"^--processes 3: the batch has 2 examples: allowed: at"):
        number("3", "cpu", 2, never)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert number("auto", "cpu", 32, never) == number("2", "cpu", 32, never) == 2
    with pytest.raises(UserError, match=r"^--processes 3: torchrun started 2: leave it out$"):
        number("3", "cpu", 32, never)
