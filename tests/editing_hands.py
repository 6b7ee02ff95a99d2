"""A session that is edited without a window: the editor, its keys and its mouse, over a viewer's model."""

from types import SimpleNamespace

import numpy as np
from by_hand import HandLoop
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks
from napari.utils.key_bindings import KeymapHandler
from proofreading_hands import column

from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.picking import Click
from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread.proofreader import Proofreader


class Editing:
    """A proofreader on a desk, and a hand that clicks and presses while a session is on.

    It is looked at as a window is: `viewer`, `desk`, `result` and `message` are there under the same names.
    """

    def __init__(self, desk: Desk, loop: HandLoop, proofreader: Proofreader):
        self.desk, self.loop, self.viewer, self.proofreader = desk, loop, desk.viewer, proofreader

    @property
    def editor(self):
        return self.proofreader.editor

    @property
    def at(self):
        return self.editor.at

    @property
    def session(self):
        return self.editor.at.session

    @property
    def result(self):
        return self.desk.results.current

    @property
    def message(self) -> str:
        return self.desk.message.text

    @property
    def rows(self) -> list[str]:
        """The kinds of the edits in the log."""
        return [row.kind for row in self.session.log.rows]

    def said(self, words: str) -> bool:
        """True if the dock says it, as an error."""
        assert self.desk.message.kind == "error", self.message
        return words in self.message

    def enter(self, mode: Mode) -> None:
        self.editor.enter(mode)

    def click(self, fragment: int, shift: bool = False) -> None:
        """A click on the middle of a column."""
        self.editor.click(Click(column(fragment), shift))

    def press(self, key: str) -> None:
        """A key, as napari hands it out: first to the active layer, then to the viewer."""
        keys = KeymapHandler()
        active = self.viewer.layers.selection.active
        keys.keymap_providers = [*([active] if active is not None else []), self.viewer]
        keys.press_key(key)

    def point_at(self, voxel) -> None:
        """Put the cursor over a voxel."""
        self.viewer.cursor.position = tuple(self.result.neuron_layer.data_to_world(voxel))

    def look_from(self, position, direction) -> None:
        """Click in 3D, from a position of the world in a direction."""
        event = SimpleNamespace(
            type="mouse_press",
            button=1,
            pos=(300, 200),
            position=tuple(position),
            view_direction=np.array(direction, float),
            dims_displayed=[0, 1, 2],
            modifiers=(),
        )
        mouse_press_callbacks(self.viewer, event)
        event.type = "mouse_release"
        mouse_release_callbacks(self.viewer, event)
