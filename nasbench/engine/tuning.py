"""A tuner's suggestions as trials, and the trials' results for the tuner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from nasbench.engine.session import Session
from nasbench.engine.trials import Asked, Spent
from nasbench.executors.base import Finished
from nasbench.hpo.assessors.base import Assessor
from nasbench.hpo.space import Params
from nasbench.hpo.tuners.base import Tuner

Build = Callable[[int, Params, int | None], Asked]
Read = Callable[[Finished], dict[str, Any]]


class Tuning:
    """One round of tuning.

    The journal holds every suggestion and every ending, in their order, and the tuner's state
    follows from them; so a continued run makes the same calls again and then goes on.

    Args:
        tuner: suggests and learns.
        assessor: ends trials early, or ``None``.
        build: makes a trial of a number, its parameters and the trial whose weights it goes on
            from.
        read: returns of a finished trial ``score``, ``seconds``, ``epochs`` and ``reports``.
        running: the session, with the journal.
        say: tells the user a line.
        first: the number of the first trial.
        name: of the round, in the journal.
    """

    def __init__(
        self,
        tuner: Tuner,
        assessor: Assessor | None,
        build: Build,
        read: Read,
        running: Session,
        say: Callable[[str], None],
        first: int = 0,
        name: int = 1,
    ) -> None:
        self.tuner = tuner
        self.assessor = assessor
        self.build = build
        self.read = read
        self.running = running
        self.say = say
        self.first = first
        self.name = name
        self.trials: list[tuple[Params, float]] = []
        self._parameters: dict[int, Params] = {}
        self._again: list[int] = []
        self._next = 0
        self._reports: dict[int, list[float]] = defaultdict(list)

    def replay(self) -> Spent:
        """Make the calls of the journal again, and return what their trials spent."""
        spent = Spent()
        for event in self.running.folder.journal.events():
            if event.get("round") != self.name:
                continue
            number = event["number"] - self.first
            if event["event"] == "suggested" and number == self._next:
                self.tuner.suggest(number)
                self._parameters[number] = event["parameters"]
                self._next += 1
            elif event["event"] == "trial" and number in self._parameters:
                self._repeat(number, event, spent)
        self._again = sorted(self._parameters)
        return spent

    def ask(self) -> Asked | None:
        """Return the next suggestion; first of all those whose trials a stop has cut off."""
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
        return self.build(
            self.first + number,
            self._parameters[number],
            None if parent is None else self.first + parent,
        )

    def tell(self, finished: Finished) -> float:
        """Learn how a trial ended, and write it down."""
        number = finished.number - self.first
        parameters = self._parameters[number]
        if finished.error is None:
            ending = {"error": None, **self.read(finished)}
        else:
            ending = {"error": finished.error, "score": None, "epochs": 0, "reports": []}
            ending["seconds"] = finished.seconds
        self._note("trial", number, parameters=parameters, **ending)
        self._learn(number, ending)
        self.say(f"trial {finished.number + 1}: {_words(ending)}")
        return float(ending["seconds"])

    def judge(self, number: int, value: float) -> bool:
        """Ask the assessor whether a trial that reports ``value`` goes on."""
        number -= self.first
        self._reports[number].append(value)
        return self.assessor is None or self.assessor.keep(number, self._reports[number])

    def _repeat(self, number: int, event: dict[str, Any], spent: Spent) -> None:
        for value in event["reports"] if self.assessor is not None else ():
            self.judge(event["number"], value)
        self._learn(number, event)
        spent.trials, spent.epochs = spent.trials + 1, spent.epochs + event["epochs"]
        spent.seconds += event["seconds"]
        spent.failed += event["error"] is not None

    def _learn(self, number: int, ending: dict[str, Any]) -> None:
        parameters = self._parameters.pop(number)
        self._reports.pop(number, None)
        failed = ending["error"] is not None
        if failed:
            self.tuner.fail(number, parameters)
        else:
            self.tuner.learn(number, parameters, ending["score"])
            self.trials.append((parameters, ending["score"]))
        if self.assessor is not None:
            self.assessor.end(number, not failed)

    def _note(self, event: str, number: int, **fields: Any) -> None:
        if self.running.leads:
            self.running.folder.journal.append(
                event, round=self.name, number=self.first + number, **fields
            )


def _words(ending: dict[str, Any]) -> str:
    if ending["error"] is not None:
        return f"failed: {ending['error']}"
    return f"{ending['score']:.4f} in {ending['seconds']:.1f} s"
