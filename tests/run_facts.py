"""The facts of a run by blocks that nobody has to do."""

from napari_emcad.io.sessions.block_run_facts import BlockRunFacts

RUN = BlockRunFacts(
    program="napari-emcad 1",
    source="/data/stack.tif",
    dataset=None,
    fingerprint="abc",
    voxel_size_nm=(40, 5, 6),
    model="small",
    model_sha256="0" * 64,
    parameters={"scoring": "mean", "seed_sigma": 1.5},
    precision="fp32",
    box=((1, 2, 3), (9, 34, 67)),
    block=(4, 16, 32),
    group=(8, 16, 64),
)
