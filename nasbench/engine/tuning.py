"""A tuner's suggestions as trials, and the trials' results for the tuner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nasbench.engine.scheduler import TotalCost, Trial, TrialCost
from nasbench.engine.session import Session
from nasbench.executors import Finished, Reported, Restarted
from nasbench.hpo.assessors.base import Assessor
from nasbench.hpo.space import Params
from nasbench.hpo.tuners.base import Tuner

Build = Callable[[int, Params, int | None], Trial]
Read = Callable[[Finished], dict[str, Any]]


@dataclass
class _Course:
    """What a trial has reported, and how that was answered.

    Attributes:
        values: the reports.
        answers: whether the trial was to go on after each.
        heard: how many of them its present worker has told; a second worker tells all again.
    """

    values: list[float] = field(default_factory=list)
    answers: list[bool] = field(default_factory=list)
    heard: int = 0


class Tuning:
    """One round of tuning.

    The journal holds every suggestion and every ending, in their order, and the tuner's state
    follows from them; so a continued run makes the same calls again and then goes on. Reports of
    trials side by side reach the assessor trial by trial then, not in turns.

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
        share: of a device that a trial occupies, for the device-seconds of one that failed.
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
        share: float = 1.0,
    ) -> None:
        self.tuner = tuner
        self.assessor = assessor
        self.build = build
        self.read = read
        self.running = running
        self.say = say
        self.first = first
        self.name = name
        self.share = share
        self.trials: list[tuple[Params, float]] = []
        self._parameters: dict[int, Params] = {}
        self._again: list[int] = []
        self._next = 0
        self._epochs: dict[int, int] = {}  # that the trials under way were asked for
        self._courses: dict[int, _Course] = defaultdict(_Course)

    def replay(self) -> TotalCost:
        """Make the calls of the journal again, and return what their trials spent."""
        spent = TotalCost()
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

    def ask(self) -> Trial | None:
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
        asked = self.build(
            self.first + number,
            self._parameters[number],
            None if parent is None else self.first + parent,
        )
        self._epochs[number] = asked.epochs
        return asked

    def tell(self, finished: Finished) -> TrialCost:
        """Learn how a trial ended, and write it down."""
        number = finished.number - self.first
        parameters, epochs = self._parameters[number], self._epochs.pop(number)
        if finished.error is None:
            ending = {"error": None, **self.read(finished)}
        else:
            ending = {"error": finished.error, "score": None, "epochs": epochs}
            ending["seconds"] = finished.seconds * self.share
            ending["reports"] = self._courses[number].values
        self._note("trial", number, parameters=parameters, **ending)
        self._learn(number, ending)
        self.say(f"trial {finished.number + 1}: {_words(ending)}")
        return TrialCost(ending["epochs"], ending["seconds"])

    def keeps(self, number: int, reported: Reported) -> bool:
        """Return the assessor's answer to a report: whether the trial continues."""
        number -= self.first
        course = self._courses[number]
        if isinstance(reported, Restarted):
            course.heard = 0
            return True
        course.heard += 1
        if course.heard > len(course.values):
            course.values.append(reported)
            going = self.assessor is None or self.assessor.keep(number, list(course.values))
            course.answers.append(going)
        return course.answers[course.heard - 1]

    def _repeat(self, number: int, event: dict[str, Any], spent: TotalCost) -> None:
        for value in event["reports"] if self.assessor is not None else ():
            self.keeps(event["number"], value)
        self._learn(number, event)
        spent.trials, spent.epochs = spent.trials + 1, spent.epochs + event["epochs"]
        spent.seconds += event["seconds"]
        spent.failed += event["error"] is not None

    def _learn(self, number: int, ending: dict[str, Any]) -> None:
        parameters = self._parameters.pop(number)
        course = self._courses.pop(number, _Course())
        failed = ending["error"] is not None
        if failed:
            self.tuner.fail(number, parameters)
        else:
            self.tuner.learn(number, parameters, ending["score"])
            self.trials.append((parameters, ending["score"]))
        if self.assessor is not None:
            self.assessor.end(number, not failed and all(course.answers))

    def _note(self, event: str, number: int, **fields: Any) -> None:
        if self.running.leads:
            self.running.folder.journal.append(
                event, round=self.name, number=self.first + number, **fields
            )


def _words(ending: dict[str, Any]) -> str:
    if ending["error"] is not None:
        return f"failed: {ending['error']}"
    return f"{ending['score']:.4f} in {ending['seconds']:.1f} s"
