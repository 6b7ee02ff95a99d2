"""The voxel size of a session, set afterwards: labels stay as they are, exports and other programs see the new one."""

from pathlib import Path

import zarr

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.read_errors import READ_ERRORS
from napari_emcad.io.sessions.facts import SessionFacts, read_facts, write_facts
from napari_emcad.io.sessions.file_names import AFFINITIES, FRAGMENTS, LEVELS
from napari_emcad.io.sessions.lock import SessionLock
from napari_emcad.io.stacks.stack import GIVEN


def set_voxel_size(folder: Path, size: VoxelSize) -> None:
    """Give a session another voxel size, in nm, which nobody has open.

    Raises
    ------
    UserError
        If it is no session, somebody edits it, or it cannot be written to.
    """
    read_facts(folder)
    lock = SessionLock(folder)
    try:
        if lock.why_not:
            raise UserError(lock.why_not)
        write_voxel_size(folder, size)
    finally:
        lock.release()


def write_voxel_size(folder: Path, size: VoxelSize) -> None:
    """Write the voxel size, in nm, of a session that this program may write to.

    Raises
    ------
    UserError
        If it cannot be written.
    """
    write_facts(folder, with_voxel_size(read_facts(folder), size))
    arrays = [(folder / FRAGMENTS, 1), (folder / AFFINITIES, 1)]
    arrays += [(level, int(level.stem)) for level in (folder / LEVELS).glob("*.zarr")]
    for path, step in arrays:
        if path.exists():
            _state(path, VoxelSize(size.z, step * size.y, step * size.x))


def with_voxel_size(facts: SessionFacts, size: VoxelSize | None) -> SessionFacts:
    """Return facts with a voxel size that a person gave, in nm; None leaves them as they are."""
    if size is None:
        return facts
    return facts.model_copy(update={"voxel_size_nm": tuple(size), "voxel_size_source": GIVEN})


def _state(array: Path, size: VoxelSize) -> None:
    """State the voxel size in the attributes of an array, for programs that open it by itself."""
    try:
        zarr.open_array(array, mode="r+").attrs["voxel_size_nm"] = list(size)
    except READ_ERRORS as error:
        raise UserError(f"{array}: its voxel size cannot be written ({error}); copy the session first.") from error
