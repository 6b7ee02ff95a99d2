"""Stages of a session that is made by blocks, and what a press of the button does at each."""

from enum import Enum
from pathlib import Path

from napari_emcad.io.regular_files import is_there
from napari_emcad.io.sessions.file_names import FACTS_FILE, RUN_FILE


class Stage(Enum):
    """A stage of a session; its value is the word on the button that goes on from there."""

    NEW = "Start"
    UNFINISHED = "Resume"
    UNDER_WAY = "Stop"
    FINISHED = "Open"


TIPS = {
    Stage.NEW: "Segment the region with the model and device above, into the session.",
    Stage.UNFINISHED: "Go on with the session as it was begun, whatever is chosen above.",
    Stage.UNDER_WAY: "Stop at once; finished blocks are kept.",
    Stage.FINISHED: "Proofread the session.",
}
"""A sentence for each stage: what the button does."""


def stage_of(folder: Path | None) -> Stage:
    """Return the stage of a folder as its files tell it; UNDER_WAY is known only to the program that is at it."""
    if folder is not None and is_there(folder / FACTS_FILE):
        return Stage.FINISHED
    return Stage.UNFINISHED if folder is not None and is_there(folder / RUN_FILE) else Stage.NEW
