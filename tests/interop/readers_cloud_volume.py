"""cloud-volume on precomputed: all scales, and the surface of each label."""

from pathlib import Path

import numpy as np
from cloudvolume import CloudVolume
from readers_kit import Level, Shell, Truth, main


def volume(path: Path, truth: Truth) -> str:
    levels = []
    for mip in range(2):
        found = CloudVolume(f"file://{path}", mip=mip, fill_missing=True, progress=False)
        size, place = (np.array(n, float)[::-1] for n in (found.resolution, found.voxel_offset))
        levels.append(Level(np.asarray(found[:])[..., 0].T, size, place * size))
    return truth.check_levels("labels", levels)


def with_surfaces(path: Path, truth: Truth) -> str:
    labels = truth.array("labels")
    meshes = CloudVolume(f"file://{path}", progress=False).mesh
    found = {int(n): meshes.get(int(n)) for n in np.unique(labels[labels > 0])}
    shells = {n: (mesh[n] if isinstance(mesh, dict) else mesh) for n, mesh in found.items()}
    said = truth.check_shells("labels", {n: Shell(mesh.vertices, mesh.faces) for n, mesh in shells.items()})
    return f"{volume(path, truth)}; surfaces {said}"


main("cloud-volume", {"precomputed": with_surfaces, "precomputed, sharded": volume})
