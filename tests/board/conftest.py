"""Results folders made by hand, as runs leave them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from nasbench.board.server import application
from nasbench.cli.board import LOOPBACK

MakeRun = Callable[..., Path]


def write_lines(path: Path, events: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(event) + "\n" for event in events))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


@pytest.fixture
def make_run(results: Path) -> MakeRun:
    """Writes a run folder: its name, its events, and fields of ``run.json``."""

    def make(name: str, events: Iterable[dict[str, Any]] = (), **info: Any) -> Path:
        path = results / "runs" / name
        path.mkdir(parents=True)
        start = {"format": "nasbench-run/1", "verb": "search", "name": "darts", "task": "digits"}
        told = {**start, "status": "done", "seed": 0, "config": {"epochs": 4}, **info}
        (path / "run.json").write_text(json.dumps(told))
        write_lines(path / "journal.jsonl", events)
        return path

    return make


def epoch(number: int, second: float = 0.0, **fields: Any) -> dict[str, Any]:
    """An epoch's event, so many seconds after midnight."""
    minutes, seconds = divmod(second, 60)
    time = f"2026-01-01T00:{int(minutes):02}:{seconds:06.3f}+00:00"
    told = {"loss": 1 / number, "val_accuracy": number / 10, "seconds": second}
    return {"event": "epoch", "time": time, "epoch": number, **told, **fields}


def trial(number: int, score: float | None, **fields: Any) -> dict[str, Any]:
    told = {"parameters": {"lr": 10.0**-number}, "seconds": 2.0, "error": None}
    return {"event": "trial", "number": number, "score": score, **told, **fields}


@pytest.fixture(scope="session")
def ending() -> Iterator[list[tuple[threading.Thread, socket.socket]]]:
    """Servers that were asked to end: each takes a tenth of a second, which no test waits for."""
    servers: list[tuple[threading.Thread, socket.socket]] = []
    yield servers
    for thread, line in servers:
        thread.join()
        line.close()


@pytest.fixture
def served(results: Path, ending: list[tuple[threading.Thread, socket.socket]]) -> Iterator[int]:
    """The port of a server of the results folder."""
    line = socket.create_server(("127.0.0.1", 0))
    settings = uvicorn.Config(application(results, LOOPBACK), log_level="warning", lifespan="off")
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [line]})
    thread.start()
    yield line.getsockname()[1]
    server.should_exit = True
    ending.append((thread, line))
