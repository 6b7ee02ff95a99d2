"""zarr before 3: its stores, compressors, and N5."""

import numcodecs
import zarr
from writers_kit import SIZE, dialect, greys, main


def save(kind, name, make_store, suffix, attributes=None, size=False, refused="", **options):
    @dialect(kind, name, size=size, refused=refused)
    def write(folder):
        store = make_store(str(folder / f"a{suffix}"))
        array = zarr.group(store).create_dataset("raw", data=greys(), chunks=(3, 16, 16), **options)
        array.attrs.update(attributes or {})
        if hasattr(store, "close"):
            store.close()
        return folder / f"a{suffix}"


def zipped(path):
    return zarr.ZipStore(path, mode="w")


save("Zarr 2", "folder", zarr.DirectoryStore, ".zarr")
save("Zarr 2", "nested folders", zarr.NestedDirectoryStore, ".zarr")
save("Zarr 2", "zip file", zipped, ".zip")
save("Zarr 2", "SQLite", zarr.SQLiteStore, ".sqlite", refused="is needed")
for name in ("LZMA", "BZ2", "LZ4", "Zlib", "Zstd", "Blosc", "GZip"):
    save("Zarr 2", name, zarr.DirectoryStore, ".zarr", compressor=getattr(numcodecs, name)())
save("Zarr 2", "delta", zarr.DirectoryStore, ".zarr", filters=[numcodecs.Delta(dtype="u1")])
for name in ("LZMA", "BZ2", "Zstd", "Blosc", "GZip"):
    save("N5", name, zarr.N5Store, ".n5", compressor=getattr(numcodecs, name)())
stated = {"resolution": list(SIZE)[::-1], "units": ["nm"] * 3}
save("N5", "resolution", zarr.N5Store, ".n5", stated, size=True)
main("zarr", zarr.__version__)
