"""NNI's tuners behind our interface do what they do in NNI's own hands."""

from __future__ import annotations

import itertools

import pytest
from hpo_tuners import make
from nni.algorithms.hpo.tpe_tuner import TpeTuner as TheirTpe

from nasbench.errors import UserError
from nasbench.hpo.space import ParameterSpace
from nasbench.hpo.tuners.nni import (
    EvolutionOptions,
    EvolutionTuner,
    NniTpeOptions,
    NniTpeTuner,
    PbtOptions,
    PbtTuner,
)
from nasbench.testing.tuners import EVERY_TYPE, NESTED, score

FLAT = ParameterSpace.of(
    {
        "lr": {"_type": "loguniform", "_value": [1e-4, 1.0]},
        "depth": {"_type": "randint", "_value": [2, 7]},
        "act": {"_type": "choice", "_value": ["relu", "tanh"]},
    }
)


@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize("liar", ["best", "worst", "mean", "none"])
def test_tpe_is_that_of_nni(maximize, liar):
    scale = {"_type": "lognormal", "_value": [1, 2]}
    space = ParameterSpace.of({**FLAT.content, "scale": scale})
    options = NniTpeOptions(constant_liar_type=liar, n_startup_jobs=5)
    tuner = NniTpeTuner(space, options, 7, maximize)
    theirs = TheirTpe(
        "maximize" if maximize else "minimize",
        7,
        {"constant_liar_type": None if liar == "none" else liar, "n_startup_jobs": 5},
    )
    theirs.update_search_space(space.content)
    for number in range(0, 24, 2):
        running = {n: tuner.suggest(n) for n in (number, number + 1)}
        assert running == {n: pytest.approx(theirs.generate_parameters(n)) for n in running}
        for n, params in running.items():
            tuner.learn(n, params, score(params))
            theirs.receive_trial_result(n, params, score(params))
            theirs.trial_end(n, True)


@pytest.mark.parametrize(
    "options",
    [{"n_startup_jobs": 1}, {"n_startup_jobs": 3, "gamma": 9.0}, {"prior_weight": 0.0}],
)
def test_tpe_whose_trials_are_all_good(options):
    """The other part is empty then, which NNI's own function cannot count."""
    tuner = NniTpeTuner(FLAT, NniTpeOptions(**{"n_startup_jobs": 5, **options}), 3)
    for number in range(30):
        params = tuner.suggest(number)
        FLAT.check(params)
        tuner.learn(number, params, score(params))


def test_nnis_own_tpe_fails_after_one_result():
    """As long as this holds, our copy of its module is needed."""
    theirs = TheirTpe(seed=0, tpe_args={"n_startup_jobs": 1})
    theirs.update_search_space(FLAT.content)
    theirs.receive_trial_result(0, theirs.generate_parameters(0), 0.5)
    with pytest.raises(TypeError, match="float64"):
        theirs.generate_parameters(1)


def test_multiples_that_are_all_known_end_the_search():
    """NNI's grid goes on to infinity, and fails there."""
    space = ParameterSpace.of({"x": {"_type": "qnormal", "_value": [0, 0.01, 1]}})
    for name in ("nni-tpe", "nni-random", "nni-grid"):
        tuner = make(name, space)
        assert tuner.suggest(0) == {"x": 0.0}
        tuner.learn(0, {"x": 0.0}, 0.5)
        assert tuner.suggest(1) is None
        assert tuner.exhausted


def test_random_seeds_are_drawn_from_more_integers_than_a_list_holds():
    content = {"seed": {"_type": "randint", "_value": [0, 2**31]}}
    tuner = make("nni-random", ParameterSpace.of(content))
    assert len({tuner.suggest(number)["seed"] for number in range(50)}) == 50


@pytest.mark.parametrize("name", ["load_checkpoint_dir", "save_checkpoint_dir"])
def test_pbt_has_parameters_of_its_own(name):
    with pytest.raises(UserError, match=f"^the parameter {name}: PBT gives"):
        make("pbt", ParameterSpace.of({name: {"_type": "uniform", "_value": [0, 1]}}))


@pytest.mark.parametrize("name", ["nni-tpe", "nni-random"])
def test_choices_nested_twice_take_every_shape(name):
    """NNI itself fails with a KeyError here."""
    tuner, shapes = make(name, ParameterSpace.of(NESTED)), set()
    for number in range(40):
        params = tuner.suggest(number)
        layer = params["layer"]
        shapes.add((layer["_name"], *layer.get("act", {})))
        tuner.learn(number, params, score(params))
    assert shapes == {("none",), ("conv", "_name"), ("conv", "_name", "slope")}


def test_evolution_changes_one_parameter_of_a_member():
    tuner = EvolutionTuner(ParameterSpace.of(EVERY_TYPE), EvolutionOptions(8), 0)
    tried = []
    for number in range(40):
        params = tuner.suggest(number)
        if number >= 8:
            nearest = min(sum(params[k] != old[k] for k in params) for old in tried)
            assert nearest <= 1
        tried.append(params)
        tuner.learn(number, params, score(params))


def test_evolution_waits_when_its_population_is_out():
    tuner = EvolutionTuner(FLAT, EvolutionOptions(3), 0)
    running = [tuner.suggest(number) for number in range(3)]
    assert tuner.suggest(3) is None
    assert not tuner.exhausted
    tuner.learn(0, running[0], 1.0)
    assert tuner.suggest(3) is not None


def generation(tuner: PbtTuner, first: int, scores: list[float | None]) -> list[dict]:
    """Run one generation; ``None`` fails."""
    points = [tuner.suggest(first + i) for i in range(len(scores))]
    assert tuner.suggest(first + len(scores)) is None
    assert not tuner.exhausted
    for i, (params, value) in enumerate(zip(points, scores, strict=True)):
        if value is None:
            tuner.fail(first + i, params)
        else:
            tuner.learn(first + i, params, value)
    return points


@pytest.mark.parametrize("maximize", [True, False])
def test_pbt_replaces_the_worst_by_the_best(maximize):
    """Jaderberg et al., truncation selection: the bottom 20 % copy one of the top 20 %."""
    tuner = PbtTuner(FLAT, PbtOptions(population_size=5), 1, maximize)
    sign = 1.0 if maximize else -1.0
    first = generation(tuner, 0, [sign * value for value in (0.3, 0.9, 0.5, 0.1, 0.7)])
    assert [tuner.parent(n) for n in range(5)] == [None] * 5
    second = [tuner.suggest(n) for n in range(5, 10)]
    parents = [tuner.parent(n) for n in range(5, 10)]
    assert sorted(parents) == [0, 1, 1, 2, 4]  # trial 3 was the worst, trial 1 the best
    for params, parent in zip(second, parents, strict=True):
        if parent != 1:
            assert params == first[parent]
    kept, changed = sorted(
        (p for p, parent in zip(second, parents, strict=True) if parent == 1),
        key=lambda p: p != first[1],
    )
    assert kept == first[1]
    assert changed != first[1]


def test_pbt_continues_no_failed_trial():
    tuner = PbtTuner(FLAT, PbtOptions(population_size=3), 0)
    generation(tuner, 0, [0.1, 0.2, 0.3])
    before = {n: tuner.parent(n) for n in range(3)}
    generation(tuner, 3, [None, None, None])
    middle = {n: tuner.parent(n) for n in range(3, 6)}
    generation(tuner, 6, [0.1, 0.2, 0.3])
    assert set(before.values()) == {None}
    # All of the second generation failed: the third starts where the second started.
    assert {tuner.parent(n) for n in range(6, 9)} <= set(middle.values()) <= {0, 1, 2}


def test_pbt_keeps_in_range_while_it_perturbs():
    space = ParameterSpace.of({k: v for k, v in EVERY_TYPE.items()})
    tuner = PbtTuner(space, PbtOptions(4, factor=1.0, resample_probability=0.0, fraction=0.5), 0)
    seen = set()
    for number in range(200):
        params = tuner.suggest(number)
        space.check(params)
        assert not any(name.endswith("checkpoint_dir") for name in params)
        seen.add(str(params))
        tuner.learn(number, params, score(params))
    assert len(seen) > 20


def test_a_generation_follows_from_the_seed():
    def parents(seed: int) -> list:
        tuner = PbtTuner(FLAT, PbtOptions(population_size=10), seed)
        for g in range(4):
            generation(tuner, 10 * g, list(itertools.islice(itertools.cycle([0.2, 0.9, 0.4]), 10)))
        return [tuner.parent(n) for n in range(40)]

    assert parents(1) == parents(1) != parents(2)
