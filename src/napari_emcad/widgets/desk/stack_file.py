"""Sentences on the file of a stack that is not as it was."""

from napari.layers import Layer

from napari_emcad.core.errors import UserError
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.stacks.changes import change_since, is_another
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.desk.session_stack import STAND_IN
from napari_emcad.widgets.kit.layers import origin_of, volume_of


def change_note(layer: Layer) -> str:
    """Return what has happened to a stack's file since it was opened, to stand before another sentence, or nothing.

    The voxels that are shown and segmented are those that were read then.
    """
    origin, fingerprint = origin_of(layer), layer.metadata.get("fingerprint")
    if origin["source"] is None or not fingerprint:
        return ""
    change = change_since(origin["source"], origin["dataset"], str(fingerprint))
    name = parse_location(origin["source"]).name
    return f"{name} {change}: these neurons may be those of its old voxels. " if change else ""


def session_note(result: Result, facts: SessionFacts) -> str:
    """Return words behind another sentence if the stack that opens with a session is not the one it was made on."""
    if STAND_IN in result.source.metadata:
        return ""
    try:
        changed = is_another(volume_of(result.source), facts.fingerprint)
    except (UserError, OSError):
        return ""  # napari says it, once it draws the stack
    return f"; {parse_location(facts.source).name} has been written to since its neurons were made" if changed else ""
