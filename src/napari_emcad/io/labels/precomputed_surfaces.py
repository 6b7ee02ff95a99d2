"""Surfaces and sizes of labels beside a neuroglancer precomputed segmentation.

Surfaces are in the single-resolution form: a manifest ID:0 and a file ID for each. Windows allows no colon in a file's
name; there they are left out. Source: neuroglancer, src/datasource/precomputed/meshes.md and segment_properties.md.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.surfaces import Surface
from napari_emcad.io.json_text import read_json
from napari_emcad.io.labels.label_surfaces import LabelSurfaces, find_labels
from napari_emcad.io.labels.label_volume import LabelVolume
from napari_emcad.io.metadata.precomputed import INFO

MESHES, PROPERTIES = "mesh", "segment_properties"
"""Names of the folders, and of the keys in `info` that name them."""

_NM3_IN_UM3 = 1e9


def can_name_surfaces() -> bool:
    """Return True if file names on this system may have a colon."""
    return os.name != "nt"


def write_surfaces(folder: Path, volume: LabelVolume, size: VoxelSize) -> Job[None]:
    """Write the surfaces of all labels, and their sizes in cubic micrometres, into the folder of a volume with `info`.

    Yields
    ------
    Progress
        Stages of `find_labels`, then "surfaces", in labels.
    """
    found = yield from find_labels(volume)
    meshes = folder / MESHES
    meshes.mkdir()
    _write_json(meshes / INFO, {"@type": "neuroglancer_legacy_mesh"})
    watch = Stopwatch("surfaces", len(found.ids))
    for done, (label, surface) in enumerate(zip(found.ids.tolist(), found.surfaces(size), strict=True), 1):
        (meshes / str(label)).write_bytes(surface_bytes(surface))
        _write_json(meshes / f"{label}:0", {"fragments": [str(label)]})
        yield watch.at(done)
    (folder / PROPERTIES).mkdir()
    _write_json(folder / PROPERTIES / INFO, _properties(found, size))
    info = read_json(folder / INFO)
    _write_json(folder / INFO, {**info, MESHES: MESHES, PROPERTIES: PROPERTIES})


def surface_bytes(surface: Surface) -> bytes:
    """Return a surface as neuroglancer reads it: the number of vertices, these as x, y, z in nm, and the faces."""
    vertices: NDArray[np.float32] = surface.vertices[:, ::-1]
    parts = (np.uint32(len(vertices)), vertices.astype("<f4"), surface.faces.astype("<u4"))
    return b"".join(part.tobytes() for part in parts)


def _properties(found: LabelSurfaces, size: VoxelSize) -> dict[str, Any]:
    volumes = found.voxels * float(np.prod(size)) / _NM3_IN_UM3
    one = {"id": "volume_um3", "type": "number", "data_type": "float32", "description": "cubic micrometres"}
    inline = {"ids": [str(n) for n in found.ids], "properties": [{**one, "values": volumes.tolist()}]}
    return {"@type": "neuroglancer_segment_properties", "inline": inline}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), "utf-8")
