"""The keys of proofreading: the one table from which bindings, buttons and tooltips are made.

Letters are those that napari leaves free on Labels and on the viewer. Points and Shapes layers use some of them and
keep them; keys that Labels use, too, are bound on the active layer as well, or they would never arrive.
"""

import sys
from dataclasses import dataclass

from napari_emcad.proofreading.review.questions import Answer


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes
    ----------
    press : str
        The key as napari writes it.
    words : str
        The effect of the key.
    is_contested : bool
        True if napari's layers use it, too.
    """

    press: str
    words: str
    is_contested: bool = False

    @property
    def label(self) -> str:
        """The key as it is printed on keyboards."""
        control = "Cmd" if sys.platform == "darwin" else "Ctrl"
        return self.press.replace("Control", control).replace("Escape", "Esc").replace("-", "+")


KEYS = {
    "select": Key("S", "click neurons to select them"),
    "merge": Key("A", "merge neurons into one that is kept"),
    "split": Key("D", "split a neuron between two sides"),
    "grow": Key("G", "grow or shrink one neuron along the merge tree with Ctrl+wheel"),
    "review": Key("R", "answer questions about the likeliest errors"),
    "done": Key("T", "tick the selected neuron as done, or take the tick off"),
    "hide_done": Key("H", "hide or show neurons that are done"),
    "detach": Key("Q", "detach the fragment under the cursor from its neuron"),
    "centre": Key("C", "go to the selected neuron, or to the question"),
    "mark": Key("O", "mark the place under the cursor as to do"),
    "next_mark": Key("I", "go to the next place to do"),
    "next_end": Key("E", "go to the next place where a neuron ends or looks wrong", is_contested=True),
    "last_end": Key("Shift-E", "go to the place before"),
    "seen": Key("X", "mark the end as seen, and go to the next one", is_contested=True),
    "panes": Key("W", "show xy, xz, yz and 3D side by side, or one canvas"),
    "undo": Key("Control-Z", "undo the last edit", is_contested=True),
    "redo": Key("Control-Shift-Z", "redo the edit undone last", is_contested=True),
    "leave": Key("Escape", "leave the tool, or the merge that is asked about", is_contested=True),
    "apply": Key("Enter", "make the split that is shown, or the merge that is asked about", is_contested=True),
    "next": Key("Tab", "show the next way to split"),
    "back": Key("Backspace", "remove the last point", is_contested=True),
    "join": Key("J", "they are one neuron"),
    "apart": Key("K", "they are two neurons"),
    "later": Key("N", "ask again later"),
    "unknown": Key("U", "nobody can tell: do not ask again"),
}

PAINT = ("1", "2", "3", "4")
"""napari's own keys of eraser, brush, polygon and bucket, which the neurons layer answers with a sentence."""

ANSWER_WORDS: dict[Answer, str] = {
    "join": "one neuron",
    "apart": "two neurons",
    "later": "later",
    "unknown": "don't know",
}
"""The words of each answer of the review; its name is that of its key."""
