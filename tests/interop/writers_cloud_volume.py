"""cloud-volume and igneous: precomputed volumes with every compression and encoding that is installed with them."""

import igneous.task_creation as tasks
import numpy as np
from cloudvolume import CloudVolume, __version__
from taskqueue import LocalTaskQueue
from writers_kit import PLACE, SIZE, dialect, main, stack

START = tuple(round(n / s) for n, s in zip(PLACE[::-1], SIZE[::-1], strict=True))


def new_volume(folder, dtype="uint8", holds=None, encoding="raw", start=(0, 0, 0), **options):
    values = stack(dtype, holds)
    stated = {"num_channels": 1, "layer_type": "segmentation" if holds else "image", "data_type": dtype}
    stated |= {"resolution": SIZE[::-1], "voxel_offset": start, "volume_size": values.shape[::-1]}
    info = CloudVolume.create_new_info(encoding=encoding, chunk_size=(16, 16, 4), **stated)
    volume = CloudVolume(f"file://{folder}", info=info, progress=False, **options)
    volume.commit_info()
    volume[:, :, :] = np.asfortranarray(values.T)


def save(name, encoding="raw", facts=None, **options):
    facts = facts or {}

    @dialect("precomputed", name, size=True, **facts)
    def write(folder):
        start = START if facts.get("place") else (0, 0, 0)
        new_volume(folder / "a", facts.get("dtype", "uint8"), facts.get("holds"), encoding, start, **options)
        return folder / "a"


save("defaults (gzip)")
save("place", facts={"place": True})
for packed in (False, "br", "zstd", "xz"):
    save(packed or "not compressed", compress=packed)
for dtype in ("uint16", "int16", "int8", "float32"):
    save(dtype, facts={"dtype": dtype})
save("JPEG", "jpeg", {"near": 60})
for dtype in ("uint32", "uint64"):
    ids = {"dtype": dtype, "holds": "labels"}
    save(f"labels {dtype}", "compressed_segmentation", ids)
    save(f"labels {dtype}, raw", facts=ids)
save("labels, crackle", "crackle", ids | {"refused": 'encoded as "crackle"'})


def by_igneous(name, make_tasks):
    @dialect("precomputed", f"igneous: {name}", size=True)
    def write(folder):
        new_volume(folder / "in")
        queue = LocalTaskQueue(parallel=1, progress=False)
        queue.insert(make_tasks(f"file://{folder / 'in'}", f"file://{folder / 'out'}"))
        queue.execute()
        return folder / ("out" if (folder / "out").exists() else "in")


by_igneous("sharded", lambda given, made: tasks.create_image_shard_transfer_tasks(given, made, chunk_size=(16, 16, 4)))
by_igneous("two scales", lambda given, made: tasks.create_downsampling_tasks(given, mip=0, num_mips=1))
main("cloud-volume", __version__)
