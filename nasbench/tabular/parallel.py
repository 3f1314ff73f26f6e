"""Runs the jobs of a benchmark in several processes, and keeps their results in a file."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nasbench import __version__
from nasbench.executors import ExecutorOptions, Finished, Job, Work, open_executor
from nasbench.executors.attempts import prepare
from nasbench.store.journal import Journal


class Parallel:
    """Worker processes; use it in ``with``.

    Args:
        setup: ``package.module:function``; ``setup(context)`` is called once in each process and
            returns the work, a function of a job's payload and a report that is not used.
        context: what all jobs share.
        jobs: number of processes; with 1 all work is done in this process.
    """

    def __init__(self, setup: str, context: Any, jobs: int) -> None:
        self._setup, self._context = setup, context
        self._work: Work | None = None
        options = ExecutorOptions(concurrency=jobs, cpus_per_trial=1)
        self._executor = (
            open_executor("local", setup, context, lambda number, value: True, options)
            if jobs > 1
            else None
        )

    def run(self, payloads: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yield the number of each job and its result, in the order in which they end.

        Raises:
            RuntimeError: a job failed in its process, which is a bug.
        """
        if self._executor is None:
            work = self._work = self._work or prepare(self._setup, self._context)
            for number, payload in enumerate(payloads):
                yield number, work(payload, lambda *values: True)
            return
        for number, payload in enumerate(payloads):
            if number >= self._executor.slots:
                yield self._next()
            self._executor.submit(Job(number, payload))
        for _ in range(min(self._executor.slots, len(payloads))):
            yield self._next()

    def _next(self) -> tuple[int, Any]:
        assert self._executor is not None
        finished = self._executor.next(lambda: False)
        assert isinstance(finished, Finished)
        if finished.error is not None:
            raise RuntimeError(f"job {finished.number}: {finished.error}")
        return finished.number, finished.value

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._executor is not None:
            self._executor.close()


class Kept:
    """Results of jobs in a file of JSON lines, so that an interrupted benchmark goes on.

    Args:
        path: the file; ``None`` keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._journal = None if path is None else Journal(path)
        events = [] if self._journal is None else self._journal.events("job")
        self._values = {one["key"]: one.get("value") for one in events if "key" in one}

    def get(self, key: str) -> Any:
        """Return the result of a job, or ``None``."""
        return self._values.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep a result."""
        self._values[key] = value
        if self._journal is not None:
            self._journal.path.parent.mkdir(parents=True, exist_ok=True)
            self._journal.append("job", key=key, value=value)


def code_digest(kind: Any, *packages: str) -> str:
    """Return a digest of the code that a result follows from.

    Args:
        kind: a class or function; its own file counts.
        packages: names of packages all of whose modules count.
    """
    source = inspect.getsourcefile(inspect.unwrap(kind))
    digest = hashlib.sha256(Path(source).read_bytes() if source else b"")
    for package in packages:
        digest.update(_package_digest(package))
    return digest.hexdigest()


@cache
def _package_digest(package: str) -> bytes:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    digest = hashlib.sha256()
    for folder in spec.submodule_search_locations or ():
        for file in sorted(Path(folder).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.digest()


def job_key(*parts: Any) -> str:
    """Return the key of a job.

    Args:
        parts: all that its result depends on besides this version of nasbench.
    """
    text = json.dumps([__version__, *parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
