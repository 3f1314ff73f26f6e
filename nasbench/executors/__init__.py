"""Many trials at once: in this process, in worker processes here, or on a Ray cluster.

A *work* is what one trial does. Its *setup* is named by a text, and called once in every worker
with the *context* that all trials share. Jobs are submitted up to the executor's slots, and come
back in the order in which they end.
"""

from nasbench.executors.base import (
    Executor,
    ExecutorOptions,
    Finished,
    Job,
    Judge,
    Report,
    Work,
)
from nasbench.executors.opening import ENGINES, open_executor

__all__ = [
    "ENGINES",
    "Executor",
    "ExecutorOptions",
    "Finished",
    "Job",
    "Judge",
    "Report",
    "Work",
    "open_executor",
]
