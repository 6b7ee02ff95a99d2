"""webknossos: datasets with layers in all its formats."""

import webknossos
from webknossos import BoundingBox, Dataset
from writers_kit import PLACE, SIZE, dialect, main, stack

START = tuple(round(n / s) for n, s in zip(PLACE[::-1], SIZE[::-1], strict=True))


def save(form, name, coarser=False, **facts):
    @dialect(f"webKnossos, {form}", name, size=True, **facts)
    def write(folder):
        dtype, holds = facts.get("dtype", "uint8"), facts.get("holds")
        values, start = stack(dtype, holds), START if facts.get("place") else (0, 0, 0)
        dataset = Dataset(folder / "a", voxel_size=SIZE[::-1])
        kind, ids = ("segmentation", {"largest_segment_id": 250}) if holds else ("color", {})
        box = BoundingBox(start, values.shape[::-1])
        layer = dataset.add_layer("em", kind, data_format=form, dtype_per_channel=dtype, bounding_box=box, **ids)
        shards = {} if form == "zarr" else {"shard_shape": (64, 64, 64)}
        layer.add_mag(1, chunk_shape=(32, 32, 32), **shards).write(
            values.T, absolute_offset=start, allow_unaligned=True
        )
        if coarser:
            layer.downsample()
        return folder / "a"


if __name__ == "__main__":  # it starts processes that import this file
    for form in ("zarr3", "zarr", "wkw"):
        save(form, "image")
        save(form, "uint16", dtype="uint16")
        save(form, "place", place=True)
        save(form, "labels", dtype="uint32", holds="labels")
        save(form, "two levels", coarser=True)
    main("webknossos", webknossos.version.__version__)
