"""Tables by their names."""

from __future__ import annotations

from pathlib import Path

from nasbench import catalog
from nasbench.errors import UserError
from nasbench.tabular.base import Table
from nasbench.tabular.latency import add_latencies


def load_table(name: str, data_dir: Path | None = None, device: str | None = None) -> Table:
    """Return a table.

    Args:
        name: its name in the catalog, ``file.py:function`` or ``module:function``, and after it
            ``=PATH`` where the table lies in no data folder.
        data_dir: where to look for it; see :mod:`nasbench.data.locate`.
        device: add the latencies that were measured on this device.

    Raises:
        UserError: it is unknown, it is not there, or it cannot be used.
    """
    known, equals, path = name.partition("=")
    if equals and not path:
        raise UserError(f"--table {name}: names no file: must look like {known}=PATH")
    load = catalog.resolve("table", known)
    table = load(Path(path).expanduser() if path else None, data_dir)
    if not isinstance(table, Table):
        raise UserError(f"table {known!r}: gave {type(table).__name__}, not a nasbench Table")
    if device is not None:
        add_latencies(table, device, data_dir)
    return table
