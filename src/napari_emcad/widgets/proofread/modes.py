"""The tools of proofreading as modes, and how the canvas shows which one is on."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from napari_emcad.widgets.proofread.keys import ANSWER_WORDS, KEYS


@dataclass(frozen=True)
class Look:
    """What a mode shows: the word on its button, the line over the canvas and the cursor."""

    word: str
    banner: str
    cursor: str


class Mode(Enum):
    """One tool; the value is the name of its key."""

    SELECT = "select"
    MERGE = "merge"
    SPLIT = "split"
    GROW = "grow"
    REVIEW = "review"

    @property
    def look(self) -> Look:
        return LOOKS[self]


_ANSWERS = ", ".join(f"{KEYS[name].label} {words}" for name, words in ANSWER_WORDS.items())

LOOKS = {
    Mode.SELECT: Look("Select", "", "standard"),
    Mode.MERGE: Look("Merge", "MERGE (Esc leaves)\nclick the neuron to keep, then those to add", "pointing"),
    Mode.SPLIT: Look("Split", "SPLIT (Esc leaves)\nclick one side, Shift+click the other", "crosshair"),
    Mode.GROW: Look("Grow", "GROW (Esc leaves)\nCtrl+wheel over a neuron: up joins, down parts", "standard"),
    Mode.REVIEW: Look("Review", f"REVIEW (Esc leaves)\n{_ANSWERS}", "standard"),
}


class Banner:
    """A line over the canvas; what was there before comes back."""

    def __init__(self, viewer):
        self._overlay = viewer.canvas.overlays.text
        self._before: dict[str, Any] | None = None

    def show(self, words: str) -> None:
        """Show some lines."""
        roomy = "\n".join(f" {line} " for line in words.split("\n"))  # napari's box is a little too narrow
        look = {"text": roomy, "visible": True, "position": "top_center", "font_size": 10, "box": True}
        if self._before is None:
            self._before = {name: getattr(self._overlay, name) for name in look}
        self._put(look)

    def hide(self) -> None:
        """Put back what was there."""
        if self._before is not None:
            self._put(self._before)
            self._before = None

    def _put(self, look: dict[str, Any]) -> None:
        for name, value in look.items():
            setattr(self._overlay, name, value)
