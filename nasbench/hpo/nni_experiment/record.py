"""One trial under NNI's manager: ``python -m nasbench.hpo.nni_experiment.record COMMAND.json``.

NNI 3.0 gives parameters to whichever trial asks first, and books them for the trial that was
meant to ask; with several trials at once its tables pair results with the wrong parameters. So
each trial writes down by itself what it was given and what came of it, whatever NNI's tables say.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from nasbench.hpo.nni_experiment.command import TrialCommand, run_trial
from nasbench.hpo.nni_experiment.outcome import Outcome
from nasbench.hpo.nni_experiment.protocol import Metric, TrialFailed
from nasbench.hpo.nni_experiment.rest import TrialChannel
from nasbench.hpo.nni_experiment.results import TrialResult, write_result


def main(file: str) -> int:
    """Ask the manager for parameters, run the command with them, and pass its reports on.

    Args:
        file: a JSON file with the fields of a :class:`TrialCommand`.

    Returns:
        the exit status: 1 after a trial without a result.
    """
    # The manager stops a trial by SIGINT, which a shell's background jobs ignore from the start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = TrialCommand(**json.loads(Path(file).read_text(encoding="utf-8")))
    job = os.environ["NNI_TRIAL_JOB_ID"]
    channel = TrialChannel(os.environ["NNI_TRIAL_COMMAND_CHANNEL"], job)
    record = channel.parameters()
    if record["parameter_id"] is None:
        sys.stderr.write("a trial that was added on the web page has no parameterId\n")
        return 1
    result = _run(command, channel, job, record["parameter_id"], record["parameters"])
    write_result(Path(command.folder) / str(result.number), result)
    if result.error is not None:
        sys.stderr.write(f"{result.error}\n")
    if result.stopped:  # the manager tells a stopped trial from one that ended by this alone
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return int(result.error is not None)


def _run(
    command: TrialCommand,
    channel: TrialChannel,
    job: str,
    number: int,
    parameters: dict[str, Any],
) -> TrialResult:
    """Run the command; the manager learns each report under the trial's own ``parameterId``."""
    outcome, error, start = Outcome(), None, time.monotonic()

    def pass_on(metric: Metric) -> bool:
        sequence = 0 if metric.final else len(outcome.intermediate) - 1
        channel.send(number, metric.final, sequence, metric.raw)
        return True

    try:
        try:
            run_trial(command, number, parameters, outcome, pass_on, job)
        except KeyboardInterrupt:
            outcome.stop()
    except TrialFailed as failure:
        error = str(failure)
    return TrialResult(
        number,
        parameters,
        final=None if error else outcome.final,
        error=error,
        intermediate=tuple(outcome.intermediate),
        stopped=outcome.stopped,
        seconds=time.monotonic() - start,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
