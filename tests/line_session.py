"""A session on a line of four fragments, for tests."""

import numpy as np

from napari_emcad.io.sessions.facts import SessionFacts

FACTS = SessionFacts(
    program="napari-emcad 1",
    source="stack.tif",
    fingerprint="abc",
    voxel_size_nm=(40, 5, 6),
    box=((1, 2, 3), (2, 3, 43)),
    model="small",
    model_sha256="0" * 64,
    parameters={"scoring": "mean", "black": None},
    threshold=0.5,
    min_size=3,
)


def affinities(shape):
    return np.random.default_rng(5).integers(0, 256, (3, *shape), np.uint8)
