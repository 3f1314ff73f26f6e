"""Trials with the hyperparameters that a tuner suggests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from nasbench.engine.scheduler import TotalCost, Trial, TrialCost
from nasbench.engine.session import Session
from nasbench.executors import Finished, Reported, Restarted
from nasbench.hpo.assessors.base import Assessor
from nasbench.hpo.space import Params
from nasbench.hpo.tuners.base import Tuner


class TrialKind(Protocol):
    """Builds trials of hyperparameters and reads their results."""

    @property
    def share(self) -> float:
        """How many devices a trial occupies, as device-seconds count them."""

    def trial(self, number: int, parameters: Params, parent: int | None) -> Trial:
        """Return a trial; ``parent`` is the trial whose weights it starts from."""

    def result(self, finished: Finished) -> dict[str, Any]:
        """Return ``score``, ``seconds``, ``epochs`` and ``reports`` of a finished trial.

        A ``note`` is shown to the user.
        """


@dataclass
class _History:
    """The reports of a trial and their answers.

    Attributes:
        values: the reports.
        answers: whether the trial continued after each.
        received: number of reports of the present worker; a second worker repeats the first's.
    """

    values: list[float] = field(default_factory=list)
    answers: list[bool] = field(default_factory=list)
    received: int = 0


class TunerTrials:
    """A source of trials with a tuner's hyperparameters, in one round.

    The journal holds every suggestion and every result in order, and the tuner's state follows
    from them; so a resumed run repeats the calls and then continues. It repeats the reports of
    concurrent trials trial by trial, not interleaved.

    Args:
        tuner: suggests hyperparameters and learns from their scores.
        assessor: stops trials early, or ``None``.
        kind: builds the trials and reads their results.
        running: the run, with the journal.
        say: receives one line per trial.
        first: number of the first trial.
        round: number of the round, in the journal.
        ended: receives the number, the hyperparameters and the journal's fields of every trial.

    Attributes:
        results: hyperparameters and score of each trial with a result.
    """

    def __init__(
        self,
        tuner: Tuner,
        assessor: Assessor | None,
        kind: TrialKind,
        running: Session,
        say: Callable[[str], None],
        first: int = 0,
        round: int = 1,
        ended: Callable[[int, Params, Mapping[str, Any]], None] | None = None,
    ) -> None:
        self.tuner = tuner
        self.assessor = assessor
        self.kind = kind
        self.running = running
        self.say = say
        self.first = first
        self.round = round
        self.ended = ended
        self.results: list[tuple[Params, float]] = []
        self._parameters: dict[int, Params] = {}
        self._again: list[int] = []
        self._next = 0
        self._epochs: dict[int, int] = {}  # requested for the trials under way
        self._histories: dict[int, _History] = defaultdict(_History)

    def replay(self) -> TotalCost:
        """Repeat the calls in the journal, and return the cost of their trials."""
        total = TotalCost()
        for event in self.running.folder.journal.events():
            if event.get("round") != self.round:
                continue
            number = event["number"] - self.first
            if event["event"] == "suggested" and number == self._next:
                self.tuner.suggest(number)
                self._parameters[number] = event["parameters"]
                self._next += 1
            elif event["event"] == "trial" and number in self._parameters:
                self._repeat(number, event, total)
        self._again = sorted(self._parameters)
        return total

    def ask(self) -> Trial | None:
        """Return the next trial; interrupted trials of a resumed run come first."""
        if self._again:
            number = self._again.pop(0)
        else:
            number = self._next
            suggested = self.tuner.suggest(number)
            if suggested is None:
                return None
            self._next += 1
            self._parameters[number] = suggested
            self._note("suggested", number, parameters=suggested)
        parent = self.tuner.parent(number)
        trial = self.kind.trial(
            self.first + number,
            self._parameters[number],
            None if parent is None else self.first + parent,
        )
        self._epochs[number] = trial.epochs
        return trial

    def tell(self, finished: Finished) -> TrialCost:
        """Update the tuner with a trial's result and write it to the journal."""
        number = finished.number - self.first
        parameters, epochs = self._parameters[number], self._epochs.pop(number)
        if finished.error is None:
            ending = {"error": None, **self.kind.result(finished)}
        else:
            ending = {"error": finished.error, "score": None, "epochs": epochs}
            ending["seconds"] = finished.seconds * self.kind.share
            ending["reports"] = self._histories[number].values
        self._note("trial", number, parameters=parameters, **ending)
        self._learn(number, ending)
        if self.ended is not None:
            self.ended(finished.number, parameters, ending)
        self.say(f"trial {finished.number}: {_words(ending)}")
        return TrialCost(ending["epochs"], ending["seconds"])

    def keeps(self, number: int, reported: Reported) -> bool:
        """Return the assessor's answer to a report: whether the trial continues."""
        number -= self.first
        history = self._histories[number]
        if isinstance(reported, Restarted):
            history.received = 0
            return True
        history.received += 1
        if history.received > len(history.values):
            history.values.append(reported)
            continues = self.assessor is None or self.assessor.keep(number, list(history.values))
            history.answers.append(continues)
        return history.answers[history.received - 1]

    def _repeat(self, number: int, event: dict[str, Any], total: TotalCost) -> None:
        for value in event["reports"] if self.assessor is not None else ():
            self.keeps(event["number"], value)
        self._learn(number, event)
        total.trials, total.epochs = total.trials + 1, total.epochs + event["epochs"]
        total.seconds += event["seconds"]
        total.failed += event["error"] is not None

    def _learn(self, number: int, ending: dict[str, Any]) -> None:
        parameters = self._parameters.pop(number)
        history = self._histories.pop(number, _History())
        failed = ending["error"] is not None
        if failed:
            self.tuner.fail(number, parameters)
        else:
            self.tuner.learn(number, parameters, ending["score"])
            self.results.append((parameters, ending["score"]))
        if self.assessor is not None:
            self.assessor.end(number, not failed and all(history.answers))

    def _note(self, event: str, number: int, **fields: Any) -> None:
        if self.running.leads:
            self.running.folder.journal.append(
                event, round=self.round, number=self.first + number, **fields
            )


def _words(ending: dict[str, Any]) -> str:
    if ending["error"] is not None:
        return f"failed: {ending['error']}"
    note = f"; {ending['note']}" if ending.get("note") else ""
    return f"{ending['score']:.4f} in {ending['seconds']:.1f} s{note}"
