"""What opening 50 GB takes: python benchmarks/open_large.py [--shape 2048,5000,5000].

A sparse file of each format is made, which needs hardly any disk, and opened in a process of its own: seconds, the most
memory beyond that of the imports, and the bytes that were read from files, for the opening alone and then for a square
of 512 x 512 voxels in the middle. Bytes of mapped files count as memory, not as read. Linux only (/proc).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from math import prod
from pathlib import Path

import h5py
import numpy as np
import tifffile
import zarr

Shape = tuple[int, int, int]

OPENED = """
import importlib, json, resource, sys, time
from pathlib import Path
from napari_emcad.io.stacks.stack import open_stack
for module in sys.argv[2:]:
    importlib.import_module(module)

def spent():
    read = int(Path("/proc/self/io").read_text().split()[1])
    return time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, read

before = spent()
stack = open_stack(Path(sys.argv[1]))
opened = spent()
_, y, x = (n // 2 for n in stack.array.shape)
square = stack.array[stack.array.shape[0] // 2, y - 256 : y + 256, x - 256 : x + 256]
looked = spent()
print(json.dumps([stack.array.shape, square.shape, before, opened, looked]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="2048,5000,5000", help="voxels of 8 bits (z, y, x)")
    parser.add_argument("--folder", type=Path, help="where to write; default: a temporary one")
    options = parser.parse_args()
    z, y, x = map(int, options.shape.split(","))
    print(f"{prod((z, y, x)) / 1e9:.1f} GB\n")
    print("| | open, s | memory, MB | read, kB | a square, s | memory, MB | read, kB |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for name, (file, write, modules) in FORMATS.items():
            path = Path(folder) / file
            write(path, (z, y, x))
            print(f"| {name} | {' | '.join(measured(path, (z, y, x), modules))} |", flush=True)


def measured(path: Path, shape: Shape, modules: list[str]) -> list[str]:
    """Return seconds, megabytes and kilobytes of opening and of a square."""
    command = [sys.executable, "-c", OPENED, str(path), *modules]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    opened_shape, square, *marks = json.loads(ended.stdout)
    if tuple(opened_shape) != shape or square != [512, 512]:
        raise ValueError(f"{path}: {shape} is needed, got {opened_shape} and {square}")
    return [text for one, other in pairwise(marks) for text in _differences(one, other)]


def _differences(one: list[float], other: list[float]) -> list[str]:
    seconds, memory, read = (b - a for a, b in zip(one, other, strict=True))
    return [f"{seconds:.3f}", f"{memory / 1024:.1f}", f"{read / 1000:.1f}"]


def extend(path: Path, header: bytes, shape: Shape) -> None:
    """Write a header, and voxels as a hole behind it."""
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + prod(shape))


def write_tiff(path: Path, shape: Shape) -> None:
    """Write a BigTIFF of one series that lies in one piece."""
    tifffile.memmap(path, shape=shape, dtype=np.uint8, bigtiff=True, photometric="minisblack").flush()


def write_mrc(path: Path, shape: Shape) -> None:
    words = np.zeros(256, "<i4")
    words[:3] = words[7:10] = shape[::-1]
    words[3] = 0  # signed bytes
    words[52] = int.from_bytes(b"MAP ", "little")
    words[53] = 0x4444
    extend(path, words.tobytes(), shape)


def write_npy(path: Path, shape: Shape) -> None:
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        file.truncate(file.tell() + prod(shape))


def write_nrrd(path: Path, shape: Shape) -> None:
    sizes = " ".join(map(str, shape[::-1]))
    extend(path, f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: {sizes}\nencoding: raw\n\n".encode(), shape)


def write_nifti(path: Path, shape: Shape) -> None:
    import nibabel

    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape(shape[::-1])
    header.set_xyzt_units("micron")
    header["magic"], header["vox_offset"] = b"n+1", 352
    extend(path, header.binaryblock + bytes(4), shape)


def write_hdf5(path: Path, shape: Shape) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", shape, np.uint8, chunks=(16, 256, 256), compression="gzip")


def write_zarr(path: Path, shape: Shape) -> None:
    zarr.create_array(path, shape=shape, chunks=(16, 256, 256), dtype=np.uint8)


def write_n5(path: Path, shape: Shape) -> None:
    path.mkdir()
    stated = {
        "dimensions": shape[::-1],
        "blockSize": [256, 256, 16],
        "dataType": "uint8",
        "compression": {"type": "raw"},
    }
    (path / "attributes.json").write_text(json.dumps({"n5": "2.0.0", **stated}))


def write_precomputed(path: Path, shape: Shape) -> None:
    path.mkdir()
    scale = {"key": "4_4_40", "size": shape[::-1], "resolution": [4, 4, 40], "voxel_offset": [0, 0, 0]}
    scale |= {"chunk_sizes": [[256, 256, 16]], "encoding": "raw"}
    info = {"@type": "neuroglancer_multiscale_volume", "type": "image", "data_type": "uint8", "num_channels": 1}
    (path / "info").write_text(json.dumps({**info, "scales": [scale]}))
    (path / scale["key"]).mkdir()
    (path / scale["key"] / "0-256_0-256_0-16").write_bytes(bytes(256 * 256 * 16))  # without any it is refused


FORMATS: dict[str, tuple[str, Callable[[Path, Shape], None], list[str]]] = {
    "TIFF": ("a.tif", write_tiff, []),
    "MRC": ("a.mrc", write_mrc, []),
    "NumPy": ("a.npy", write_npy, []),
    "NRRD": ("a.nrrd", write_nrrd, ["nrrd"]),
    "NIfTI": ("a.nii", write_nifti, ["nibabel"]),
    "HDF5": ("a.h5", write_hdf5, []),
    "Zarr": ("a.zarr", write_zarr, []),
    "N5": ("a.n5", write_n5, ["tensorstore"]),
    "precomputed": ("a.precomputed", write_precomputed, ["tensorstore"]),
}
"""Name -> file, what writes it, and the libraries of extras, which are imported before."""

if __name__ == "__main__":
    main()
