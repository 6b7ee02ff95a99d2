"""The tools of proofreading as modes, and how the canvas shows which one is on."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from napari.components import ViewerModel

from napari_emcad.widgets.proofread.keys import ANSWER_WORDS, KEYS


@dataclass(frozen=True)
class Look:
    """The word on the button of a mode, its lines over the canvas, and its cursor."""

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
        """The mode as it is shown."""
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
    """Lines over the canvas; the text that was there before comes back."""

    def __init__(self, viewer: ViewerModel):
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
        """Put the text back that was there before."""
        if self._before is not None:
            self._put(self._before)
            self._before = None

    def _put(self, look: dict[str, Any]) -> None:
        for name, value in look.items():
            setattr(self._overlay, name, value)
