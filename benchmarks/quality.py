"""How well models segment, on several tissues: blocks with their spread, and truths that are fair to a block.

    python benchmarks/quality.py MODEL [MODEL ...] --data FOLDER [--volumes ac4 cremi_b] [--precisions fp32 bf16]
        [--json FILE]

FOLDER holds `ac4`, `fib25` and `cremi_b`. Each volume is predicted once, with what lies around it, and five blocks of
it (its corners and its middle) are agglomerated and scored on their own, with the package's defaults and at the best of
18 thresholds, the one with the lowest mean VOI. Given is the mean of the five and, behind "+-", their standard
deviation; and the scores of the whole, of which each error counts once. Four truths:

* `usual`: the labels as they come, 0 left out;
* `pieces`: parts of a neuron that do not touch inside the block are not asked to be joined;
* `eroded`: where exactly a border lies does not count: two pixels on each side of it are left out;
* `both`.

AC4[80:100] and FIB-25[180:200] are sections that the project's models have not learnt from; CREMI B is tissue that they
never saw; synthetic stacks are those of `core.synthetic` with seeds that no training uses.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter
from scipy.sparse import csr_array
from skimage.measure import label

from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.parameters import ResolvedSegmentParameters, SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.scores import contingency, scores_of
from napari_emcad.core.synthetic import synthetic_stack
from napari_emcad.inference.engines.device import Device, reuse_memory
from napari_emcad.inference.normalisation import EM_GREYS, choose_normalisation
from napari_emcad.inference.predict import predict_by
from napari_emcad.inference.prediction import Prediction
from napari_emcad.networks.checkpoint import load_model
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.pipeline import agglomerate, resolve_parameters

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 19))
VOLUMES = ("ac4", "fib25", "cremi_b", "synthetic")
SYNTHETIC_SEEDS = range(9_000, 9_005)


@dataclass(frozen=True)
class Part:
    """What is scored of a volume: raw (z, y, x), truth of its shape, the blocks, and the box around them if scored."""

    raw: NDArray
    truth: NDArray
    blocks: tuple[Box, ...]
    whole: tuple[Box, ...] = ()


def main() -> None:
    options = _options()
    reuse_memory()
    rows = []
    for model in options.models:
        for volume in options.volumes:
            for precision in options.precisions:
                rows.append(_row(model, volume, precision, options.data))
                print(_line(rows[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


def _row(model: str, volume: str, precision: str, data: Path) -> dict[str, Any]:
    """Scores of a volume: "blocks" and "whole" -> truth -> threshold -> [[VOI split, VOI merge, ARAND] of each box]."""
    network, card = load_model(resolve_model(model))
    found: dict[str, dict] = {what: {name: {} for name in TRUTHS} for what in ("blocks", "whole")}
    for part in _parts(volume, data):
        parameters = resolve_parameters(SegmentParameters(), part.raw, card)
        around = _around(part.blocks)
        affinities = np.zeros((3, *around.shape), np.uint8)
        levels = choose_normalisation(part.raw, None, None, EM_GREYS)
        prediction = Prediction(around, levels, Device("cpu", "CPU", precision=precision))
        drive(predict_by(network, part.raw, affinities, prediction))
        for what, boxes in (("blocks", part.blocks), ("whole", part.whole)):
            for box in boxes:
                inside = box.moved(tuple(-start for start in around.start)).slices
                values = np.ascontiguousarray(affinities[(slice(None), *inside)])
                _score(values, part.truth[box.slices], parameters, found[what])
    return {"model": model, "volume": volume, "precision": precision, "default": f"{parameters.threshold:g}"} | found


def _score(values: NDArray, truth: NDArray, parameters: ResolvedSegmentParameters, found: dict) -> None:
    """Add the scores of a box to those found: truth -> threshold -> [...]."""
    segmentation = drive(agglomerate(values, parameters))
    fragments = segmentation.fragments[:]
    thresholds = dict.fromkeys((parameters.threshold, *THRESHOLDS))
    tables = {t: segmentation.table(t, parameters.min_size, parameters.crumbs) for t in thresholds}
    for name, made in TRUTHS.items():
        asked = made(truth)
        counts = contingency(fragments, asked)
        rows = np.unique(fragments[asked != 0])
        for threshold, table in tables.items():
            _, segment = np.unique(table[rows], return_inverse=True)
            joined = csr_array((np.ones(len(rows), np.int64), (segment, np.arange(len(rows)))))
            s = scores_of(joined @ counts)
            found[name].setdefault(f"{threshold:g}", []).append([s.voi_split, s.voi_merge, s.arand])


def _line(row: dict[str, Any]) -> str:
    """The rows of a table: each truth at the default threshold and at its best."""
    told = [f"{Path(row['model']).stem} on {row['volume']}, {row['precision']}:"]
    for what in ("blocks", "whole"):
        for name, scores in row[what].items():
            if scores:
                best = min(scores, key=lambda t: sum(split + merge for split, merge, _ in scores[t]))
                at = [f"{_told(scores[threshold])} at {threshold}" for threshold in (row["default"], best)]
                told.append(f"{what}, {name:>6}: {at[0]}; best {at[1]}")
    return "\n    ".join(told)


def _told(blocks: list[list[float]]) -> str:
    voi, arand = [split + merge for split, merge, _ in blocks], [a for *_, a in blocks]
    if len(voi) == 1:
        return f"VOI {voi[0]:.3f}, ARAND {arand[0]:.3f}"
    spreads = [statistics.stdev(values) for values in (voi, arand)]
    return f"VOI {statistics.mean(voi):.3f} +- {spreads[0]:.3f}, ARAND {statistics.mean(arand):.3f} +- {spreads[1]:.3f}"


# ---- the volumes -----------------------------------------------------------------------------------------------------


def _parts(volume: str, data: Path) -> Iterator[Part]:
    if volume == "synthetic":
        for seed in SYNTHETIC_SEEDS:
            stack = synthetic_stack((12, 256, 256), VoxelSize(30, 6, 6), seed)
            yield Part(stack.raw, stack.labels, (Box.whole(stack.raw.shape),))
    elif volume == "cremi_b":
        with h5py.File(data / volume / "sample_B_46_50.hdf") as file:
            raw, truth = file["volumes/raw"][:], file["volumes/labels/neuron_ids"][:]
        yield _cut(raw, truth, first=0, side=250)
    else:
        raw, truth = (tifffile.imread(data / volume / f"{what}.tif") for what in ("raw", "neuron_ids"))
        first, side = {"ac4": (80, 512), "fib25": (180, 150)}[volume]
        yield _cut(raw, truth, first, side)


def _cut(raw: NDArray, truth: NDArray, first: int, side: int) -> Part:
    """The sections from one on: their corners, their middle and all."""
    depth, height, width = raw.shape
    ends = [(y, x) for y in (0, height - side) for x in (0, width - side)]
    places = [*ends, ((height - side) // 2, (width - side) // 2)]
    blocks = tuple(Box((first, y, x), (depth, y + side, x + side)) for y, x in places)
    return Part(raw, truth, blocks, (Box((first, 0, 0), (depth, height, width)),))


def _around(blocks: tuple[Box, ...]) -> Box:
    starts, stops = zip(*((block.start, block.stop) for block in blocks), strict=True)
    return Box(tuple(map(min, zip(*starts, strict=True))), tuple(map(max, zip(*stops, strict=True))))


# ---- the truths ------------------------------------------------------------------------------------------------------


def _pieces(truth: NDArray) -> NDArray:
    return label(truth, background=0, connectivity=1)


def _eroded(truth: NDArray) -> NDArray:
    """The truth without two pixels on each side of every border between two labels, in the sections."""
    window = (1, 5, 5)
    return np.where(maximum_filter(truth, window) == minimum_filter(truth, window), truth, 0)


TRUTHS: dict[str, Callable[[NDArray], NDArray]] = {
    "usual": lambda truth: truth,
    "pieces": _pieces,
    "eroded": _eroded,
    "both": lambda truth: _eroded(_pieces(truth)),
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="names of models, or files")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--volumes", nargs="+", choices=VOLUMES, default=VOLUMES)
    parser.add_argument("--precisions", nargs="+", choices=("fp32", "bf16"), default=("fp32", "bf16"))
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
