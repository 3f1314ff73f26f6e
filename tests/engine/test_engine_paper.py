"""``--preset paper``: each strategy's own settings, held against those of the authors."""

from __future__ import annotations

from typing import Any

import pytest

from nasbench import catalog
from nasbench.config import RetrainConfig, SearchConfig
from nasbench.engine.presets import RETRAIN_OPTIONS, SEARCH_OPTIONS
from nasbench.engine.search import configure
from nasbench.errors import UserError
from nasbench.store.checkpoint import Checkpoint
from nasbench.strategies.oneshot.base import OneShotStrategy
from nasbench.strategies.recipe import DARTS, recipe_for
from retrain.train import configure as configure_retraining

# epochs, batch, lr, last lr, weight decay, Nesterov, schedule, clipping, label smoothing;
# channels, cells; learning rate and weight decay of the architecture
COLUMNS = "epochs batch_size lr final_lr weight_decay nesterov schedule grad_clip label_smoothing"
SEARCHES: dict[str, tuple[tuple[Any, ...], dict[str, Any], dict[str, Any]]] = {
    # quark0/darts, cnn/train_search.py
    "darts": (
        (50, 64, 0.025, 0.001, 3e-4, False, "cosine", 5.0, 0.0),
        {"channels": 16, "layers": 8},
        {"arch_lr": 3e-4, "arch_weight_decay": 1e-3, "order": 1},
    ),
    # yuhuixu1993/PC-DARTS, train_search.py; the architecture moves from epoch 15 on
    "pc-darts": (
        (50, 256, 0.1, 0.0, 3e-4, False, "cosine", 5.0, 0.0),
        {"channels": 16, "layers": 8},
        {"arch_lr": 6e-4, "arch_weight_decay": 1e-3, "partial": 4, "warmup": 15 / 50},
    ),
    # chenxin061/pdarts, train_search.py: three times 25 epochs, of which 10 are of the weights
    "p-darts": (
        (75, 96, 0.025, 0.0, 3e-4, False, "cosine", 5.0, 0.0),
        {"channels": 16, "layers": 5},
        {"arch_lr": 6e-4, "arch_weight_decay": 1e-3, "warmup": 10 / 25, "skip_dropout": 0.7},
    ),
    # D-X-Y/AutoDL-Projects, configs/search-opts and search-archs/GDAS-NASNet-CIFAR.config
    "gdas": (
        (250, 256, 0.025, 0.001, 5e-4, True, "cosine", 5.0, 0.0),
        {"channels": 16, "layers": 8},
        {"arch_lr": 3e-4, "arch_weight_decay": 1e-3, "tau_max": 10.0, "tau_min": 0.1},
    ),
    # xiangning-chen/DrNAS, DARTS-space/train_search.py: twice 25 epochs, of which 10 are of the
    # weights; K from 6 to 4; the anchor is the weight decay of their Adam
    "drnas": (
        (50, 64, 0.1, 0.0, 3e-4, False, "cosine", 5.0, 0.0),
        {"channels": 36, "layers": 20},
        {"arch_lr": 6e-4, "anchor": 1e-3, "partial": 6, "widen": 4, "warmup": 10 / 25},
    ),
    # SNAS-Series, SNAS/train_search.py
    "snas": (
        (150, 64, 0.025, 0.001, 3e-4, False, "cosine", 5.0, 0.0),
        {"channels": 16, "layers": 8},
        {"arch_lr": 3e-4, "arch_weight_decay": 1e-3, "tau_max": 1.0, "tau_min": 0.03},
    ),
    # xiaomi-automl/FairDARTS, fairdarts/train_search.py
    "fairdarts": (
        (50, 128, 0.005, 0.001, 3e-4, False, "cosine", 5.0, 0.0),
        {"channels": 16, "layers": 8},
        {"arch_lr": 3e-3, "arch_weight_decay": 1e-3, "zero_one": 10.0, "threshold": 0.85},
    ),
    # ruocwang/darts-pt, sota/cnn/train_search.py and exp_scripts: five epochs of 391 steps
    "darts-pt": (
        (50, 64, 0.025, 0.001, 3e-4, False, "cosine", 5.0, 0.0),
        {"channels": 16, "layers": 8},
        {"arch_lr": 3e-4, "arch_weight_decay": 1e-3, "tune_steps": 1955, "samples": 25_000},
    ),
    # xiangning-chen/SmoothDARTS, sota/cnn/train_search.py
    "sdarts": (
        (50, 64, 0.025, 0.001, 3e-4, False, "cosine", 5.0, 0.0),
        {"channels": 16, "layers": 8},
        {"arch_lr": 3e-4, "arch_weight_decay": 1e-3, "epsilon": 0.3, "epsilon_min": 0.03},
    ),
    # melodyguan/enas, scripts/cifar10_micro_search.sh: 6 cells and 2 reductions, 5 nodes; the
    # bound of the logits is the paper's
    "enas": (
        (150, 160, 0.05, 5e-4, 1e-4, True, "cosine", 5.0, 0.0),
        {"channels": 20, "layers": 8, "nodes": 5},
        {"arch_lr": 3.5e-3, "samples": 10, "decay": 0.99, "entropy": 1e-4, "tanh_constant": 2.5},
    ),
    # liamcli/randomNAS_release
    "rspws": (
        (300, 64, 0.025, 0.001, 3e-4, False, "cosine", 1.0, 0.0),
        {"channels": 24, "layers": 8},
        {"candidates": 1000, "finalists": 10},
    ),
}
ELSEWHERE: dict[tuple[str, str], tuple[tuple[Any, ...], dict[str, Any], dict[str, Any]]] = {
    # megvii-model/SinglePathOneShot, src/Supernet/train.py and src/Search/search.py:
    # 150,000 steps of 1,024 of 1.28 million images
    ("spos", "proxyless"): (
        (120, 1024, 0.5, 0.0, 4e-5, False, "linear", 0.0, 0.1),
        {"width": 1.0},
        {"candidates": 1000, "population": 50},
    ),
    # FairNAS, arXiv:1907.01845, section 4
    ("fairnas", "proxyless"): (
        (150, 256, 0.045, 0.0, 4e-5, False, "cosine", 0.0, 0.0),
        {"width": 1.0},
        {"candidates": 14_000, "population": 70},
    ),
    # BigNAS, arXiv:2003.11142, section 4; RMSProp
    ("bignas", "mobilenet-v3"): (
        (360, 4096, 0.256, 0.0128, 1e-5, False, "cosine", 0.0, 0.1),
        {"halvings": 5},
        {"random": 2, "distill": True},
    ),
    # mit-han-lab/once-for-all, train_ofa_net.py; arXiv:1908.09791, section 4
    ("ofa", "mobilenet-v3"): (
        (590, 2048, 2.6, 0.0, 3e-5, True, "cosine", 0.0, 0.1),
        {"widths": False, "kernel_transform": True},
        {"largest": 180 / 590, "distill": 1.0},
    ),
    # microsoft/Cream, AutoFormer/supernet_train.py, evolution.py; AdamW
    ("autoformer", "vit-small"): (
        (500, 1024, 5e-4, 1e-5, 0.05, False, "cosine", 0.0, 0.1),
        {},
        {"candidates": 1000, "population": 50},
    ),
    # mit-han-lab/proxylessnas, search/imagenet_arch_search.py
    ("proxyless", "proxyless"): (
        (160, 256, 0.025, 0.0, 4e-5, True, "cosine", 0.0, 0.1),
        {"width": 1.0},
        {"arch_lr": 1e-3, "arch_weight_decay": 0.0, "warmup": 0.25},
    ),
    # D-X-Y/AutoDL-Projects, configs/nas-benchmark/algos/{DARTS,GDAS,RANDOM}.config
    ("darts", "nas-bench-201"): (
        (50, 64, 0.025, 0.001, 5e-4, True, "cosine", 5.0, 0.0),
        {"channels": 16, "cells": 5},
        {"arch_lr": 3e-4, "arch_weight_decay": 1e-3},
    ),
    ("gdas", "nas-bench-201"): (
        (250, 64, 0.025, 0.001, 5e-4, True, "cosine", 5.0, 0.0),
        {"channels": 16, "cells": 5},
        {"arch_lr": 3e-4, "arch_weight_decay": 1e-3, "gradient": "all"},
    ),
    ("rspws", "nas-bench-201"): (
        (250, 64, 0.025, 0.001, 5e-4, True, "cosine", 5.0, 0.0),
        {"channels": 16, "cells": 5},
        {"candidates": 100},
    ),
    # xiangning-chen/DrNAS, 201-space/train_search_progressive.py: twice 50 epochs
    ("drnas", "nas-bench-201"): (
        (100, 64, 0.025, 0.001, 3e-4, False, "cosine", 5.0, 0.0),
        {"channels": 16, "cells": 5},
        {"arch_lr": 3e-4, "anchor": 1e-3, "partial": 4, "widen": 2, "warmup": 10 / 50},
    ),
    # D-X-Y/AutoDL-Projects, configs/nas-benchmark/algos/ENAS.config, ENAS.sh
    ("enas", "nas-bench-201"): (
        (250, 128, 0.05, 5e-4, 2.5e-4, True, "cosine", 5.0, 0.0),
        {"channels": 16, "cells": 5},
        {"arch_lr": 1e-3, "samples": 20, "entropy": 1e-4, "candidates": 100},
    ),
    # xiangning-chen/SmoothDARTS, nasbench201/train_search.py
    ("sdarts", "nas-bench-201"): (
        (100, 64, 0.025, 0.001, 3e-4, False, "cosine", 5.0, 0.0),
        {"channels": 16, "cells": 5},
        {"arch_lr": 3e-4, "arch_weight_decay": 1e-3, "epsilon": 0.3},
    ),
    # ruocwang/darts-pt, nasbench201/train_search.py
    ("darts-pt", "nas-bench-201"): (
        (100, 64, 0.025, 0.001, 3e-4, False, "cosine", 5.0, 0.0),
        {"channels": 16, "cells": 5},
        {"arch_lr": 3e-4, "tune_steps": 1955, "samples": 25_000},
    ),
}
# Optimizer, momentum and warm-up.
OTHERWISE = {"bignas": ("rmsprop", 0.9, 0.0), "autoformer": ("adamw", 0.9, 20 / 500)}
EVERY = {**{(name, "darts"): row for name, row in SEARCHES.items()}, **ELSEWHERE}


def searching(strategy: str, space: str = "darts", preset: str = "paper", **given: Any):
    named = {"strategy": strategy, "space": space, "task": "cifar10", "preset": preset}
    return configure({**named, **given}, {}).config


@pytest.mark.parametrize(("strategy", "space"), EVERY)
def test_a_search_has_the_settings_of_its_own_paper(strategy, space):
    numbers, network, options = EVERY[strategy, space]
    found = searching(strategy, space)
    assert tuple(getattr(found, name) for name in COLUMNS.split()) == numbers
    own = (found.optimizer, found.momentum, found.warmup, found.val_fraction)
    assert own == (*OTHERWISE.get(strategy, ("sgd", 0.9, 0.0)), 0.5)
    assert {name: found.space_arguments[name] for name in network} == network
    assert {name: found.strategy_options[name] for name in options} == options


# epochs, batch, lr, last lr, weight decay, Nesterov, warm-up, clipping, label smoothing, cutout,
# drop-path, weight of the auxiliary loss; channels, cells
RETRAINED = "epochs batch_size lr final_lr weight_decay nesterov warmup grad_clip label_smoothing"
RETRAINED += " cutout drop_path auxiliary_weight schedule"
BY_DARTS = (600, 96, 0.025, 0.0, 3e-4, False, 0.0, 5.0, 0.0, 16, 0.2, 0.4, "cosine")
WIDE = {"channels": 36, "layers": 20, "auxiliary": True}
RETRAININGS: dict[tuple[str, str], tuple[tuple[Any, ...], dict[str, Any]]] = {
    # each repository's train.py; FairDARTS, DARTS-PT and SmoothDARTS keep that of DARTS
    **{(name, "darts"): (BY_DARTS, WIDE) for name in ("darts", "snas", "fairdarts", "imported")},
    **{(name, "darts"): (BY_DARTS, WIDE) for name in ("darts-pt", "sdarts", "rspws")},
    ("pc-darts", "darts"): ((*BY_DARTS[:10], 0.3, *BY_DARTS[11:]), WIDE),
    ("p-darts", "darts"): ((600, 128, *BY_DARTS[2:10], 0.3, *BY_DARTS[11:]), WIDE),
    ("drnas", "darts"): ((600, 64, *BY_DARTS[2:10], 0.3, *BY_DARTS[11:]), WIDE),
    # configs/opts/NAS-CIFAR.config: 5 epochs of warm-up and 295
    ("gdas", "darts"): (
        (300, 96, 0.025, 0.0, 5e-4, True, 5 / 300, 5.0, 0.0, 16, 0.2, 0.4, "cosine"),
        WIDE,
    ),
    # scripts/cifar10_micro_final.sh: 15 cells and 2 reductions
    ("enas", "darts"): (
        (630, 144, 0.05, 1e-4, 2e-4, True, 0.0, 5.0, 0.0, 0, 0.4, 0.4, "cosine"),
        {"channels": 36, "layers": 17, "nodes": 5, "auxiliary": True},
    ),
    # src/Evaluation/template/train.py: 300,000 steps
    ("spos", "proxyless"): (
        (240, 1024, 0.5, 0.0, 4e-5, False, 0.0, 0.0, 0.1, 0, 0.0, 0.4, "linear"),
        {"width": 1.0},
    ),
    # search/imagenet_run_exp.py
    ("proxyless", "proxyless"): (
        (300, 256, 0.05, 0.0, 4e-5, True, 0.0, 0.0, 0.1, 0, 0.0, 0.4, "cosine"),
        {"width": 1.0},
    ),
    # configs/nas-benchmark/CIFAR.config: what the table's accuracies come from
    **{
        (name, "nas-bench-201"): (
            (200, 256, 0.1, 0.0, 5e-4, True, 0.0, 0.0, 0.0, 0, 0.0, 0.4, "cosine"),
            {"channels": 16, "cells": 5},
        )
        for name in ("darts", "pc-darts", "gdas", "drnas", "spos", "evolution")
    },
}


def found_by(strategy: str, space: str) -> Checkpoint:
    """Return a checkpoint; a retraining is configured without looking at its architecture."""
    return Checkpoint(
        space={"name": space, "arguments": {}, "sha256": None},
        arch={},
        data={"channels": 3, "height": 32, "width": 32, "classes": 10},
        strategy={"name": strategy, "options": {}},
        task="cifar10",
        seed=0,
    )


def retraining(strategy: str, space: str = "darts", preset: str = "paper", **given: Any):
    return configure_retraining(found_by(strategy, space), {"preset": preset, **given}, {}).config


@pytest.mark.parametrize(("strategy", "space"), RETRAININGS)
def test_a_retraining_has_the_settings_of_the_paper_behind_its_architecture(strategy, space):
    numbers, network = RETRAININGS[strategy, space]
    found = retraining(strategy, space)
    assert tuple(getattr(found, name) for name in RETRAINED.split()) == numbers
    assert {name: found.space_arguments[name] for name in network} == network


def one_shot() -> dict[str, type[OneShotStrategy]]:
    kinds = {name: catalog.resolve("strategy", name) for name in catalog.TABLES["strategy"]}
    return {name: kind for name, kind in kinds.items() if issubclass(kind, OneShotStrategy)}


def test_every_one_shot_strategy_is_in_the_table():
    assert {name for name, _ in EVERY} == set(one_shot())


def test_recipes_name_their_source_and_only_what_exists():
    for name in catalog.TABLES["strategy"]:
        kind = catalog.resolve("strategy", name)
        for space, recipe in kind.recipes.items():
            assert "arXiv" in recipe.source, name
            assert set(recipe.search) <= SEARCH_OPTIONS
            assert set(recipe.retrain) <= RETRAIN_OPTIONS
            kind.Options(**recipe.options)
            SearchConfig.from_layers(recipe.search)
            RetrainConfig.from_layers(recipe.retrain)
            assert space in catalog.TABLES["space"]


def test_a_space_without_a_recipe_takes_the_training_of_the_first():
    found = searching("pc-darts", "mobilenet-ops")
    assert (found.batch_size, found.lr) == (256, 0.1)
    assert "layers" not in found.space_arguments
    recipe = recipe_for({"darts": DARTS}, "mine.py:Net")
    assert (recipe.search, recipe.network, recipe.retrain_network) == (DARTS.search, {}, {})


def test_flags_win_over_the_paper_and_quick_is_nobodys_paper():
    found = searching("gdas", batch_size=32, nesterov=False, space_arguments={"layers": 5})
    assert (found.epochs, found.batch_size, found.nesterov) == (250, 32, False)
    assert (found.space_arguments["layers"], found.space_arguments["channels"]) == (5, 16)
    quick = searching("gdas", preset="quick")
    assert (quick.nesterov, quick.weight_decay, quick.space_arguments["layers"]) == (
        False,
        3e-4,
        3,
    )
    again = retraining("gdas", preset="quick")
    assert (again.nesterov, again.epochs) == (False, 4)


def test_a_strategy_that_is_unknown_here_counts_as_darts(tmp_path):
    evil = tmp_path / "evil.py"
    evil.write_text("raise SystemExit('ran')\n")
    assert retraining(f"{evil}:Strategy") == retraining("darts")


def test_nesterov_needs_the_momentum_of_sgd():
    for given in ({"optimizer": "adam"}, {"momentum": 0.0}):
        with pytest.raises(
            UserError, match=r"^--nesterov: is for --optimizer sgd with a --momentum"
        ):
            searching("gdas", **given)
