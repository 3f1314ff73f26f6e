"""Calls of NNI's manager, which listens on this machine."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.error import HTTPError

_TIMEOUT = 60.0  # seconds
_NOT_YET = 408


def call(method: str, url: str, content: Any = None) -> Any:
    """Send ``content`` as JSON, past any proxy, and return the answer, ``None`` for an empty one.

    Raises:
        OSError: nobody answers, or the answer is an error.
        ValueError: the answer is not JSON.
    """
    data = None if content is None else json.dumps(content).encode()
    header = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, header, method=method)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=_TIMEOUT) as answer:
        return json.loads(answer.read() or "null")


class TrialChannel:
    """The trial's end of NNI 3.0's channel: ``nni.runtime.trial_command_channel.v3``.

    It is spoken here since importing ``nni`` takes seconds, in every trial.
    """

    def __init__(self, url: str, job: str) -> None:
        """Take ``NNI_TRIAL_COMMAND_CHANNEL`` and ``NNI_TRIAL_JOB_ID``."""
        self._url, self._job = url, job

    def parameters(self) -> dict[str, Any]:
        """Ask for parameters, and wait for them: ``parameter_id``, ``parameters`` and more."""
        call("PUT", self._url, {"type": "request_parameter"})
        while True:
            try:
                found: dict[str, Any] = json.loads(call("GET", self._url)["parameter"])
            except HTTPError as error:
                if error.code != _NOT_YET:
                    raise
            else:
                return found

    def send(self, number: int, final: bool, sequence: int, value: Any) -> None:
        """Tell the manager an intermediate or the final result for ``parameterId`` ``number``."""
        metric = {
            "parameter_id": number,
            "trial_job_id": self._job,
            "type": "FINAL" if final else "PERIODICAL",
            "sequence": sequence,
            "value": json.dumps(value),
        }
        call("PUT", self._url, {"type": "metric", "metric": json.dumps(metric)})
