"""``nasbench doctor``."""

from __future__ import annotations

import json
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from nasbench.cli.options import AsJson
from nasbench.cli.output import tell

PACKAGES = {
    "torch": "everything except listings",
    "torchvision": "cifar10 and downloads",
    "sklearn.datasets": "the task digits",
    "graphviz": "drawings with the program dot",
    "pygraphviz": "drawings without the program dot",
    "tensorboard": "curves for TensorBoard",
    "safetensors": "model.safetensors",
    "nni": "NNI's tuners",
    "optuna": "the strategy tpe and optuna's tuners",
    "matplotlib": "plots",
    "ray": "--engine ray",
    "h5py": "event image files",
    "numba": "fast supernets on a CPU, event recordings",
    "onnxruntime": "nasbench export --to onnx",
    "starlette": "nasbench board",
    "uvicorn": "nasbench board",
}
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of the data.")]


def command(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Report what this machine has: Python, torch, devices, data sets, programs."""
    from nasbench import catalog
    from nasbench.errors import UserError

    try:
        import torch
    except ImportError:
        devices = {"none": "torch is missing"}
    else:
        devices = {"cpu": f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"}
        from nasbench.cost.latency import device_name
        from nasbench.devices import accelerator

        kind, count = accelerator()
        for i in range(count):
            devices[f"{kind}:{i}"] = device_name(torch.device(kind, i))
    data = {}
    for name in catalog.TASKS:
        try:
            task = catalog.resolve("task", name)(data_dir=data_dir, download=False)
            data[name] = f"found, {len(task.train):,} training images"
        except (UserError, ImportError) as error:
            data[name] = str(error)
    report: dict[str, str | dict[str, str]] = {
        "python": sys.version.split()[0],
        "packages": {name: _package(name, use) for name, use in PACKAGES.items()},
        "devices": devices,
        "data": data,
        "programs": {name: shutil.which(name) or "not found" for name in ("dot", "git")},
    }
    if as_json:
        tell(json.dumps(report))
        return
    for heading, content in report.items():
        if isinstance(content, str):
            tell(f"{heading}: {content}")
            continue
        tell(f"{heading}:")
        for name, state in content.items():
            tell(f"  {name:<18} {state}")


def _package(name: str, use: str) -> str:
    """Return the version of an optional package, or why it cannot be used."""
    from importlib import metadata

    from nasbench.errors import UserError
    from nasbench.optional import require

    top = name.partition(".")[0]
    distribution = {"sklearn": "scikit-learn"}.get(top, top)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other packages' deprecations do not matter here
            require(name, use, distribution)
        return metadata.version(distribution)
    except UserError as error:
        return str(error)
    except metadata.PackageNotFoundError:
        return "found, version unknown"
