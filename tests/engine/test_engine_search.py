"""Options that a one-shot strategy has no use for are refused, never ignored."""

from __future__ import annotations

import pytest

from nasbench.engine.search import configure
from nasbench.errors import UserError

LIMITS = "is for a search with limits: give --max-params, --max-macs, --max-latency, or leave it"


@pytest.mark.parametrize(
    ("strategy", "given", "own", "line"),
    [
        ("spos", {}, {"arch_lr": 0.1}, "unknown argument -o 'arch_lr'"),
        ("spos", {}, {"robust": True}, "unknown argument -o 'robust'"),
        ("gdas", {}, {"order": 2}, "unknown argument -o 'order'"),
        ("gdas", {"train_again": True}, {}, "--train-again True: gdas trains one supernet"),
        ("darts", {"budget": "3"}, {}, "--budget 3: darts trains one supernet"),
        ("enas", {"engine": "local"}, {}, "--engine local: enas trains one supernet"),
        ("darts", {}, {"penalty": 2.0}, f"-o penalty=2.0: {LIMITS}"),
        ("enas", {}, {"penalty": 2.0}, f"-o penalty=2.0: {LIMITS}"),
        (
            "spos",
            {},
            {"search": "random", "population": 5},
            "-o population=5: is for -o search=evolution, and this search has search=random",
        ),
        ("sdarts", {}, {"attack_steps": 3}, "-o attack_steps=3: is for -o perturbation=advers"),
    ],
)
def test_what_is_of_no_use_is_refused(strategy, given, own, line):
    with pytest.raises(UserError) as told:
        configure({"strategy": strategy, **given}, own)
    assert str(told.value).startswith(line)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("strategy", "given", "own"),
    [
        ("darts", {"max_params": 10_000}, {"penalty": 2.0}),
        ("spos", {}, {"search": "random"}),  # the preset's population is nobody's wish
        ("fairnas", {}, {"population": 5}),
        ("sdarts", {}, {"perturbation": "adversarial", "attack_steps": 3}),
    ],
)
def test_what_is_of_use_is_taken(strategy, given, own):
    options = configure({"strategy": strategy, **given}, own).config.strategy_options
    assert own.items() <= options.items()
    assert "only_with" not in options
