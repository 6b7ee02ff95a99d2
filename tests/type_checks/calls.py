"""Calls as people write them. Read by mypy, never run: each line that ends in "# error" is one, and no other."""

import numpy as np

from napari_emcad.core.parameters import OpticalParameters, SegmentParameters
from napari_emcad.optical import find_neurites
from napari_emcad.pipeline import segment

volume = np.zeros((3, 40, 50), np.uint8)

result = segment(volume, "bundled", threshold=0.3, min_size=9, crumbs="background", device="cpu", black=None)
segment(volume, treshold=0.3)  # error
segment(volume, threshold="high")  # error
segment(volume, crumbs="eaten")  # error
segment(volume, agglomeration="watershed")  # error
name = result.label  # error
labels = result.labels

found = find_neurites(volume, "sdasn.pt", threshold=0.3, min_size=9)
find_neurites(volume, "sdasn.pt", seed_sigma=1.0)  # error
probability = found.probability

SegmentParameters(seed_sigma=1.0, scoring="mean")
SegmentParameters(sigma=1.0)  # error
OpticalParameters(crumbs="background")  # error
