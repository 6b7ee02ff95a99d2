"""The voxel size that a session keeps: that of its stack, whenever a person changes it."""

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.wording import voxel_size_text
from napari_emcad.io.sessions.voxel_size import write_voxel_size
from napari_emcad.widgets.desk.message import Message
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.desk.stack import StackPick
from napari_emcad.widgets.kit.layers import voxel_size_of


class SessionSize:
    """Writes another voxel size of the stack into the session on screen."""

    def __init__(self, stack: StackPick, message: Message):
        self._stack, self._message = stack, message
        self._current: Proofreading | None = None
        self._size: VoxelSize | None = None
        stack.changed.connect(self._on_stack)

    def follow(self, current: Proofreading | None) -> None:
        """Look after another session, which has the size of its stack; None = after none."""
        self._current = current
        self._size = voxel_size_of(current.result.source) if current else None

    def close(self) -> None:
        """Hear of nothing any more."""
        self._stack.changed.disconnect(self._on_stack)

    def _on_stack(self) -> None:
        current = self._current
        size = voxel_size_of(current.result.source) if current else None
        if current is None or size is None or size == self._size or current.opened.why_read_only:
            return
        self._size = size
        try:
            write_voxel_size(current.opened.folder, size)
        except UserError as error:
            self._message.error(error)
        else:
            self._message.result(f"{voxel_size_text(size)} is kept in {current.opened.folder}")
