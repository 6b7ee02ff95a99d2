"""The record of a training run: its events so far, and how people read them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from napari_emcad.core.wording import clock_text, count, duration_text
from napari_emcad.finetuning.events import Event, FinishedEvent, ScoreEvent, StartedEvent, StepEvent
from napari_emcad.finetuning.folder import best_model, read_events

LOSSES = {
    "student": "student",
    "teacher": "teacher",
    "cross": "student against teacher",
    "interaction": "student among teacher sections",
    "consistency": "two views of uncorrected sections",
    "restore": "restored sections",
}
"""Names of losses, for people."""


@dataclass(frozen=True)
class Score:
    """Score of the network at a step, on the held-out crops; VOI in bits. Step 0 is before fine-tuning."""

    step: int
    voi: float
    arand: float
    voi_split: float = 0.0
    voi_merge: float = 0.0
    threshold: float = 0.0
    best: bool = False

    @classmethod
    def of(cls, event: ScoreEvent) -> Self:
        """Return the score that an event tells; those of earlier versions tell less."""
        return cls(
            event["step"],
            event["voi"],
            event["arand"],
            event.get("voi_split", 0.0),
            event.get("voi_merge", 0.0),
            event.get("threshold", 0.0),
            event.get("best", False),
        )


class Record:
    """Events of a run, one after the other.

    Attributes
    ----------
    losses : dict of str to list of (step, value)
    scores : dict of int to Score
        By step.
    stage, device, failure : str
    step : int
    done, seconds : float
        Share of the budget, 0 to 1; time spent.
    finished : FinishedEvent or None
        The last event of a run that has ended well.
    """

    def __init__(self) -> None:
        self.losses: dict[str, list[tuple[int, float]]] = {}
        self.scores: dict[int, Score] = {}
        self.stage = self.device = self.failure = ""
        self.step, self.done, self.seconds = 0, 0.0, 0.0
        self.finished: FinishedEvent | None = None

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Return the record of a run that nobody works on now."""
        record = cls()
        for event in read_events(folder):
            record.take(event)
        return record

    def take(self, event: Event) -> None:
        """Take an event; those of a kind that is not known are left out."""
        if event["event"] == "stage":
            self.stage = event["text"]
        elif event["event"] == "started":
            self._start(event)
        elif event["event"] == "step":
            self._take_step(event)
        elif event["event"] == "score":
            self.stage = ""
            self.scores[event["step"]] = Score.of(event)
        elif event["event"] == "finished":
            self.stage, self.finished = "", event
        elif event["event"] == "failed":
            self.stage, self.failure = "", event["sentence"]

    def restart(self) -> None:
        """Forget how the run ended before: it is started, maybe again."""
        self.stage, self.failure, self.finished = "starting Python", "", None

    @property
    def before(self) -> Score | None:
        """Score before training; None if nothing is held out."""
        return self.scores.get(0)

    @property
    def best(self) -> Score | None:
        """Score of the latest that was the best; None if no step has helped yet."""
        return next((score for score in reversed(self.scores.values()) if score.best), None)

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the budget leaves; None until enough is done to tell."""
        return self.seconds * (1 - self.done) / self.done if self.done > 0.01 else None

    @property
    def progress_text(self) -> str:
        """The place of the run in its budget: "step 41, 1:12 left"."""
        if self.stage or not self.step:
            return f"{self.stage or 'starting'} ..."
        left = self.seconds_left
        return f"step {self.step}" if left is None else f"step {self.step}, {clock_text(left)} left"

    @property
    def scores_text(self) -> str:
        """The score before and the best so far."""
        if self.before is None:
            return ""
        best = self.best
        so_far = f"; best so far {score_text(best)} at step {best.step}" if best else ""
        return f"Held out: {score_text(self.before)} before{so_far}."

    def _start(self, event: StartedEvent) -> None:
        """Forget the steps after those that the run goes on from: they are lost."""
        self.device, self.finished, self.failure = event["device"], None, ""
        self.step = event.get("step", 0)
        self.losses = {n: [p for p in points if p[0] <= self.step] for n, points in self.losses.items()}

    def _take_step(self, event: StepEvent) -> None:
        self.stage, self.failure = "", ""
        self.step, self.done, self.seconds = event["step"], event["done"], event["seconds"]
        for name, value in event["parts"].items():
            self.losses.setdefault(name, []).append((self.step, value))


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run that nobody works on now.

    Attributes
    ----------
    sentence : str
    can_keep : bool
        True if there is a network that is better than the one before, or that nothing is known of but its steps.
    """

    sentence: str
    can_keep: bool

    @classmethod
    def of(cls, record: Record, folder: Path) -> Self:
        """Return the outcome of a run, as far as its record and its folder tell."""
        has_model, best = best_model(folder) is not None, record.best
        early = "" if record.finished else ", not finished"
        done = f"{count(record.step, 'step')} in {duration_text(record.seconds)}{early}"
        if record.before is None and record.finished and has_model:
            return cls(f"{done}; nothing is held out, so there are no scores: try it before you rely on it.", True)
        if record.before is None:
            return cls(f"No network to keep yet: {done}.", False)
        if best is None or not has_model:
            stays = f"{score_text(record.before)} on the held-out crops before"
            return cls(f"Fine-tuning has not helped ({done}): {stays}, and no step scored better.", False)
        return cls(f"{gain_text(record.before, best)} on the held-out crops; {done}.", True)


def score_text(score: Score) -> str:
    """Return a score in words: "VOI 4.89 bits, ARAND 0.897"."""
    return f"VOI {score.voi:.2f} bits, ARAND {score.arand:.3f}"


def gain_text(before: Score, after: Score) -> str:
    """Return two scores in words: "VOI 4.89 -> 0.65 bits, ARAND 0.897 -> 0.049"."""
    return f"VOI {before.voi:.2f} -> {after.voi:.2f} bits, ARAND {before.arand:.3f} -> {after.arand:.3f}"
