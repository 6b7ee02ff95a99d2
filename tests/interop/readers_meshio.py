"""meshio on surfaces: points and triangles as the files hold them."""

from pathlib import Path

import meshio
from readers_kit import Shell, Truth, main


def read(path: Path) -> Shell:
    mesh = meshio.read(path)
    return Shell(mesh.points, mesh.cells_dict["triangle"])


def one(path: Path, truth: Truth) -> str:
    return truth.check_one_shell("session", read(path))


def folder(path: Path, truth: Truth) -> str:
    return truth.check_shells("session", {int(file.stem): read(file) for file in path.glob("*.ply")})


main("meshio", {"PLY": one, "PLY, folder": folder, "OBJ": one, "STL": one})
