"""Surfaces as files: PLY, and OBJ, STL and GLB through trimesh (an optional extra)."""

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.surfaces import Surface
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.extras import import_extra
from napari_emcad.io.sessions.ply import write_ply

MESHES = ("ply", "obj", "stl", "glb")
"""Formats of surfaces by name, which is the end of a path too."""


def write_mesh(path: Path, surfaces: Iterable[tuple[str, Surface]], kind: str) -> Path:
    """Write named surfaces into one file: as objects of their names in OBJ and GLB, all as one in PLY and STL.

    Parameters
    ----------
    path : Path
    surfaces : iterable of (str, Surface)
        Their vertices are written as x, y, z in nm.
    kind : str
        One of `MESHES`.

    Raises
    ------
    UserError
        If the extra is missing, the disk is full, or the folder is missing or may not be written to.
    """
    named = dict(surfaces)
    if kind == "ply":
        return write_ply(path, _as_one(list(named.values())))
    trimesh = import_trimesh(path)
    scene = trimesh.Scene()
    for name, surface in named.items():
        scene.add_geometry(_as_trimesh(trimesh, surface), node_name=name, geom_name=name)
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


def _as_trimesh(trimesh: ModuleType, surface: Surface) -> Any:
    return trimesh.Trimesh(surface.vertices[:, ::-1], surface.faces, process=False)


def _as_one(surfaces: list[Surface]) -> Surface:
    """Return several surfaces as one."""
    firsts = np.cumsum([0, *(len(s.vertices) for s in surfaces)])
    faces = [s.faces + np.int32(first) for s, first in zip(surfaces, firsts, strict=False)]
    vertices = [np.zeros((0, 3), np.float32), *(s.vertices for s in surfaces)]
    return Surface(np.concatenate(vertices), np.concatenate([np.zeros((0, 3), np.int32), *faces]))
