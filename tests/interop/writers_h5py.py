"""h5py: the layouts that are usual, filters, links and voxels in other files."""

import json

import h5py
import hdf5plugin
import numpy as np
from writers_kit import PLACE, SIZE, dialect, greys, labels, main


def save(name, attributes=None, dataset="raw", facts=None, values=None, **options):
    facts = facts or {}

    @dialect("HDF5", name, **facts)
    def write(folder):
        given = greys(facts.get("dtype", "uint8")) if values is None else values
        with h5py.File(folder / "a.h5", "w") as file:
            file.create_dataset(dataset, data=given, **options)
            file[dataset].attrs.update(attributes or {})
        return folder / "a.h5"


save("plain")
save("gzip", compression="gzip", chunks=(3, 16, 16))
save("LZF", compression="lzf")
save("shuffle, checksums", compression=4, shuffle=True, fletcher32=True)
save("scale and offset", scaleoffset=0)
for name in ("Blosc", "Blosc2", "Zstd", "LZ4", "BZip2", "Bitshuffle"):
    save(name, **dict(getattr(hdf5plugin, name)()))
for dtype in ("uint16", "int16", "float32", "float16"):
    save(dtype, facts={"dtype": dtype})
save("big-endian", facts={"dtype": "uint16"}, values=greys("uint16").astype(">u2"))
stated = {"size": True, "place": True}
save("resolution and offset", {"resolution": SIZE, "offset": PLACE}, facts=stated)
save("voxel_size", {"voxel_size": SIZE}, facts={"size": True})
save("element_size_um", {"element_size_um": np.array(SIZE) / 1000}, facts={"size": True})
save("labels", facts={"dtype": "uint64", "holds": "labels"}, values=labels("uint64"))


def tags(axes, lengths=(), unit=""):
    found = zip(axes, [*lengths, *[0] * 4], strict=False)
    return {"axistags": json.dumps({"axes": [{"key": a, "resolution": n, "description": unit} for a, n in found]})}


save("ilastik's axistags, c last", tags("zyxc"), "exported_data", values=greys()[..., None])
save("ilastik's axistags, xyz", tags("xyz"), "exported_data", values=greys().T)
save("ilastik's axistags with sizes", tags("zyx", SIZE, "nm"), "exported_data", facts={"size": True})


@dialect("HDF5", "CREMI", size=True)
def cremi(folder):
    with h5py.File(folder / "a.hdf", "w") as file:
        file["volumes/raw"], file["volumes/labels/neuron_ids"] = greys(), labels("uint64")
        for name in ("raw", "labels/neuron_ids"):
            file[f"volumes/{name}"].attrs["resolution"] = SIZE
    return folder / "a.hdf"


@dialect("HDF5", "labels of dimensions, xyz")
def dimensions(folder):
    with h5py.File(folder / "a.h5", "w") as file:
        file["raw"] = greys().T
        for number, axis in enumerate("xyz"):
            file["raw"].dims[number].label = axis
    return folder / "a.h5"


@dialect("HDF5", "virtual dataset")
def virtual(folder):
    layout = h5py.VirtualLayout(greys().shape, "u1")
    for z, section in enumerate(greys()):
        with h5py.File(folder / f"s{z}.h5", "w") as file:
            file["section"] = section
        layout[z] = h5py.VirtualSource(f"s{z}.h5", "section", section.shape)
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_virtual_dataset("raw", layout)
    return folder / "a.h5"


@dialect("HDF5", "external link")
def external_link(folder):
    with h5py.File(folder / "b.h5", "w") as file:
        file["em"] = greys()
    with h5py.File(folder / "a.h5", "w") as file:
        file["raw"] = h5py.ExternalLink("b.h5", "em")
    return folder / "a.h5"


@dialect("HDF5", "voxels in another file")
def external_voxels(folder):
    greys().tofile(folder / "a.bin")
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("raw", greys().shape, "u1", external=[("a.bin", 0, h5py.h5f.UNLIMITED)])
    return folder / "a.h5"


main("h5py", h5py.__version__)
