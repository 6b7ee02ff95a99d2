"""PyTables: arrays in HDF5 with its own filters."""

import tables
from writers_kit import dialect, greys, main


@dialect("HDF5", "array")
def array(folder):
    with tables.open_file(folder / "a.h5", "w") as file:
        file.create_array("/", "raw", greys())
    return folder / "a.h5"


@dialect("HDF5", "enlargeable array", dtype="int16")
def enlargeable(folder):
    with tables.open_file(folder / "a.h5", "w") as file:
        file.create_earray("/", "raw", tables.Int16Atom(), (0, 33, 49)).append(greys("int16"))
    return folder / "a.h5"


def packed(name):
    @dialect("HDF5", name)
    def write(folder):
        with tables.open_file(folder / "a.h5", "w") as file:
            file.create_carray("/", "raw", obj=greys(), filters=tables.Filters(5, name))
        return folder / "a.h5"


for name in ("zlib", "blosc", "blosc:zstd", "blosc2", "lzo", "bzip2"):
    packed(name)
main("PyTables", tables.__version__)
