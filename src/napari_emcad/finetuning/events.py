"""Events of a training run: what is told while it goes on, and noted in its folder, one JSON object a line."""

from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeGuard

if TYPE_CHECKING:  # it brings torch, which takes seconds
    from napari_emcad.training.loop import Step


class StageEvent(TypedDict):
    """Something that takes a while has begun."""

    event: Literal["stage"]
    text: str


class StartedEvent(TypedDict):
    """The networks are loaded; `step` counts those of before, if the run was stopped or killed."""

    event: Literal["started"]
    device: str
    losses: list[str]
    train_voxels: int
    held_out_voxels: int
    step: int


class StepEvent(TypedDict):
    """One step is done; `done` is the share of the budget, 0 to 1, and `parts` has each loss without its weight."""

    event: Literal["step"]
    step: int
    done: float
    seconds: float
    learning_rate: float
    loss: float
    parts: dict[str, float]


class ScoreEvent(TypedDict):
    """The network of a step is scored on the held-out crops, VOI in bits; `model` is its file if it is the best so far.

    Step 0 is before training.
    """

    event: Literal["score"]
    step: int
    seconds: float
    voi: float
    voi_split: float
    voi_merge: float
    arand: float
    threshold: float
    best: bool
    model: str | None


class FinishedEvent(TypedDict):
    """The run has ended well; `model` is the file of the best network, None if no step has helped."""

    event: Literal["finished"]
    why: Literal["budget", "stopped"]
    steps: int
    seconds: float
    before: ScoreEvent | None
    after: ScoreEvent | None
    model: str | None


class FailedEvent(TypedDict):
    """The run has ended with a sentence."""

    event: Literal["failed"]
    sentence: str


Event = StageEvent | StartedEvent | StepEvent | ScoreEvent | FinishedEvent | FailedEvent

_NUMBER, _FILE = (int, float), (str, NoneType)
_NEEDED: dict[str, dict[str, type | tuple[type, ...]]] = {
    "stage": {"text": str},
    "started": {"device": str},
    "step": {"step": int, "done": _NUMBER, "seconds": _NUMBER, "parts": dict},
    "score": {"step": int, "voi": _NUMBER, "arand": _NUMBER, "model": _FILE},
    "finished": {"model": _FILE},
    "failed": {"sentence": str},
}
"""Entries that each event has had in all versions, and their types."""

_LARGEST, _LONGEST = 1e15, 10_000
"""Numbers, and letters of texts, that events tell at most."""


def is_event(found: Any) -> TypeGuard[Event]:
    """Return True for an event of a kind that is known, with what it needs, in numbers and texts that can be shown."""
    needed = _NEEDED.get(str(found.get("event"))) if isinstance(found, dict) else None
    if needed is None or not all(isinstance(found.get(name, ...), kind) for name, kind in needed.items()):
        return False
    return all(map(_can_be_shown, found.values()))


def _can_be_shown(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_can_be_shown, value.values()))
    if isinstance(value, int | float):
        return abs(value) <= _LARGEST
    return not isinstance(value, str) or len(value) <= _LONGEST


def step_event(step: "Step") -> StepEvent:
    """Return the event of a step."""
    return {
        "event": "step",
        "step": step.step,
        "done": step.done,
        "seconds": step.seconds,
        "learning_rate": step.learning_rate,
        "loss": step.loss,
        "parts": step.parts,
    }
