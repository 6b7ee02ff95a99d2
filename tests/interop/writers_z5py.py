"""z5py: N5 and Zarr."""

import z5py
from writers_kit import PLACE, SIZE, dialect, greys, main


def save(kind, name, suffix, attributes=None, dtype="uint8", compression="gzip", **facts):
    @dialect(kind, name, dtype=dtype, **facts)
    def write(folder):
        with z5py.File(str(folder / f"a{suffix}"), "w") as file:
            array = file.create_dataset("raw", data=greys(dtype), chunks=(4, 16, 16), compression=compression)
            array.attrs.update(attributes or {})
        return folder / f"a{suffix}"


for packed in ("raw", "gzip", "bzip2", "xz", "blosc", "zstd"):
    save("N5", packed, ".n5", compression=packed)
save("N5", "lz4", ".n5", compression="lz4", refused='compressed with "lz4"')
for dtype in ("uint16", "float32"):
    save("N5", dtype, ".n5", dtype=dtype)
stated = {"resolution": list(SIZE[::-1]), "units": ["nm"] * 3}
save("N5", "resolution", ".n5", stated, size=True)
save("N5", "resolution and offset", ".n5", stated | {"offset": list(PLACE[::-1])}, size=True, place=True)
for packed in ("raw", "gzip", "zlib", "bzip2", "blosc", "zstd"):
    save("Zarr 2", packed, ".zarr", compression=packed)
main("z5py", z5py.__version__)
