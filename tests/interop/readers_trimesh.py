"""trimesh on surfaces: objects by name where the format has them, boxes in nm, and volumes."""

from pathlib import Path

import trimesh
from readers_kit import Shell, Truth, Wrong, main


def one(path: Path, truth: Truth) -> str:
    mesh = _checked(trimesh.load(path, process=False))
    return truth.check_one_shell("session", Shell(mesh.vertices, mesh.faces), mesh.body_count)


def soup(path: Path, truth: Truth) -> str:
    """Bodies that touch are one in a format without shared vertices."""
    mesh = trimesh.load(path)
    return truth.check_one_shell("session", Shell(mesh.vertices, mesh.faces))


def named(path: Path, truth: Truth) -> str:
    scene = trimesh.load(path, force="scene", split_objects=True)
    found = {}
    for node in scene.graph.nodes_geometry:
        transform, geometry = scene.graph[node]
        found[int(geometry)] = scene.geometry[geometry].copy().apply_transform(transform)
    return truth.check_shells("session", {n: Shell(m.vertices, _checked(m).faces) for n, m in found.items()})


def folder(path: Path, truth: Truth) -> str:
    found = {int(file.stem): _checked(trimesh.load(file)) for file in path.glob("*.ply")}
    return truth.check_shells("session", {n: Shell(m.vertices, m.faces) for n, m in found.items()})


def _checked(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    if not mesh.is_watertight:
        raise Wrong("a surface is not closed")
    return mesh


main("trimesh", {"PLY": one, "PLY, folder": folder, "OBJ": named, "STL": soup, "GLB": named})
