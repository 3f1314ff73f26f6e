"""Names of plug-ins, resolved to ``module:attribute``; a module is imported when it is used."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from nasbench import known_code
from nasbench.errors import UserError, unknown


class Entry(NamedTuple):
    """A plug-in.

    Attributes:
        target: ``module:attribute``.
        description: a few words for ``nasbench list``.
    """

    target: str
    description: str


_ONESHOT = "nasbench.strategies.oneshot"
_SAMPLED = "nasbench.strategies.sampled"
_TUNERS = "nasbench.hpo.tuners"
_BASELINES = "retrain.baselines"
_TORCHVISION = "retrain.baselines.torchvision_nets"
_PROXIES = "nasbench.proxies"
_PREDICTORS = "nasbench.strategies.predictors"

STRATEGIES = {
    "darts": Entry(
        f"{_ONESHOT}.darts:DartsStrategy",
        "one-shot; differentiable, first or second order (Liu et al., 2019)",
    ),
    "pc-darts": Entry(
        f"{_ONESHOT}.pc_darts:PcDartsStrategy",
        "one-shot; mixes 1/K of the channels, weights edges (Xu et al., 2020)",
    ),
    "p-darts": Entry(
        f"{_ONESHOT}.p_darts:PDartsStrategy",
        "one-shot; a deeper, pruned supernet in each of three stages (Chen et al., 2019)",
    ),
    "gdas": Entry(
        f"{_ONESHOT}.gdas:GdasStrategy",
        "one-shot; runs one sampled operation per edge (Dong and Yang, 2019)",
    ),
    "snas": Entry(
        f"{_ONESHOT}.snas:SnasStrategy",
        "one-shot; concrete samples with annealed temperature (Xie et al., 2019)",
    ),
    "drnas": Entry(
        f"{_ONESHOT}.drnas:DrnasStrategy",
        "one-shot; mixing weights from a learned Dirichlet (Chen et al., 2021)",
    ),
    "fairdarts": Entry(
        f"{_ONESHOT}.fairdarts:FairDartsStrategy",
        "one-shot; independent sigmoids instead of a softmax (Chu et al., 2020)",
    ),
    "darts-pt": Entry(
        f"{_ONESHOT}.darts_pt:DartsPtStrategy",
        "one-shot; selects operations by perturbation (Wang et al., 2021)",
    ),
    "sdarts": Entry(
        f"{_ONESHOT}.sdarts:SdartsStrategy",
        "one-shot; trains weights under a perturbed architecture (Chen and Hsieh, 2020)",
    ),
    "spos": Entry(
        f"{_ONESHOT}.spos:SposStrategy",
        "one-shot; uniform single paths, then evolution on shared weights (Guo et al., 2020)",
    ),
    "fairnas": Entry(
        f"{_ONESHOT}.fairnas:FairNasStrategy",
        "one-shot; strict fairness: each step trains every candidate once (Chu et al., 2021)",
    ),
    "enas": Entry(
        f"{_ONESHOT}.enas:EnasStrategy",
        "one-shot; an LSTM controller trained by REINFORCE (Pham et al., 2018)",
    ),
    "proxyless": Entry(
        f"{_ONESHOT}.proxyless:ProxylessStrategy",
        "one-shot; binarised paths, two at a time (Cai et al., 2019)",
    ),
    "rspws": Entry(
        f"{_ONESHOT}.rspws:RspwsStrategy",
        "one-shot; random search with shared weights (Li and Talwalkar, 2019)",
    ),
    "bignas": Entry(
        f"{_ONESHOT}.bignas:BigNasStrategy",
        "one-shot; slices of the largest network, sandwich rule (Yu et al., 2020)",
    ),
    "ofa": Entry(
        f"{_ONESHOT}.ofa:OfaStrategy",
        "one-shot; slices of the largest network, progressive shrinking (Cai et al., 2020)",
    ),
    "autoformer": Entry(
        f"{_ONESHOT}.autoformer:AutoFormerStrategy",
        "one-shot; slices of the largest network, one drawn in each step (Chen et al., 2021)",
    ),
    "random": Entry(
        f"{_SAMPLED}.random:RandomStrategy",
        "sampled; uniform random search (Li and Talwalkar, 2019)",
    ),
    "grid": Entry(f"{_SAMPLED}.grid:GridStrategy", "sampled; every architecture in a fixed order"),
    "evolution": Entry(
        f"{_SAMPLED}.evolution:EvolutionStrategy",
        "sampled; regularized evolution (Real et al., 2019)",
    ),
    "local-search": Entry(
        f"{_SAMPLED}.local_search:LocalSearchStrategy",
        "sampled; hill climbing with restarts (White et al., 2021)",
    ),
    "tpe": Entry(
        f"{_SAMPLED}.tpe:TpeStrategy", "sampled; tree of Parzen estimators (Bergstra et al., 2011)"
    ),
    "reinforce": Entry(
        f"{_SAMPLED}.reinforce:ReinforceStrategy",
        "sampled; policy gradient with a moving baseline (Williams, 1992)",
    ),
    "bananas": Entry(
        f"{_SAMPLED}.bananas:BananasStrategy",
        "sampled; a predictor chooses among mutations (White et al., 2021)",
    ),
    "successive-halving": Entry(
        f"{_SAMPLED}.successive_halving:SuccessiveHalvingStrategy",
        "sampled; trains the better part longer (Jamieson and Talwalkar, 2016)",
    ),
    "hyperband": Entry(
        f"{_SAMPLED}.hyperband:HyperbandStrategy",
        "sampled; brackets of successive halving (Li et al., 2018)",
    ),
    "asha": Entry(
        f"{_SAMPLED}.asha:AshaStrategy",
        "sampled; asynchronous successive halving (Li et al., 2020)",
    ),
    "bohb": Entry(
        f"{_SAMPLED}.bohb:BohbStrategy",
        "sampled; hyperband with candidates from TPE (Falkner et al., 2018)",
    ),
    "nsga2": Entry(
        f"{_SAMPLED}.nsga2:Nsga2Strategy",
        "sampled; accuracy against cost, returns a Pareto front (Deb et al., 2002)",
    ),
    "training-free": Entry(
        f"{_SAMPLED}.training_free:TrainingFreeStrategy",
        "sampled; trains the best ranked by zero-cost proxies (Abdelfattah et al., 2021)",
    ),
}
BETTER_THAN_RANDOM = {
    "NAS-Bench-201": ("local-search", "evolution", "reinforce", "tpe", "bananas"),
    "digits": ("gdas",),
}
"""Strategies that were shown to find better architectures than random search at equal cost.

On NAS-Bench-201 the interval of the difference is above 0 after 200 and after 300 trials on each
of the three data sets: results/published/strategies_nas-bench-201.md. On the digits it is after
searches of 20 seconds that took at most 15 % longer than random search: defaults.md there.
"""
SPACES = {
    "darts": Entry("search_spaces.darts:Darts", "a stack of DARTS cells, 10^18 architectures"),
    "darts-cells": Entry(
        "search_spaces.darts_cells:DartsCells", "the cells of a given genotype, 1 architecture"
    ),
    "mobilenet-skip": Entry(
        "search_spaces.mobilenet:MobileNetSkip",
        "MobileNet V1 with six optional shortcuts, 64 architectures",
    ),
    "mobilenet-ops": Entry(
        "search_spaces.mobilenet:MobileNetOps", "MobileNet V1, kernel and expansion of each block"
    ),
    "mobilenet-full": Entry(
        "search_spaces.mobilenet:MobileNetFull",
        "MobileNet V1, shortcuts, kernels, expansions, widths and depths",
    ),
    "gait-ops": Entry(
        "search_spaces.gait:GaitOps", "EV-Gait's network: kernels, blocks, skips, depth and head"
    ),
    "gait": Entry("search_spaces.gait:Gait", "gait-ops with elastic widths and hidden size"),
    "nas-bench-macro": Entry(
        "search_spaces.mbconv:MacroSpace",
        "eight MobileNet V2 layers of three kinds, 3^8 architectures",
    ),
    "proxyless": Entry(
        "search_spaces.mbconv:Proxyless", "ProxylessNAS: kernel, expansion or skip of each layer"
    ),
    "mobilenet-v3": Entry(
        "search_spaces.mobilenet_v3:MobileNetV3",
        "once-for-all's: elastic kernels, expansions, depths, widths",
    ),
    "vit-small": Entry(
        "search_spaces.vit:VitSmall", "vision transformers: elastic width, depth, heads, MLPs"
    ),
    "nas-bench-201": Entry(
        "search_spaces.nasbench201:NasBench201",
        "a cell of six edges with five operations, 5^6 architectures",
    ),
}
BASELINES = {
    "small-cnn": Entry(f"{_BASELINES}.small_cnn:SmallCnn", "two convolutions, two linear layers"),
    "mnist-cnn": Entry(
        f"{_BASELINES}.small_cnn:MnistCnn", "convolutions of 8 and 16 channels, 4,096 hidden units"
    ),
    "mnist-optim": Entry(
        f"{_BASELINES}.small_cnn:MnistOptim",
        "convolutions of 64 and 128 channels, three linear layers",
    ),
    "mnist-vgg": Entry(
        f"{_BASELINES}.vgg:MnistVgg", "VGG for 28x28 images; -o layers=10, 12, 15 or 18"
    ),
    "mobilenet-v1": Entry(
        "search_spaces.mobilenet:MobileNetV1",
        "MobileNet V1 of 17 blocks, as in the mobilenet spaces",
    ),
    "mobilenet": Entry(
        "search_spaces.mobilenet:MobileNet", "MobileNet V1 of 13 blocks (Howard et al., 2017)"
    ),
    "ev-gait": Entry("search_spaces.gait:EvGait", "EV-Gait's network on event images"),
    "resnet18": Entry(
        f"{_TORCHVISION}:ResNet18", "from torchvision, with a stem for small images"
    ),
    "resnet50": Entry(
        f"{_TORCHVISION}:ResNet50", "from torchvision, with a stem for small images"
    ),
    "resnext50_32x4d": Entry(
        f"{_TORCHVISION}:ResNeXt50", "from torchvision, with a stem for small images"
    ),
    "vgg16": Entry(f"{_BASELINES}.vgg:Vgg16", "from torchvision, with a smaller classifier"),
    "vgg16_bn": Entry(f"{_BASELINES}.vgg:Vgg16Bn", "from torchvision, with a smaller classifier"),
    "vgg": Entry(f"{_BASELINES}.vgg:Vgg", "VGG-16 with BN and one linear layer, as for CIFAR"),
    "googlenet": Entry(
        f"{_TORCHVISION}:GoogLeNet",
        "from torchvision, with two 3x3 for each 5x5",
    ),
    "senet18": Entry(
        f"{_BASELINES}.senet:SeNet18",
        "pre-activation ResNet-18 with squeeze-and-excitation (Hu et al., 2018)",
    ),
    "dpn92": Entry(f"{_BASELINES}.dpn:Dpn92", "DPN-92 for small images (Chen et al., 2017)"),
    "shufflenetg2": Entry(
        f"{_BASELINES}.shufflenet:ShuffleNetG2",
        "ShuffleNet V1, two groups, for small images (Zhang et al., 2018)",
    ),
    "densenet121": Entry(
        f"{_TORCHVISION}:DenseNet121", "from torchvision, with a stem for small images"
    ),
    "squeezenet1_1": Entry(
        f"{_TORCHVISION}:SqueezeNet", "from torchvision, with a stem for small images"
    ),
    "shufflenet_v2_x1_0": Entry(
        f"{_TORCHVISION}:ShuffleNetV2", "from torchvision, with a stem for small images"
    ),
    "mobilenet_v2": Entry(
        f"{_TORCHVISION}:MobileNetV2", "from torchvision, with a stem for small images"
    ),
    "mnasnet1_0": Entry(
        f"{_TORCHVISION}:MnasNet", "from torchvision, with a stem for small images"
    ),
}
TASKS = {
    "digits": Entry(
        "nasbench.tasks.digits:load_digits",
        "8x8 handwritten digits, bundled: 1,437 training and 360 test images",
    ),
    "mnist": Entry(
        "nasbench.tasks.mnist:load_mnist", "28x28 handwritten digits: 60,000 and 10,000 images"
    ),
    "fashion-mnist": Entry(
        "nasbench.tasks.mnist:load_fashion_mnist", "28x28 clothes: 60,000 and 10,000 images"
    ),
    "cifar10": Entry(
        "nasbench.tasks.cifar10:load_cifar10", "32x32 photographs: 50,000 and 10,000 images"
    ),
    "gait": Entry(
        "nasbench.tasks.gait:load_gait",
        "event images of walking people, made by 'nasbench data gait'",
    ),
    "gait-synthetic": Entry(
        "nasbench.tasks.gait_synthetic:load_gait_synthetic",
        "synthetic walkers' event images, made on first use: 336 and 168 images",
    ),
    "nmnist": Entry(
        "nasbench.tasks.nmnist:load_nmnist", "N-MNIST's 34x34 event images, from a packed .npz"
    ),
    "dvs-objects": Entry(
        "nasbench.tasks.dvs_objects:load_dvs_objects",
        "128x128 event frames of nine objects, split in time",
    ),
}
TUNERS = {
    "random": Entry(f"{_TUNERS}.random:RandomTuner", "draws from the ranges"),
    "grid": Entry(f"{_TUNERS}.grid:GridTuner", "every point; continuous ranges in levels"),
    "tpe": Entry(f"{_TUNERS}.optuna:TpeTuner", "optuna's tree of Parzen estimators"),
    "nni-tpe": Entry(f"{_TUNERS}.nni:NniTpeTuner", "NNI's tree of Parzen estimators"),
    "nni-random": Entry(f"{_TUNERS}.nni:NniRandomTuner", "NNI's random search"),
    "nni-grid": Entry(f"{_TUNERS}.nni:NniGridTuner", "NNI's grid search"),
    "evolution": Entry(f"{_TUNERS}.nni:EvolutionTuner", "NNI's evolution"),
    "pbt": Entry(f"{_TUNERS}.nni:PbtTuner", "NNI's population-based training; flat spaces"),
    "gp": Entry(f"{_TUNERS}.optuna:GpTuner", "optuna's Gaussian process"),
    "cma-es": Entry(f"{_TUNERS}.optuna:CmaEsTuner", "optuna's CMA-ES"),
    "qmc": Entry(f"{_TUNERS}.optuna:QmcTuner", "optuna's quasi-random sequence"),
}
ASSESSORS = {
    "medianstop": Entry(
        "nasbench.hpo.assessors.medianstop:MedianstopAssessor", "NNI's: worse than the median"
    ),
    "curvefitting": Entry(
        "nasbench.hpo.assessors.curvefitting:CurvefittingAssessor",
        "NNI's: will not be better, as its curve is continued",
    ),
    "hyperband": Entry(
        "nasbench.hpo.assessors.hyperband:HyperbandAssessor", "optuna's: brackets of halvings"
    ),
}
BENCHMARKS = {
    "nas-bench-201": Entry(
        "nasbench.tabular.nasbench201:load",
        "15,625 cells on three data sets (Dong and Yang, 2020)",
    ),
    "nas-bench-macro": Entry(
        "nasbench.tabular.macro:load", "6,561 networks on CIFAR-10 (Su et al., 2021)"
    ),
}
PROXIES = {
    "params": Entry(f"{_PROXIES}.params:score", "the number of parameters"),
    "macs": Entry(f"{_PROXIES}.macs:score", "the number of multiply-adds"),
    "grad_norm": Entry(
        f"{_PROXIES}.grad_norm:score", "norm of the gradient (Abdelfattah et al., 2021)"
    ),
    "snip": Entry(
        f"{_PROXIES}.snip:score", "sensitivity of the loss to each weight (Lee et al., 2019)"
    ),
    "grasp": Entry(
        f"{_PROXIES}.grasp:score", "preservation of the gradient flow (Wang et al., 2020)"
    ),
    "synflow": Entry(
        f"{_PROXIES}.synflow:score",
        "log of the synaptic flow through absolute weights (Tanaka et al., 2020)",
    ),
    "fisher": Entry(
        f"{_PROXIES}.fisher:score", "Fisher information of the channels (Turner et al., 2020)"
    ),
    "jacov": Entry(
        f"{_PROXIES}.jacov:score",
        "decorrelation of the Jacobians of images (Mellor et al., 2020)",
    ),
    "naswot": Entry(
        f"{_PROXIES}.naswot:score",
        "distance of the ReLU patterns of images (Mellor et al., 2021)",
    ),
    "zen": Entry(
        f"{_PROXIES}.zen:score", "sensitivity to the input with random weights (Lin et al., 2021)"
    ),
    "zico": Entry(
        f"{_PROXIES}.zico:score", "steadiness of the gradients over batches (Li et al., 2023)"
    ),
    "epe": Entry(f"{_PROXIES}.epe:score", "jacov within each class (Lopes et al., 2021)"),
    "expressivity": Entry(
        f"{_PROXIES}.az_nas:expressivity", "isotropy of the blocks' features (Lee and Ham, 2024)"
    ),
    "progressivity": Entry(
        f"{_PROXIES}.az_nas:progressivity", "least gain of isotropy of a block (Lee and Ham, 2024)"
    ),
    "trainability": Entry(
        f"{_PROXIES}.az_nas:trainability",
        "gradients keep their size in blocks (Lee and Ham, 2024)",
    ),
    "vkdnw": Entry(
        f"{_PROXIES}.vkdnw:score",
        "evenness of the Fisher information's eigenvalues (Tybl and Neumann, 2025)",
    ),
    "vkdnw-single": Entry(
        f"{_PROXIES}.vkdnw:single",
        "the number of weights and biases, then vkdnw (Tybl and Neumann, 2025)",
    ),
}
AGGREGATES = {
    "az-nas": Entry(
        f"{_PROXIES}.aggregation:AZ_NAS",
        "ranks by expressivity, progressivity, trainability and macs (Lee and Ham, 2024)",
    ),
    "vkdnw-agg": Entry(
        f"{_PROXIES}.aggregation:VKDNW_AGG",
        "ranks by vkdnw-single, jacov, expressivity, trainability, macs (Tybl and Neumann, 2025)",
    ),
}
PREDICTORS = {
    "small": Entry(
        f"{_PREDICTORS}.networks:SmallNetworks", "an ensemble of networks with two hidden layers"
    ),
    "paper": Entry(
        f"{_PREDICTORS}.networks:PaperNetworks",
        "the ensemble of BANANAS: ten hidden layers (White et al., 2021)",
    ),
    "trees": Entry(
        f"{_PREDICTORS}.trees:BoostedTrees",
        "gradient-boosted trees on decisions and graph features (Friedman, 2001)",
    ),
    "gp": Entry(
        f"{_PREDICTORS}.gp:GaussianProcess",
        "a Gaussian process on graph features (after Kadlecová et al., 2024)",
    ),
    "gp-wl": Entry(
        f"{_PREDICTORS}.wl:WeisfeilerLehmanProcess",
        "a Gaussian process with the Weisfeiler-Lehman kernel on cells (Ru et al., 2021)",
    ),
}
TABLES = {
    "strategy": STRATEGIES,
    "space": {**SPACES, **BASELINES},
    "baseline": BASELINES,
    "task": TASKS,
    "tuner": TUNERS,
    "assessor": ASSESSORS,
    "table": BENCHMARKS,
    "proxy": {**PROXIES, **AGGREGATES},
    "predictor": PREDICTORS,
    # Of a user's own; the others are in nasbench.training, by the kind of what is predicted.
    "metric": {},
    "loss": {},
}


def resolve(kind: str, name: str) -> Any:
    """Import and return the plug-in called ``name``.

    Args:
        kind: of ``TABLES``: ``strategy``, ``space``, ``task``, ``tuner`` and so on.
        name: a name of the kind's table, ``path/to/file.py:Name`` or ``package.module:Name``.

    Raises:
        UserError: it is unknown, and the nearest names are suggested; it cannot be imported; or
            a file names the code, and this user never did (:mod:`nasbench.known_code`).
    """
    check(kind, name)
    table = TABLES[kind]
    if name not in table:
        where, _, attribute = name.rpartition(":")
        content = _allowed(kind, name)
        if where.endswith(".py"):
            module = _load_file(kind, Path(where), content)
        else:
            try:
                module = importlib.import_module(where)
            except Exception as error:
                raise UserError(
                    f"{kind} {where!r} cannot be imported: {_reason(error)}"
                ) from error
        if not hasattr(module, attribute):
            own = [
                key
                for key, value in vars(module).items()
                if isinstance(value, type) and value.__module__ == module.__name__
            ]
            raise unknown(f"{kind} in {where}", attribute, own)
        return getattr(module, attribute)
    where, _, attribute = table[name].target.partition(":")
    return getattr(importlib.import_module(where), attribute)


def resolve_function(kind: str, name: str, *given: str, named: tuple[str, ...] = ()) -> Any:
    """Import and return the plug-in called ``name``, a function that takes certain arguments.

    Args:
        kind: of ``TABLES``.
        name: see :func:`resolve`.
        given: what it is called with by position, in words.
        named: the keyword arguments.

    Raises:
        UserError: see :func:`resolve`; or it is no function of these arguments.
    """
    found = resolve(kind, name)
    try:
        if isinstance(found, type):
            raise TypeError("a class")
        inspect.signature(found).bind(*given, **dict.fromkeys(named))
    except (TypeError, ValueError) as error:  # ValueError: a function in C without a signature
        takes = f"{', '.join([*given, *named][:-1])} and " if len(given + named) > 1 else ""
        raise UserError(
            f"{kind} {name!r}: must be a function of {takes}{[*given, *named][-1]}"
        ) from error
    return found


def check(kind: str, name: str) -> None:
    """Raise unless ``name`` is in the kind's table or names a file or module.

    Raises:
        UserError: it is unknown; the nearest names are suggested.
    """
    if name not in TABLES[kind] and ":" not in name:
        raise unknown(kind, name, [*TABLES[kind], "file.py:Class", "package.module:Class"])


def check_known(kind: str, name: str) -> None:
    """Raise unless code that a file names may run; nothing is loaded.

    Args:
        kind: of ``TABLES``.
        name: what the file names.

    Raises:
        UserError: it is neither in the table nor known to this user; see
            :mod:`nasbench.known_code`.
    """
    check(kind, name)
    if name not in TABLES[kind] and not known_code.known(name):
        raise _not_known(kind, name)


def _allowed(kind: str, name: str) -> bytes:
    """Return what identifies the code behind a name: the door that all such code passes.

    Raises:
        UserError: there is no such file, or a file names the code and this user never did.
    """
    try:
        content = known_code.source(name)
    except FileNotFoundError as error:
        path = name.rpartition(":")[0]
        raise UserError(f"{kind} {path!r}: there is no such file") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{kind} {name.rpartition(':')[0]!r} cannot be read: {reason}") from error
    if not known_code.may_run(name, content):
        raise _not_known(kind, name)
    return content


def _not_known(kind: str, name: str) -> UserError:
    return UserError(
        f"the {kind} {name!r} is named by a file, and its code is not known here: "
        f"to run it, name it yourself with --code {shlex.quote(name)}"
    )


_loaded: dict[Path, tuple[bytes, ModuleType]] = {}  # the files of users, as they were last run


def _load_file(kind: str, path: Path, content: bytes) -> ModuleType:
    """Return the module of a user's file, which is run once in a process unless it changes."""
    place = path.resolve()
    before, module = _loaded.get(place, (None, None))
    if module is not None and content == before and sys.modules.get(module.__name__) is module:
        return module
    # The name depends on the path, so that two files called my_space.py do not collide.
    digest = hashlib.sha256(str(place).encode(errors="surrogateescape")).hexdigest()[:8]
    name = f"{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        # Not by the file's loader: it would run compiled code that lies in __pycache__ instead.
        exec(compile(content, str(path), "exec", dont_inherit=True), vars(module))
    except Exception as error:
        sys.modules.pop(name, None)
        raise UserError(f"{kind} {str(path)!r} cannot be imported: {_reason(error)}") from error
    _loaded[place] = content, module
    return module


def loaded_files() -> set[str]:
    """Return the names of the modules that users' files were loaded as."""
    return {module.__name__ for _, module in _loaded.values()}


def _reason(error: Exception) -> str:
    text = str(error).splitlines()
    return f"{type(error).__name__}: {text[0] if text else 'no reason given'}"


def short(name: str) -> str:
    """Return ``name`` without the folders of ``path/to/file.py:Name``: for records and tables."""
    where, colon, attribute = name.rpartition(":")
    return f"{Path(where).name}{colon}{attribute}" if where.endswith(".py") else name


def fingerprint(name: str) -> str | None:
    """Return the SHA-256 of the file behind ``file.py:Class``, or ``None`` for other names."""
    return known_code.fingerprint(name) if name.rpartition(":")[0].endswith(".py") else None


def fingerprints(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of each file of a user's own code that a run's options name."""
    names = [name for name in options.values() if isinstance(name, str) and ".py:" in name]
    files = [name for name in names if Path(name.rpartition(":")[0]).is_file()]
    return {name: known_code.fingerprint(name) for name in files}


def code(names: Mapping[str, str]) -> dict[str, str]:
    """Return the SHA-256 of the file of each plug-in that is a user's own code, by kind.

    Args:
        names: by kind, such as ``{"space": "mine.py:Net", "task": "digits"}``.
    """
    found = {}
    for kind, name in names.items():
        where = name.rpartition(":")[0]
        if name in TABLES[kind] or not where:
            continue
        module = sys.modules.get(where)
        path = where if where.endswith(".py") else getattr(module, "__file__", None)
        with contextlib.suppress(OSError):  # without its file the code is unknown
            if path is not None:
                found[kind] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return found
