"""Saving a labels layer of the viewer as TIFF, with its voxel size."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.volume import Volume
from napari_emcad.io.labels.tiff import write_labels
from napari_emcad.io.metadata.lengths import voxel_size_in_nm


def write_labels_layer(path: str, data: Volume, meta: Mapping[str, Any]) -> list[str]:
    """Write one labels layer (z, y, x) as TIFF, and return its path.

    The voxel size is the layer's scale if its units are lengths, else what its metadata holds; in pixels it is
    unknown. The provenance is `metadata["provenance"]`, with the layer's name and source.

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
    return [str(write_labels(target, data, _voxel_size(meta, metadata), provenance))]


def _voxel_size(meta: Mapping[str, Any], metadata: Mapping[str, Any]) -> VoxelSize | None:
    units = meta.get("units")
    of_layer = voxel_size_in_nm(meta.get("scale", ()), [units] * 3 if isinstance(units, str) else units or ())
    return of_layer or voxel_size_in_nm(metadata.get("voxel_size_nm") or (), ["nm"] * 3)
