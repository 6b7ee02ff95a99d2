"""The tools of proofreading as modes, and how the canvas shows which one is on."""

from dataclasses import dataclass
from enum import Enum
from textwrap import wrap
from typing import Any

from napari.components import ViewerModel

from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.proofread.keys import ANSWER_WORDS, KEYS

LETTER, FEWEST = 9, 14
"""Pixels that a letter of the lines over the canvas takes, and how many stand in a line at least."""


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
    Mode.MERGE: Look("Merge", "MERGE (Esc leaves)\nclick the neuron to keep, then those to merge into it", "pointing"),
    Mode.SPLIT: Look("Split", "SPLIT (Esc leaves)\nclick one side, Shift+click the other", "crosshair"),
    Mode.GROW: Look("Grow", "GROW (Esc leaves)\nCtrl+wheel over a neuron: up grows, down shrinks", "standard"),
    Mode.REVIEW: Look("Review", f"REVIEW (Esc leaves)\n{_ANSWERS}", "standard"),
}


DOUBT = "MERGE ANYWAY?\nEnter merges them, Esc leaves them apart"
"""Lines over the canvas while a person is asked about a merge."""


class Banner:
    """Lines over the canvas, as long as it is wide; the text that was there before comes back."""

    def __init__(self, viewer: ViewerModel):
        self._canvas, self._overlay = viewer.canvas, viewer.canvas.overlays.text
        self._words = ""
        self._before: dict[str, Any] | None = None

    def show(self, words: str) -> None:
        """Show some lines."""
        look = {"visible": True, "position": "top_center", "font_size": 10, "box": True}
        if self._before is None:
            self._before = {name: getattr(self._overlay, name) for name in ("text", *look)}
            self._canvas.events.size.connect(self._wrap)
        self._words = words
        self._wrap()
        self._put(look)

    def hide(self) -> None:
        """Put the text back that was there before."""
        if self._before is not None:
            self._canvas.events.size.disconnect(self._wrap)
            self._put(self._before)
            self._before = None

    @netted
    def _wrap(self, _event: object = None) -> None:
        """Break lines that are wider than the canvas."""
        letters = max(FEWEST, self._canvas.size[1] // LETTER - 2)
        lines = [part for line in self._words.split("\n") for part in wrap(line, letters)]
        self._put({"text": "\n".join(f" {line} " for line in lines)})  # napari's box is a little too narrow

    def _put(self, look: dict[str, Any]) -> None:
        for name, value in look.items():
            setattr(self._overlay, name, value)
