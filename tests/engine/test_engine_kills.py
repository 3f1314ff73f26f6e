"""Every verb, killed or on a full disk at its file events, ends as if nothing had happened.

``python benchmarks/reliability.py`` tries all events; here are some, spread over the whole verb: a
few by default and more in the full run.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from breaking import Breaker
from killing import FULL, room, skip_without_proc
from verbs import VERBS, Bench, given

WRITES = [name for name in VERBS if name != "search --table"]


@pytest.fixture(scope="module")
def breaker(tmp_path_factory) -> Callable[[str], Breaker]:
    """Return a function that gives what interrupts a verb."""
    skip_without_proc()
    made: dict[str, Breaker] = {}
    with room(tmp_path_factory.mktemp("kills")) as folder:
        bench = Bench(folder, given(folder / "given"))

        def interrupter(name: str) -> Breaker:
            if name not in made:
                made[name] = Breaker(bench, name)
            return made[name]

        yield interrupter


def test_an_experiment_of_nni_killed_once(breaker):
    """Searches, retrainings, folds and tunings are killed by default in test_engine_resume.py."""
    tally = breaker("hpo, NNI experiment").kills(most=1)
    assert (tally.broken, tally.wrong) == (1, [])


def test_a_study_on_a_full_disk_once(breaker):
    tally = breaker("study").full_disks(most=1, hows=(FULL,))
    assert (tally.broken, tally.wrong) == (1, [])


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", WRITES)
def test_killed_before_some_file_events(breaker, name):
    tally = breaker(name).kills(most=4, temporary=False)
    assert tally.broken > 0
    assert tally.wrong == []


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", WRITES)
def test_killed_three_times(breaker, name):
    each = random.Random(name)
    most = max(1, breaker(name).whole.events // 4)
    moments = [each.randint(1, 2 * most), *(each.randint(1, most) for _ in range(2))]
    assert breaker(name).kills_in_a_row(moments) == ""


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", WRITES)
def test_a_full_disk_at_some_file_events(breaker, name):
    tally = breaker(name).full_disks(in_turn=True)
    assert tally.broken == 3
    assert tally.wrong == []


def test_a_search_on_a_table_writes_nothing_but_whose_code_is_known(breaker):
    log = breaker("search --table").whole.log
    assert all(line.split()[1].startswith("cache") for line in log)
