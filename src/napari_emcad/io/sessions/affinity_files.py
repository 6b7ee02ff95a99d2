"""Affinities kept in a session."""

from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, VoxelSize
from napari_emcad.core.volume import AffinityVolume
from napari_emcad.io.affinities import new_affinities, open_affinities
from napari_emcad.io.sessions.file_names import AFFINITIES


def write_affinities(folder: Path, affinities: AffinityVolume, voxel_size: VoxelSize | None) -> None:
    """Copy affinities, (3, z, y, x) uint8 and read by sections, into a folder."""
    with new_affinities(folder / AFFINITIES, affinities.shape[1:], voxel_size, {}) as array:
        for z in range(affinities.shape[1]):
            array[:, z] = affinities[:, z]


def read_affinities(folder: Path, shape: Shape) -> AffinityVolume | None:
    """Open the affinities in a folder, not read yet; None if there are none.

    Raises
    ------
    UserError
        If they are damaged or do not fit fragments of this shape (z, y, x).
    """
    if not (folder / AFFINITIES).exists():
        return None
    values = open_affinities(folder / AFFINITIES).values
    if values.shape[1:] != shape:
        raise UserError(
            f"{folder / AFFINITIES}: affinities of the fragments' shape {shape} are needed, got {values.shape[1:]}; "
            "copy the session again from where it is whole."
        )
    return values
