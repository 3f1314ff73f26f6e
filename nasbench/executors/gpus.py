"""Which GPUs a worker sees."""

from __future__ import annotations

import os
from collections.abc import Sequence

from nasbench.errors import UserError

VISIBLE = "CUDA_VISIBLE_DEVICES"


def visible() -> list[str]:
    """Return what this process may use, each as ``CUDA_VISIBLE_DEVICES`` names it.

    torch is only asked, and imported, where that variable says nothing.
    """
    named = os.environ.get(VISIBLE)
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]


def share_out(gpus: Sequence[str], workers: int, each: float) -> list[str]:
    """Return each worker's ``CUDA_VISIBLE_DEVICES``.

    Args:
        gpus: the GPUs there are.
        workers: how many share them, in order.
        each: GPUs of one worker: a whole number, or a share of one GPU.

    Raises:
        UserError: they do not suffice.
    """
    together = int(1 / each + 1e-9) if each < 1 else 1  # how many workers have one GPU in common
    whole = max(1, int(each))
    if workers > (room := len(gpus) // whole * together):
        raise UserError(
            f"--concurrency {workers}: the {len(gpus)} GPUs here hold at most {room} trials "
            f"of --gpus-per-trial {each:g}"
        )
    starts = [worker // together * whole for worker in range(workers)]
    return [",".join(gpus[start : start + whole]) for start in starts]
