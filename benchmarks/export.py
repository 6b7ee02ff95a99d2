"""How fast labels leave: python benchmarks/export.py [--shape 64,2048,2048] [--threads 1,2].

Made fragments of a natural size, mapped from a file, and a table that joins them; each format with so many threads, in
a process of its own: seconds a megavoxel, bytes a voxel, and the most memory that is no page of the mapped file.
"""

import argparse
import multiprocessing
import shutil
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.transform import resize

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import drive
from napari_emcad.io.labels import label_volume, tiff_pages
from napari_emcad.io.labels import levels as label_levels
from napari_emcad.io.labels.formats import write_label_volume
from napari_emcad.io.labels.label_volume import LabelVolume
from napari_emcad.io.sessions.snapshot import MappedLabels

NAMES = ("labels.tif", "labels", "labels.zarr", "labels.ome.zarr", "labels.precomputed")
CELL = 45
"""Pixels: fragments of AC4 have 2,000."""

JOINED = 50
"""Fragments a neuron."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="64,2048,2048")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--formats", default=",".join(NAMES))
    parser.add_argument("--times", type=int, default=3, help="the fastest of so many is told")
    parser.add_argument("--folder", type=Path, help="where to write; default: a temporary one")
    options = parser.parse_args()
    shape = tuple(map(int, options.shape.split(",")))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        mapped = Path(folder) / "fragments.npy"
        write_fragments(mapped, shape)
        print("| | threads | s per megavoxel | bytes a voxel | memory, MB |\n|---|---|---|---|---|")
        for name in options.formats.split(","):
            for threads in map(int, options.threads.split(",")):
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                    seconds, size, memory = pool.submit(measured, mapped, name, threads, options.times).result()
                voxels = np.prod(shape)
                print(f"| {name} | {threads} | {seconds / voxels * 1e6:.4f} | {size / voxels:.3f} | {memory >> 20} |")


def measured(mapped: Path, name: str, threads: int, times: int) -> tuple[float, int, int]:
    """Seconds, bytes written, and bytes of memory that were not there before, the pages of mapped files left out."""
    for module in (label_levels, label_volume, tiff_pages):
        module.THREADS = threads
    fragments = np.load(mapped, mmap_mode="r")
    table = labels_of(int(fragments.max()))
    volume = LabelVolume(MappedLabels(fragments, table), VoxelSize(30, 6, 6), {}, (0, 0, 0), int(table.max()))
    path, seconds, memory = mapped.with_name(name), [], 0
    for _ in range(times):
        start = time.monotonic()
        with Peak() as peak:
            drive(write_label_volume(path, volume))
        seconds.append(time.monotonic() - start)
        memory = max(memory, peak.bytes)
        size = sum(f.stat().st_size for f in ([path] if path.is_file() else path.rglob("*")))
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return min(seconds), size, memory


class Peak(threading.Thread):
    """Looks every 5 ms how much memory this process has that is no page of a file."""

    def __init__(self):
        super().__init__(daemon=True)
        self._over, self._before = threading.Event(), _anonymous()
        self.bytes = 0

    def __enter__(self) -> "Peak":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.wait(0.005):
            self.bytes = max(self.bytes, _anonymous() - self._before)


def _anonymous() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def labels_of(fragments: int) -> NDArray[np.uint32]:
    rng = np.random.default_rng(0)
    table = rng.integers(1, max(2, fragments // JOINED), fragments + 1, np.uint32)
    table[0] = 0
    return table


def write_fragments(path: Path, shape: tuple[int, int, int]) -> None:
    """Cells of a grid that is bent anew in every section."""
    rng, (depth, *plane) = np.random.default_rng(1), shape
    bends = [resize(rng.normal(size=[n // CELL + 2 for n in plane]), plane, order=3) * CELL / 3 for _ in "yx"]
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint32, shape=shape)
    y, x = np.ogrid[: plane[0], : plane[1]]
    across = plane[1] // CELL + 3
    for z in range(depth):
        rows, columns = (
            ((at + np.roll(bend, 97 * z, 1)) // CELL).clip(0) for at, bend in zip((y, x), bends, strict=True)
        )
        section = rows * across + columns + 1
        out[z] = section + z * (plane[0] // CELL + 3) * across
    out.flush()


if __name__ == "__main__":
    main()
