"""A context that every local worker reads, written once.

NumPy arrays leave the pickle as raw buffers (PEP 574) into a file without a name, which workers
map into their memory: hundreds of megabytes are neither pickled for each worker nor held by each,
and nothing is left behind, however the processes end.
"""

from __future__ import annotations

import mmap
import pickle
import tempfile
from collections.abc import Sequence
from typing import Any, Self

_ALIGNMENT = 64  # bytes; arrays that begin elsewhere would be slow


class SharedContext:
    """A context in an unnamed file.

    Attributes:
        sizes: bytes of each part in the file: the pickle, then its buffers.
    """

    def __init__(self, context: Any) -> None:
        buffers: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(context, protocol=5, buffer_callback=buffers.append)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        self.sizes: list[int] = []
        for part in (memoryview(pickled), *(buffer.raw() for buffer in buffers)):
            self.sizes.append(self._file.write(part))
            self._file.write(bytes(-part.nbytes % _ALIGNMENT))
        self._file.flush()

    def fileno(self) -> int:
        """Return the file's descriptor, for a worker to inherit."""
        return self._file.fileno()

    def close(self) -> None:
        """Let go of the file; what a worker has mapped stays."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(descriptor: int, sizes: Sequence[int]) -> Any:
    """Return the context in the file; what is written to its arrays stays in this process."""
    memory = memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY))
    parts, start = [], 0
    for size in sizes:
        parts.append(memory[start : start + size])
        start += size + -size % _ALIGNMENT
    return pickle.loads(parts[0], buffers=parts[1:])
