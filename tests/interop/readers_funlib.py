"""funlib.persistence on Zarr: `open_ds` with nothing said besides the path."""

from pathlib import Path

from funlib.persistence import open_ds
from readers_kit import Level, Truth, Wrong, in_nm, main


def array(name: str, axes: list[str]):
    def check(path: Path, truth: Truth) -> str:
        found = open_ds(path)
        if list(found.axis_names) != axes:
            raise Wrong(f"axes {found.axis_names} for {axes}")
        size, place = (in_nm(lengths, found.units) for lengths in (found.voxel_size, found.offset))
        return truth.check_levels(name, [Level(found[:], size, place)])

    return check


main(
    "funlib.persistence",
    {"Zarr": array("labels", ["z", "y", "x"]), "affinities": array("affinities", ["c^", "z", "y", "x"])},
)
