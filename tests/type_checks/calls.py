"""Calls as people write them. Read by mypy, never run: an ignored error that is none would be an error itself."""

import numpy as np

from napari_emcad.core.parameters import OpticalParameters, SegmentParameters
from napari_emcad.optical import find_neurites
from napari_emcad.pipeline import segment

volume = np.zeros((3, 40, 50), np.uint8)

result = segment(volume, "bundled", threshold=0.3, min_size=9, crumbs="background", device="cpu", black=None)
segment(volume, treshold=0.3)  # type: ignore[call-arg]  # misspelt
segment(volume, threshold="high")  # type: ignore[arg-type]  # no number
segment(volume, crumbs="eaten")  # type: ignore[arg-type]  # no such choice
segment(volume, agglomeration="watershed")  # type: ignore[arg-type]  # no such choice
name = result.label  # type: ignore[attr-defined]  # misspelt
labels = result.labels

found = find_neurites(volume, "sdasn.pt", threshold=0.3, min_size=9)
find_neurites(volume, "sdasn.pt", seed_sigma=1.0)  # type: ignore[call-arg]  # of another method
probability = found.probability

SegmentParameters(seed_sigma=1.0, scoring="mean")
SegmentParameters(sigma=1.0)  # type: ignore[call-arg]  # misspelt
OpticalParameters(crumbs="background")  # type: ignore[call-arg]  # of another method
