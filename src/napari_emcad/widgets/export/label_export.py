"""Labels, and affinities beside them, with all that a file has to say of them; no Qt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Voxel, VoxelSize
from napari_emcad.core.palettes import LabelColours
from napari_emcad.core.volume import AffinityVolume, Volume
from napari_emcad.widgets.desk.region import Region
from napari_emcad.widgets.export.export_request import WHOLE, ExportRequest
from napari_emcad.widgets.export.exportable import Exportable, choose_labels
from napari_emcad.widgets.export.file_formats import TIFF, format_of
from napari_emcad.widgets.kit.layer_boxes import box_of_shapes
from napari_emcad.widgets.kit.layers import origin_of, voxel_size_of


@dataclass(frozen=True)
class LabelExport:
    """Labels that are to be written.

    Attributes
    ----------
    format : str or None
        One of `io.labels.formats.FORMATS`.
    labels : Volume (z, y, x) of whole numbers
        Read by slices; 0 = none.
    largest : int or None
        The largest label; None = it is looked for.
    box : Box
        The part of the labels that is written.
    start : (z, y, x)
        The first voxel of the box in the stack.
    voxel_size : VoxelSize or None
        In nm.
    provenance : mapping
    source : (path, dataset) or None
        The stack's file, whose fingerprint goes into the provenance.
    affinities : AffinityVolume (3, z, y, x) uint8 or None
        Written beside the labels if given.
    colours : LabelColours or None
        As the screen shows them; None if napari chose them.
    """

    format: str | None
    labels: Volume
    largest: int | None
    box: Box
    start: Voxel
    voxel_size: VoxelSize | None
    provenance: Mapping[str, Any]
    source: tuple[str, str | None] | None = None
    affinities: AffinityVolume | None = None
    colours: LabelColours | None = None


def resolve_export(shown: Exportable, request: ExportRequest, region: Region) -> LabelExport:
    """Return what is to be written for a request.

    Raises
    ------
    UserError
        If what is asked for is not there.
    """
    if shown.affinities is None and request.wants_affinities:
        raise UserError(f'export: these {shown.noun}s have no affinities; choose "{TIFF}" under Format.')
    box = Box.whole(shown.box.shape) if request.part == WHOLE else _drawn_box(shown, region)
    place, origin, chosen = box.moved(shown.box.start), origin_of(shown.source), choose_labels(shown, request.which)
    return LabelExport(
        format=format_of(request.format).name,
        labels=chosen.labels,
        largest=chosen.largest,
        box=box,
        start=place.start,
        voxel_size=voxel_size_of(shown.source),
        provenance={**shown.provenance(), "box": [place.start, place.stop], "neurons": request.which},
        source=(origin["source"], origin["dataset"]) if origin["source"] else None,
        affinities=shown.affinities if request.wants_affinities else None,
        colours=shown.colours,
    )


def _drawn_box(shown: Exportable, region: Region) -> Box:
    """Return the part of what is shown that lies in the drawn box, in its own voxels."""
    if region.shapes.layer is None:
        raise UserError('export: there is no box layer; press "Draw" under Region, or export everything.')
    box = box_of_shapes(region.shapes.layer, shown.source, region.sections)
    inside = box.within(shown.box).clipped(shown.box.shape)
    if min(inside.shape) < 1:
        raise UserError("export: the box lies outside what has been segmented; draw it inside.")
    return inside
