"""Files of every kind that are written, with what is in them, for readers of others: python outputs.py FOLDER."""

import json
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.label_pieces import build_segmentation, find_label_fragments
from napari_emcad.core.progress import drive
from napari_emcad.io.affinities import new_affinities
from napari_emcad.io.labels import precomputed
from napari_emcad.io.labels.formats import write_label_volume
from napari_emcad.io.labels.label_volume import LabelVolume
from napari_emcad.io.sessions.export import export_session
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import OpenSession

SHAPE, START, SIZE = (11, 150, 530), (3, 17, 33), VoxelSize(40.0, 4.0, 6.0)
IDS = (1, 2, 3, 255, 256, 65_535, 65_536, 2**24 + 1, 2**31 - 1, 2**31, 2**32 - 2, 2**33 + 5)
LARGEST_TIFF = 2**32 - 5
"""What the last id is in a TIFF, which has 32 bits for it."""

PROVENANCE = {"program": "napari-emcad", "source": "stack.tif"}

LABELS = {  # output -> file, format, array
    "TIFF": ("labels.tif", "tiff", "labels32"),
    "TIFF series": ("sections", "tiff-series", "labels32"),
    "Zarr": ("labels.zarr", "zarr", "labels"),
    "OME-Zarr 0.4": ("labels_04.ome.zarr", "ome-zarr-0.4", "labels"),
    "OME-Zarr 0.5": ("labels_05.ome.zarr", "ome-zarr", "labels"),
    "precomputed": ("labels.precomputed", "precomputed", "labels"),
    "precomputed, sharded": ("sharded.precomputed", "precomputed-volume", "labels"),
}
EXPORTS = {  # output -> file, export
    "PLY": ("all.ply", "meshes"),
    "PLY, folder": ("meshes", "meshes"),
    "OBJ": ("all.obj", "meshes"),
    "STL": ("all.stl", "meshes"),
    "GLB": ("all.glb", "meshes"),
    "neurons, CSV": ("neurons.csv", "neurons"),
    "neurons, Parquet": ("neurons.parquet", "neurons"),
    "fragments, CSV": ("table.csv", "table"),
    "fragments, Parquet": ("table.parquet", "table"),
    "fragments, precomputed": ("fragments.precomputed", "fragments"),
    "equivalences": ("equivalences.json", "equivalences"),
}


def make_outputs(folder: Path) -> None:
    """Write all outputs into a new folder, with `truth.json` and arrays of what they hold."""
    folder.mkdir(parents=True)
    labels = draw_labels()
    labels32 = np.where(labels > LARGEST_TIFF, LARGEST_TIFF, labels).astype(np.uint32)
    arrays: dict[str, NDArray[np.integer]] = {"labels": labels, "labels32": labels32}
    for name, (file, kind, array) in LABELS.items():
        volume = LabelVolume(arrays[array], SIZE, PROVENANCE, START)
        most = 4 if name.endswith("sharded") else precomputed.MOST_FILES
        with patch.object(precomputed, "MOST_FILES", most):
            drive(write_label_volume(folder / file, volume, kind))
    arrays["affinities"] = np.random.default_rng(1).integers(0, 256, (3, *SHAPE), np.uint8)
    with new_affinities(folder / "affinities.zarr", SHAPE, SIZE, PROVENANCE, START) as affinities:
        affinities[:] = arrays["affinities"]
    arrays |= _export_session(folder, labels)
    outputs = {name: entry[0] for name, entry in (LABELS | EXPORTS).items()} | {"affinities": "affinities.zarr"}
    facts = {"voxel_size_nm": SIZE, "start": START, "outputs": outputs}
    (folder / "truth.json").write_text(json.dumps(facts), "utf-8")
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)


def draw_labels() -> NDArray[np.uint64]:
    """Draw bodies that touch each other, and background between them, to the faces of the volume."""
    random = np.random.default_rng(0)
    seeds = random.uniform(0, 1, (len(IDS), 3)) * np.array(SHAPE) * SIZE
    places = np.stack(np.meshgrid(*(np.arange(n) * s for n, s in zip(SHAPE, SIZE, strict=True)), indexing="ij"), -1)
    far = np.stack([np.linalg.norm((places - seed).astype(np.float32), axis=-1) for seed in seeds])
    return np.where(far.min(0) < 330, np.array(IDS, np.uint64)[far.argmin(0)], 0)


def _export_session(folder: Path, labels: NDArray[np.uint64]) -> dict[str, NDArray[np.integer]]:
    pieces = drive(find_label_fragments(labels))
    segmentation = drive(build_segmentation(pieces))
    box = Box(START, tuple(a + n for a, n in zip(START, SHAPE, strict=True)))
    facts = SessionFacts(voxel_size_nm=SIZE, box=(box.start, box.stop), threshold=0.5, model="labels")
    with create_session(folder / "session.emcad", segmentation, None, facts) as opened:
        for file, what in EXPORTS.values():
            drive(export_session(what, folder / file, opened))
        return _session_arrays(opened, labels, pieces.labels, pieces.segments)


def _session_arrays(
    opened: OpenSession, labels: NDArray[np.uint64], ids: NDArray[np.uint64], segments: NDArray[np.uint32]
) -> dict[str, NDArray[np.integer]]:
    """Return labels with the ids that they have in the session, and the segment of each of its fragments."""
    session = np.append(segments, 0)[np.where(labels > 0, np.searchsorted(ids, labels), len(ids))]
    parts, first = np.unique(opened.session.state.base.fragments[:], return_index=True)
    return {"session": session, "fragment": parts[parts > 0], "segment": session.ravel()[first[parts > 0]]}


if __name__ == "__main__":
    make_outputs(Path(sys.argv[1]))
