"""Surfaces as files: PLY, and OBJ, STL and GLB through trimesh (an optional extra)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.surfaces import Surface
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.extras import import_extra
from napari_emcad.io.sessions.ply import write_ply

MESHES = ("ply", "obj", "stl", "glb")
"""Formats of surfaces by name, which is the end of a path too."""


@dataclass(frozen=True)
class NamedSurface:
    """A surface as it goes into a file.

    Attributes
    ----------
    name : str
    surface : Surface
        Its vertices are written as x, y, z in nm.
    colour : (3,) uint8
        Red, green and blue.
    """

    name: str
    surface: Surface
    colour: NDArray[np.uint8]


def write_mesh(path: Path, surfaces: Sequence[NamedSurface], kind: str) -> Path:
    """Write surfaces into one file: as objects of their names in OBJ and GLB, all as one in PLY and STL.

    Colours are those of vertices in PLY and OBJ, and materials in GLB; STL has no place for them.

    Parameters
    ----------
    path : Path
    surfaces : sequence of NamedSurface
    kind : str
        One of `MESHES`.

    Raises
    ------
    UserError
        If the extra is missing, the disk is full, or the folder is missing or may not be written to.
    """
    if kind == "ply":
        return write_ply(path, _as_one([s.surface for s in surfaces]), _colours_of_vertices(surfaces))
    trimesh = import_trimesh(path)
    scene = trimesh.Scene()
    for named in surfaces:
        scene.add_geometry(_as_trimesh(trimesh, named, kind), node_name=named.name, geom_name=named.name)
    exported: bytes | str = scene.export(file_type=kind)
    content = exported.encode() if isinstance(exported, str) else exported
    with write_beside(path, lambda _: len(content)) as part:
        part.write_bytes(content)
    return path


def mesh_format(path: Path, name: str | None = None) -> str | None:
    """Return the format of surfaces, of this name or by the end of the path; None for a folder's name without an end.

    Raises
    ------
    UserError
        If the path has another end, or the extra is missing.
    """
    kind = name or path.suffix.lower().removeprefix(".") or None
    if kind not in (*MESHES, None):
        ends = ", ".join(f".{end}" for end in MESHES)
        raise UserError(f"{path}: a name that ends in {ends}, or a folder's without an end, is needed for surfaces.")
    if kind not in ("ply", None):
        import_trimesh(path)
    return kind


def is_mesh_file(path: Path) -> bool:
    """Return True if the end of a path is that of a file of surfaces: else it is a folder's."""
    return path.suffix.lower().removeprefix(".") in MESHES


def import_trimesh(path: Path) -> ModuleType:
    """Import trimesh.

    Raises
    ------
    UserError
        If it is not installed; `path` begins the sentence.
    """
    return import_extra("trimesh", f"{path}: surfaces in this format need", "meshes", ", or choose .ply")


def _as_trimesh(trimesh: ModuleType, named: NamedSurface, kind: str) -> Any:
    surface = named.surface
    made = trimesh.Trimesh(surface.vertices[:, ::-1], surface.faces, process=False)
    if kind == "glb":
        made.visual = trimesh.visual.TextureVisuals(material=_material(trimesh, named))
    elif kind == "obj":
        made.visual.vertex_colors = _colours_of_vertices([named])
    return made


def _material(trimesh: ModuleType, named: NamedSurface) -> Any:
    """Return a material without gloss; GLB has linear colours, where screens have those of sRGB."""
    colour = named.colour / 255
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return trimesh.visual.material.PBRMaterial(
        name=named.name, baseColorFactor=[*linear.tolist(), 1.0], metallicFactor=0.0, roughnessFactor=1.0
    )


def _colours_of_vertices(surfaces: Sequence[NamedSurface]) -> NDArray[np.uint8]:
    """Return the colour of each vertex of several surfaces, one after the other, (n, 3)."""
    colours = np.array([s.colour for s in surfaces], np.uint8).reshape(-1, 3)
    return np.repeat(colours, [len(s.surface.vertices) for s in surfaces], axis=0)


def _as_one(surfaces: list[Surface]) -> Surface:
    """Return several surfaces as one."""
    firsts = np.cumsum([0, *(len(s.vertices) for s in surfaces)])
    faces = [s.faces + np.int32(first) for s, first in zip(surfaces, firsts, strict=False)]
    vertices = [np.zeros((0, 3), np.float32), *(s.vertices for s in surfaces)]
    return Surface(np.concatenate(vertices), np.concatenate([np.zeros((0, 3), np.int32), *faces]))
