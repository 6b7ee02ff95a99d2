"""funlib.persistence: prepare_ds."""

from importlib.metadata import version

from funlib.persistence import prepare_ds
from writers_kit import PLACE, SIZE, dialect, greys, main


def save(name, file, order="zyx", inner="/raw"):
    @dialect("Zarr 3", name, size=True, place=True)
    def write(folder):
        names = [axis.removesuffix("^") for axis in order] if isinstance(order, str) else order
        axes = [axis for axis in names if axis in "zyx"]
        lengths, places = ([int(ns["zyx".index(a)]) for a in axes] for ns in (SIZE, PLACE))
        values = greys().transpose(["zyx".index(axis) for axis in axes])
        values = values.reshape([1] * (len(names) - 3) + list(values.shape))
        stated = {"axis_names": list(names), "units": ["nm"] * 3, "voxel_size": lengths, "offset": places}
        made = prepare_ds(f"{folder / file}{inner}", values.shape, dtype="uint8", mode="w", **stated)
        made[:] = values
        return folder / file


save("array in a group", "a.zarr")
save("array", "a.zarr", inner="")
save("in a folder named .n5", "a.n5")
save("in a folder named .h5", "a.h5")
save("axes x, y, z", "a.zarr", "xyz")
save("a channel", "a.zarr", ["c^", "z", "y", "x"])
main("funlib.persistence", version("funlib.persistence"))
