"""The jobs behind Export: neurons as labels, affinities as Zarr, and what a session on disk holds; no Qt."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_emcad.core.choices import Export
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.palettes import LabelColours
from napari_emcad.core.progress import Job, Progress, Stopwatch
from napari_emcad.core.volume import AffinityVolume, Volume
from napari_emcad.io.affinities import new_affinities
from napari_emcad.io.labels.formats import write_label_volume
from napari_emcad.io.labels.label_volume import LabelPieces, LabelVolume
from napari_emcad.io.sessions.export import export_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.widgets.export.label_export import LabelExport
from napari_emcad.widgets.kit.array_part import part_of
from napari_emcad.widgets.kit.labels_view import FragmentLabels


def labels_job(path: Path, export: LabelExport) -> Job[list[Path]]:
    """Write labels block by block; nothing big is copied, and a stopped job leaves nothing behind.

    Returns
    -------
    list of Path
        The labels, and the affinities if they were asked for.
    """
    provenance = {**export.provenance, "fingerprint": _fingerprint(export.source)}
    beside = []
    if export.affinities is not None:
        target = affinities_path(path)
        yield from _write_affinities(target, export, export.affinities, provenance)
        beside.append(target)
    labels = part_of(export.labels, export.box)
    volume = LabelVolume(
        labels, export.voxel_size, provenance, export.start, export.largest, _pieces_of(export.labels, export.box)
    )
    if (colours := export.colours) is not None:
        volume = replace(volume, colours=lambda: colours)
    return [(yield from write_label_volume(path, volume, export.format)), *beside]


def _pieces_of(labels: Volume, box: Box) -> LabelPieces | None:
    """Return the fragments that a part of labels is made of; None if they are no fragments under a table."""
    if not isinstance(labels, FragmentLabels):
        return None
    return LabelPieces(part_of(labels.fragments, box), labels.table)


def session_job(
    path: Path, folder: Path, what: Export, name: str | None, colours: LabelColours | str
) -> Job[list[Path]]:
    """Write something that a session on disk holds; every edit is there already."""
    yield Progress("reading the session", 0, 1)
    with open_session(folder, to_read=True) as opened:
        return [(yield from export_session(what, path, opened, name=name, colours=colours))]


def affinities_path(path: Path) -> Path:
    """Return the place of affinities: NAME_affinities.zarr beside NAME.tif."""
    return path.with_name(f"{path.stem}_affinities.zarr")


def _write_affinities(
    path: Path, export: LabelExport, affinities: AffinityVolume, provenance: Mapping[str, Any]
) -> Job[None]:
    shape = export.box.shape
    watch = Stopwatch("affinities to disk", shape[0])
    first, *plane = export.box.slices
    with new_affinities(path, shape, export.voxel_size, provenance, export.box.start) as out:
        for z in range(shape[0]):
            out[:, z] = affinities[(slice(None), first.start + z, *plane)]
            yield watch.at(z + 1)


def _fingerprint(source: tuple[str, str | None] | None) -> str | None:
    """Return the fingerprint of a stack's file; None if the stack came from no file that is still there."""
    if source is None:
        return None
    try:
        with open_stack(*source) as volume:
            return volume.fingerprint
    except UserError:
        return None
