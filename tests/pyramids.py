"""OME-Zarr images of two levels, in a folder or behind a URL."""

import zarr

SIZE = (40, 5, 4)
"""Of the finest level, nm."""


def write_pyramid(where, stack, zarr_format=3, chunks=(1, 8, 8)):
    """Levels "s0" and "s1", which takes every second pixel of a section, as if it were the mean of four."""
    group = zarr.open_group(where, mode="w", zarr_format=zarr_format)
    levels = []
    for name, step in (("s0", 1), ("s1", 2)):
        values = stack[:, ::step, ::step]
        zarr.create_array(where, name=name, data=values, chunks=chunks, zarr_format=zarr_format)
        scale, move = (SIZE[0], SIZE[1] * step, SIZE[2] * step), (0, (step - 1) * SIZE[1] / 2, (step - 1) * SIZE[2] / 2)
        placed = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": move}]
        levels.append({"path": name, "coordinateTransformations": placed})
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    images = {"multiscales": [{"axes": axes, "datasets": levels}]}
    group.attrs.update({"ome": images} if zarr_format == 3 else images)
