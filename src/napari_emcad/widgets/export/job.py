"""The job behind Export: neurons as labels, affinities as Zarr. No Qt."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.progress import Job, Progress, Stopwatch
from napari_emcad.io.affinities import new_affinities
from napari_emcad.io.labels.formats import write_label_volume
from napari_emcad.io.labels.label_volume import LabelVolume
from napari_emcad.io.sessions import export as session_export
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.widgets.kit.part import part_of


@dataclass(frozen=True)
class Export:
    """What to write where.

    Attributes
    ----------
    path : Path
        Of the labels.
    ending : str
        Their format, one of `FORMATS`.
    labels : array-like (z, y, x) of whole numbers
        Read by slices.
    largest : int or None
        Of the labels; None = it is looked for.
    box : Box
        Of the labels.
    start : (z, y, x)
        Of the box in the stack.
    voxel_size : VoxelSize or None
    provenance : mapping
    source : (path, dataset) or None
        The stack's file, whose fingerprint goes into the provenance.
    affinities : (3, z, y, x) uint8 or None
        Written beside the labels where given.
    """

    path: Path
    ending: str
    labels: Any
    largest: int | None
    box: Box
    start: tuple[int, int, int]
    voxel_size: VoxelSize | None
    provenance: Mapping[str, Any]
    source: tuple[str, str | None] | None = None
    affinities: NDArray[np.uint8] | None = None


def exporting(export: Export) -> Job[list[Path]]:
    """Write block by block; nothing big is copied, and a stopped job leaves nothing behind."""
    provenance = {**export.provenance, "fingerprint": _fingerprint(export.source)}
    written = []
    if export.affinities is not None:
        written.append((yield from _writing_affinities(export, provenance)))
    labels = part_of(export.labels, export.box)
    volume = LabelVolume(labels, export.voxel_size, provenance, export.start, export.largest)
    written.insert(0, (yield from write_label_volume(export.path, volume, export.ending)))
    return written


def exporting_from(folder: Path, what: str, path: Path) -> Job[list[Path]]:
    """Write what a session on disk holds, one of `EXPORTS`; every edit is there already."""
    yield Progress("reading the session", 0, 1)
    with open_session(folder, to_read=True) as opened:
        return [(yield from session_export.export_session(what, path, opened))]


def affinities_path(path: Path) -> Path:
    """Where the affinities go: NAME_affinities.zarr beside NAME.tif."""
    return path.with_name(f"{path.stem}_affinities.zarr")


def _writing_affinities(export: Export, provenance: Mapping[str, Any]) -> Job[Path]:
    path, depth = affinities_path(export.path), export.box.shape[0]
    watch = Stopwatch("affinities to disk", depth)
    first, *plane = export.box.slices
    with new_affinities(path, export.box.shape, export.voxel_size, provenance) as out:
        for z in range(depth):
            out[:, z] = export.affinities[(slice(None), first.start + z, *plane)]
            yield watch.at(z + 1)
    return path


def _fingerprint(source: tuple[str, str | None] | None) -> str | None:
    """None where the stack came from no file that is still there."""
    if source is None:
        return None
    try:
        with open_stack(*source) as volume:
            return volume.fingerprint
    except UserError:
        return None
