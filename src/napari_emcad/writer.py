"""Saving a labels layer of the viewer as TIFF, with its voxel size and place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize, triple
from napari_emcad.core.progress import drive
from napari_emcad.core.volume import Volume
from napari_emcad.io.labels.label_volume import LabelVolume
from napari_emcad.io.labels.tiff import write_tiff
from napari_emcad.io.metadata.lengths import Point, voxel_size_in_nm


def write_labels_layer(path: str, data: Volume, meta: Mapping[str, Any]) -> list[str]:
    """Write one labels layer (z, y, x) as TIFF, and return its path.

    The voxel size is the layer's scale if its units are lengths, else what its metadata holds; in pixels it is
    unknown. The place is the layer's `translate`; without a voxel size it is kept as the box of the provenance. The
    provenance is `metadata["provenance"]`, with the layer's name and source.

    Parameters
    ----------
    path : str
        NAME.tif.
    data : Volume (z, y, x)
    meta : mapping
        The attributes of the layer, as napari gives them to writers.

    Raises
    ------
    UserError
        If the name is not that of a TIFF, or the layer is no stack, or the file cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() not in (".tif", ".tiff"):
        raise UserError(f"{target}: labels are saved as TIFF; choose a name that ends in .tif.")
    metadata = meta.get("metadata") or {}
    origin = {"layer": meta.get("name"), "source": metadata.get("source")}
    provenance = origin | dict(metadata.get("provenance") or {})
    size, start = _voxel_size(meta, metadata), _start(meta)
    first = triple(round(n) for n in start)
    if size is None and any(first):
        provenance["box"] = [list(first), [a + n for a, n in zip(first, data.shape, strict=True)]]
    place = (start[0] * size.z, start[1] * size.y, start[2] * size.x) if size and start != first else None
    return [str(drive(write_tiff(target, LabelVolume(data, size, provenance, first, place_nm=place))))]


def _start(meta: Mapping[str, Any]) -> Point:
    """Return the place of a layer's first voxel in voxels (z, y, x), to a millionth."""
    scale, translate = meta.get("scale"), meta.get("translate")
    if scale is None or translate is None or len(scale) != 3 or len(translate) != 3:
        return (0.0, 0.0, 0.0)
    z, y, x = (round(float(a) / float(n), 6) for a, n in zip(translate, scale, strict=True))
    return z, y, x


def _voxel_size(meta: Mapping[str, Any], metadata: Mapping[str, Any]) -> VoxelSize | None:
    units = meta.get("units")
    of_layer = voxel_size_in_nm(meta.get("scale", ()), [units] * 3 if isinstance(units, str) else units or ())
    return of_layer or voxel_size_in_nm(metadata.get("voxel_size_nm") or (), ["nm"] * 3)
