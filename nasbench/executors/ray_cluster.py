"""Joining a Ray cluster, or starting one on this machine."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nasbench.errors import UserError
from nasbench.executors import gpus
from nasbench.executors.base import ExecutorOptions
from nasbench.executors.work import one_line
from nasbench.optional import require

_QUIET = {"log_to_driver": False, "logging_level": "ERROR", "include_dashboard": False}


def join(ray: Any, options: ExecutorOptions) -> bool:
    """Connect this process, if it is not yet, and return whether it was done here.

    Without an address a cluster for this process alone starts on the loopback address, with room
    for all slots; it ends with ``ray.shutdown()``. Another cluster is only left by it.

    Raises:
        UserError: there is no cluster at the address, no node has what one trial needs, or this
            machine has too few GPUs for all slots.
    """
    fresh = not ray.is_initialized()
    if fresh:
        with _own_sigterm():
            _connect(ray, options)
    try:
        _check_room(ray, options)
    except UserError:
        if fresh:
            ray.shutdown()
        raise
    return fresh


def resources(options: ExecutorOptions) -> dict[str, float]:
    """Return what Ray reserves for one trial."""
    return {"num_cpus": options.cpus_per_trial or 1, "num_gpus": options.gpus_per_trial}


def _connect(ray: Any, options: ExecutorOptions) -> None:
    if options.address is None:
        _start(ray, options)
        return
    try:
        ray.init(address=_found(options.address), **_QUIET)
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"--address {options.address}: no Ray cluster: {one_line(error)}"
        ) from error


def _found(address: str) -> str:
    """Return the ``host:port`` that ``address`` means, if somebody listens there.

    Ray itself would go on trying for minutes.

    Raises:
        OSError, ValueError: it is no address, or nobody does.
    """
    services = require("ray._private.services", "--engine ray")
    found: str | None = services.canonicalize_bootstrap_address(address)
    if found is None or "://" in found:
        raise ValueError("allowed: auto or host:port")
    host, _, port = found.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    return found


def _start(ray: Any, options: ExecutorOptions) -> None:
    each, cards = options.gpus_per_trial, []
    if each:
        cards = gpus.visible()
        gpus.share_out(cards, options.concurrency, each)  # or Ray would let trials wait
    with _on_loopback():
        ray.init(
            address="local",  # and no other cluster that happens to run here
            num_cpus=options.concurrency * resources(options)["num_cpus"],
            num_gpus=len(cards),
            _node_ip_address="127.0.0.1",
            **_QUIET,
        )


def _check_room(ray: Any, options: ExecutorOptions) -> None:
    """Raise where no node could ever run one trial: Ray would wait for one silently."""
    wanted = resources(options)
    cpus, cards = wanted["num_cpus"], wanted["num_gpus"]
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= cards for node in nodes):
        raise UserError(
            f"--gpus-per-trial {cards:g}, --cpus-per-trial {cpus}: no node of the Ray cluster "
            f"has as many"
        )


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Let Ray's services listen on 127.0.0.1 alone, as they do on macOS and Windows.

    Elsewhere Ray turns this address into the machine's own, and listens to its network.
    """
    constants: Any = require("ray._private.ray_constants", "--engine ray")
    before = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep this process's answer to SIGTERM, which Ray replaces by its own."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
