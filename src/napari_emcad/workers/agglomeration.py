"""Agglomeration beside the window: waterz holds Python's lock all the time it works, and a window would freeze.

Large volumes are agglomerated by a process of its own, `python -m napari_emcad.workers.agglomeration FOLDER`, which
can also be stopped at any moment. The function is that of the pipeline; arrays go through files in a temporary folder.
"""

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.pipeline import SegmentParameters, agglomerate

SMALL = 1_500_000
"""Voxels that are agglomerated in this process: less than a sixth of a second without the window."""

GLANCE = 0.1
"""Seconds between two looks at how far the process is."""


def agglomerate_beside(affinities: NDArray[np.uint8], parameters: SegmentParameters) -> Job[Segmentation]:
    """As `pipeline.agglomerate`, without holding up the window.

    Parameters
    ----------
    affinities : (3, z, y, x) uint8
    parameters : SegmentParameters

    Raises
    ------
    UserError
        As there, and where there is no room for temporary files or memory does not suffice.
    """
    if affinities[0].size <= SMALL:
        return (yield from agglomerate(affinities, parameters))
    with _folder() as folder:
        _write(folder, affinities, parameters)
        yield from _following(folder)
        return _read(folder)


@contextmanager
def _folder() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix="napari-emcad-", ignore_cleanup_errors=True) as name:
            yield Path(name)
    except OSError as error:
        raise UserError(
            f"agglomeration: temporary files could not be written in {tempfile.gettempdir()} ({error.strerror}); "
            "make room there, or choose a box."
        ) from error


def _write(folder: Path, affinities: NDArray, parameters: SegmentParameters) -> None:
    np.save(folder / "affinities.npy", affinities)
    (folder / "parameters.json").write_text(parameters.model_dump_json(), "utf-8")


def _following(folder: Path) -> Job[None]:
    """Run the process and tell how far it is; closing the job ends the process."""
    command = [sys.executable, "-m", __name__, str(folder)]
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, creationflags=hidden)
    try:
        while process.poll() is None:
            yield _progress(folder)
            time.sleep(GLANCE)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
    if process.returncode:
        raise _failure(folder, process.returncode)


def _progress(folder: Path) -> Progress:
    try:
        return Progress(**json.loads((folder / "progress.json").read_text("utf-8")))
    except (OSError, ValueError):
        return Progress("fragments", 0, 1)


def _failure(folder: Path, code: int) -> Exception:
    said = folder / "error.txt"
    if said.is_file():
        return UserError(said.read_text("utf-8"))
    if code < 0:
        return UserError("agglomeration: the system ended it, most likely for want of memory; choose a smaller box.")
    return RuntimeError(f"the agglomeration process ended with code {code}")


def _read(folder: Path) -> Segmentation:
    with np.load(folder / "graph.npz") as graph, np.load(folder / "tree.npz") as tree:
        return Segmentation(
            np.load(folder / "fragments.npy"), RegionGraph(**graph), MergeTree(**tree), np.load(folder / "sizes.npy")
        )


def _work(folder: Path) -> None:
    """What the process does."""
    parameters = SegmentParameters.model_validate_json((folder / "parameters.json").read_bytes())
    job = agglomerate(np.load(folder / "affinities.npy", mmap_mode="r"), parameters)
    made = None
    while made is None:
        try:
            _note(folder, next(job))
        except StopIteration as end:
            made = end.value
    np.savez(folder / "graph.npz", **_fields(made.graph))
    np.savez(folder / "tree.npz", **_fields(made.tree))
    np.save(folder / "sizes.npy", made.sizes)
    np.save(folder / "fragments.npy", made.fragments)


def _note(folder: Path, progress: Progress) -> None:
    part = folder / "progress.part"
    part.write_text(json.dumps(dataclasses.asdict(progress)), "utf-8")
    try:
        part.replace(folder / "progress.json")
    except PermissionError:  # Windows, while it is being read: the next one will do
        return


def _fields(columns: RegionGraph | MergeTree) -> dict[str, NDArray]:
    return {field.name: getattr(columns, field.name) for field in dataclasses.fields(columns)}


def main(folder: Path) -> int:
    """The process: exit code 1 with a sentence in error.txt for what a person can mend."""
    try:
        _work(folder)
    except UserError as error:
        (folder / "error.txt").write_text(str(error), "utf-8")
        return 1
    except MemoryError:
        (folder / "error.txt").write_text("agglomeration: memory does not suffice; choose a smaller box.", "utf-8")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
