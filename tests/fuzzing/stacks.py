"""Stacks, labels and affinities in all formats that are read, each small, with a place in nm where its format has one.

A writer takes an empty folder and returns what is opened in it.
"""

import gzip
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import nibabel
import nrrd
import numpy as np
import tensorstore as ts
import tifffile
import zarr
from mrcfile import new as new_mrc
from numpy.typing import NDArray
from PIL import Image
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec

Writer = Callable[[Path], Path]

SHAPE = (4, 20, 28)
RAW = np.random.default_rng(0).integers(0, 256, SHAPE).astype("u1")
"""Grey values (z, y, x)."""

LABELS = np.kron(np.arange(1, 5, dtype="u4").reshape(1, 2, 2), np.ones((4, 10, 14), "u4"))
"""Labels (z, y, x)."""

AFFINITIES = np.random.default_rng(1).integers(0, 256, (3, *SHAPE)).astype("u1")
NM = (40.0, 5.0, 4.0)
OME_AXES = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]


def write_tiff(folder: Path, values: NDArray[Any] = RAW, name: str = "a.tif", **how: Any) -> Path:
    """Write a TIFF by tifffile; `how` are its own arguments."""
    tifffile.imwrite(folder / name, values, **{"photometric": "minisblack", "metadata": {"axes": "ZYX"}} | how)
    return folder / name


def write_ome_tiff(folder: Path) -> Path:
    sizes = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", NM, strict=True)}
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "ZYX"}
    return write_tiff(folder, name="a.ome.tif", metadata={"axes": "ZYX", **sizes, **units})


def write_hdf5(folder: Path, values: NDArray[Any] = RAW, **how: Any) -> Path:
    """Write two datasets; `how` are the arguments of the one with the voxels."""
    with h5py.File(folder / "a.h5", "w") as file:
        stored = file.create_dataset("volumes/raw", data=values, **how)
        stored.attrs["resolution"], stored.attrs["offset"] = NM, (0.0, 10.0, 8.0)
        file["notes"] = "made by hand"
    return folder / "a.h5"


def write_linked_hdf5(folder: Path) -> Path:
    """Write voxels behind a soft, an external and a virtual link."""
    with h5py.File(folder / "b.h5", "w") as file:
        file["raw"] = RAW
    with h5py.File(folder / "a.h5", "w") as file:
        file["kept/raw"] = RAW
        file["soft"] = h5py.SoftLink("/kept/raw")
        file["external"] = h5py.ExternalLink("b.h5", "raw")
        layout = h5py.VirtualLayout(SHAPE, "u1")
        layout[:] = h5py.VirtualSource("b.h5", "raw", SHAPE)
        file.create_virtual_dataset("virtual", layout)
    return folder / "a.h5"


def write_imaris(folder: Path) -> Path:
    def letters(text: object) -> NDArray[Any]:
        return np.frombuffer(str(text).encode(), "S1")

    with h5py.File(folder / "a.ims", "w") as file:
        file.attrs["ImarisDataSet"] = letters("ImarisDataSet")
        image = file.create_group("DataSetInfo/Image")
        image.attrs["Unit"] = letters("um")
        for number, (axis, nm, voxels) in enumerate(zip("XYZ", NM[::-1], SHAPE[::-1], strict=True)):
            image.attrs[axis] = letters(voxels)
            image.attrs[f"ExtMin{number}"], image.attrs[f"ExtMax{number}"] = letters(0), letters(voxels * nm / 1000)
        for level, values in enumerate((RAW, RAW[:, ::2, ::2])):
            group = file.create_group(f"DataSet/ResolutionLevel {level}/TimePoint 0/Channel 0")
            group.create_dataset("Data", data=values, chunks=(2, 10, 14), compression="gzip")
            for axis, voxels in zip("ZYX", values.shape, strict=True):
                group.attrs[f"ImageSize{axis}"] = letters(voxels)
    return folder / "a.ims"


def write_bdv(folder: Path) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        file["s00/resolutions"], file["s00/subdivisions"] = np.array([[1, 1, 1]], float), np.array([[16, 16, 16]])
        file["t00000/s00/0/cells"] = RAW.astype("i2")
    size = "<voxelSize><unit>um</unit><size>0.004 0.005 0.04</size></voxelSize>"
    (folder / "a.xml").write_text(
        '<SpimData version="0.2"><BasePath type="relative">.</BasePath><SequenceDescription>'
        '<ImageLoader format="bdv.hdf5"><hdf5 type="relative">a.h5</hdf5></ImageLoader>'
        f"<ViewSetups><ViewSetup><id>0</id>{size}</ViewSetup></ViewSetups></SequenceDescription></SpimData>"
    )
    return folder / "a.xml"


def write_zarr(folder: Path, values: NDArray[Any] = RAW, **how: Any) -> Path:
    """Write a lone array; `how` are the arguments of zarr."""
    array = zarr.create_array(folder / "a.zarr", data=values, chunks=(2, 10, 14), **how)
    array.attrs.update({"resolution": NM, "offset": [0, 10, 8], "axis_names": ["z", "y", "x"], "units": ["nm"] * 3})
    return folder / "a.zarr"


def write_zipped_zarr(folder: Path) -> Path:
    with zarr.storage.ZipStore(folder / "a.zarr.zip", mode="w") as store:
        zarr.create_array(store, data=RAW, chunks=(2, 10, 14))
    return folder / "a.zarr.zip"


def write_ome_zarr(folder: Path, version: int) -> Path:
    group = zarr.open_group(folder / "a.zarr", mode="w", zarr_format=version)
    levels = []
    for number, step in enumerate((1, 2)):
        group.create_array(f"s{number}", data=RAW[:, ::step, ::step], chunks=(2, 10, 14))
        scale = [NM[0], NM[1] * step, NM[2] * step]
        levels.append({"path": f"s{number}", "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    image = {"axes": OME_AXES, "datasets": levels, "name": "em"}
    stated = [image | ({} if version == 3 else {"version": "0.4"})]
    group.attrs.update({"ome": {"version": "0.5", "multiscales": stated}} if version == 3 else {"multiscales": stated})
    return folder / "a.zarr"


def write_n5(folder: Path, values: NDArray[Any] = RAW, **compression: Any) -> Path:
    metadata = {"dimensions": values.shape[::-1], "blockSize": [14, 10, 2, 3][: values.ndim]}
    metadata |= {"dataType": str(values.dtype), "compression": compression or {"type": "gzip"}}
    kvstore = {"driver": "file", "path": f"{(folder / 'a.n5' / 'em').as_posix()}/"}
    ts.open({"driver": "n5", "kvstore": kvstore, "metadata": metadata}, create=True).result()[...] = values.T
    stated = folder / "a.n5" / "em" / "attributes.json"
    stated.write_text(json.dumps(json.loads(stated.read_text()) | {"resolution": NM[::-1], "units": ["nm"] * 3}))
    (folder / "a.n5" / "attributes.json").write_text('{"n5": "2.0.0"}')
    return folder / "a.n5"


def write_precomputed(folder: Path, values: NDArray[Any] = RAW, packed: bool = False, **scale: Any) -> Path:
    kind = "image" if values is RAW else "segmentation"
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "file", "path": f"{(folder / 'em').as_posix()}/"},
        "multiscale_metadata": {"type": kind, "data_type": str(values.dtype), "num_channels": 1},
        "scale_metadata": {
            "size": SHAPE[::-1],
            "resolution": NM[::-1],
            "voxel_offset": [10, 20, 3],
            "encoding": "raw",
            "chunk_size": [14, 10, 2],
        }
        | scale,
    }
    ts.open(spec, create=True).result()[...] = values.T[..., None]
    for file in (folder / "em" / "4_5_40").iterdir() if packed else ():
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
        file.unlink()
    return folder / "em"


def write_npy(folder: Path, values: NDArray[Any] = RAW) -> Path:
    np.save(folder / "a.npy", values)
    return folder / "a.npy"


def write_npz(folder: Path) -> Path:
    np.savez_compressed(folder / "a.npz", raw=RAW, other=np.arange(5))
    return folder / "a.npz"


def write_mrc(folder: Path) -> Path:
    with new_mrc(folder / "a.mrc") as file:
        file.set_data(RAW.astype("i2"))
        file.voxel_size = tuple(10 * nm for nm in NM[::-1])
    return folder / "a.mrc"


def write_nrrd(folder: Path, encoding: str = "raw", detached: bool = False) -> Path:
    header = {"encoding": encoding, "spacings": NM[::-1], "units": ["nm"] * 3}
    path = folder / ("a.nhdr" if detached else "a.nrrd")
    nrrd.write(str(path), RAW, header, index_order="C", detached_header=detached)
    return path


def write_nifti(folder: Path, name: str) -> Path:
    image = nibabel.Nifti1Image(RAW.T, np.diag([*(nm * 1e-6 for nm in NM[::-1]), 1.0]))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, folder / name)
    return folder / name


def write_sections(folder: Path, ending: str) -> Path:
    (folder / "em").mkdir()
    for z, section in enumerate(RAW):
        path = folder / "em" / f"s{z:03d}.{ending}"
        if ending == "tif":
            tifffile.imwrite(path, section, compression="zlib", resolution=(2.5e6, 2e6), resolutionunit=3)
        else:
            Image.fromarray(section).save(path)
    return folder / "em"


def write_webknossos(folder: Path, kind: str) -> Path:
    where, values = folder / "em" / "color" / "1", np.asfortranarray(RAW.T[None])
    where.parent.mkdir(parents=True)
    if kind == "wkw":
        import wkw

        with wkw.Dataset.create(str(where), wkw.Header(np.uint8, block_len=8, file_len=4)) as kept:
            kept.write((0, 0, 0), values)
    elif kind == "n5":
        metadata = {"dimensions": values.shape, "blockSize": [1, 14, 10, 2], "dataType": "uint8"}
        spec = {"driver": "n5", "kvstore": {"driver": "file", "path": f"{where.as_posix()}/"}}
        metadata["compression"] = {"type": "gzip"}
        ts.open(spec | {"metadata": metadata}, create=True).result()[...] = values
    else:
        zarr.create_array(where, data=values, chunks=(1, 14, 10, 2), zarr_format=3 if kind == "zarr3" else 2)
    order = {} if kind == "wkw" else {"axisOrder": {"c": 0, "x": 1, "y": 2, "z": 3}}
    box = dict(zip(("depth", "height", "width"), SHAPE, strict=True)) | {"topLeft": [0, 0, 0]}
    layer = {"name": "color", "category": "color", "boundingBox": box, "dataFormat": kind, "elementClass": "uint8"}
    layer |= {"mags": [{"mag": [1, 1, 1], "path": "./color/1", **order}]}
    stated = {"scale": {"factor": NM[::-1], "unit": "nanometer"}, "dataLayers": [layer]}
    (folder / "em" / "datasource-properties.json").write_text(json.dumps(stated))
    return folder / "em"


def write_crops(folder: Path) -> Path:
    (folder / "crops").mkdir()
    raw, labels = (np.tile(values, (1, 2, 2)) for values in (RAW, LABELS))
    for name in ("000", "001"):
        np.savez(folder / "crops" / f"{name}.npz", raw=raw, labels=labels, name=np.array(name))
    return folder / "crops"


STACKS: dict[str, Writer] = {
    "tiff": write_tiff,
    "tiff big-endian": partial(write_tiff, byteorder=">"),
    "tiff tiled": partial(write_tiff, tile=(16, 16)),
    "tiff volumetric tiles": partial(write_tiff, tile=(2, 16, 16), compression="zlib"),
    "tiff deflate": partial(write_tiff, compression="zlib"),
    "tiff lzw": partial(write_tiff, compression="lzw", predictor=True),
    "tiff zstd": partial(write_tiff, compression="zstd"),
    "tiff packbits": partial(write_tiff, compression="packbits"),
    "tiff imagej": partial(
        write_tiff, imagej=True, metadata={"axes": "ZYX", "spacing": 0.04, "unit": "um"}, resolution=(250, 200)
    ),
    "tiff ome": write_ome_tiff,
    "tiff big": partial(write_tiff, bigtiff=True),
    "hdf5": write_hdf5,
    "hdf5 gzip": partial(write_hdf5, chunks=(2, 10, 14), compression="gzip", fletcher32=True),
    "hdf5 lzf": partial(write_hdf5, chunks=(2, 10, 14), compression="lzf", shuffle=True),
    "hdf5 links": write_linked_hdf5,
    "imaris": write_imaris,
    "bdv": write_bdv,
    "zarr 2": partial(write_zarr, zarr_format=2),
    "zarr 3": write_zarr,
    "zarr 3 gzip": partial(write_zarr, compressors=GzipCodec()),
    "zarr 3 blosc": partial(write_zarr, compressors=BloscCodec()),
    "zarr 3 crc32c": partial(write_zarr, compressors=[ZstdCodec(), Crc32cCodec()]),
    "zarr 3 sharded": partial(write_zarr, shards=(4, 20, 28)),
    "zarr zipped": write_zipped_zarr,
    "ome-zarr 0.4": partial(write_ome_zarr, version=2),
    "ome-zarr 0.5": partial(write_ome_zarr, version=3),
    "n5": write_n5,
    "n5 blosc": partial(write_n5, type="blosc", cname="lz4", clevel=5, shuffle=1),
    "n5 raw": partial(write_n5, type="raw"),
    "precomputed raw": write_precomputed,
    "precomputed gzip": partial(write_precomputed, packed=True),
    "precomputed png": partial(write_precomputed, encoding="png"),
    "precomputed jpeg": partial(write_precomputed, encoding="jpeg"),
    "npy": write_npy,
    "npz": write_npz,
    "mrc": write_mrc,
    "nrrd": write_nrrd,
    "nrrd gzip": partial(write_nrrd, encoding="gzip"),
    "nrrd detached": partial(write_nrrd, detached=True),
    "nifti": partial(write_nifti, name="a.nii"),
    "nifti gzip": partial(write_nifti, name="a.nii.gz"),
    "sections png": partial(write_sections, ending="png"),
    "sections tiff": partial(write_sections, ending="tif"),
    "sections jpeg": partial(write_sections, ending="jpg"),
    "sections pgm": partial(write_sections, ending="pgm"),
    "webknossos wkw": partial(write_webknossos, kind="wkw"),
    "webknossos zarr": partial(write_webknossos, kind="zarr"),
    "webknossos zarr3": partial(write_webknossos, kind="zarr3"),
    "webknossos n5": partial(write_webknossos, kind="n5"),
}
"""Writers of stacks of grey values, by what is written."""

LABEL_FILES: dict[str, Writer] = {
    "labels tiff": partial(write_tiff, values=LABELS, compression="zlib"),
    "labels hdf5": partial(write_hdf5, values=LABELS, chunks=(2, 10, 14), compression="gzip"),
    "labels zarr": partial(write_zarr, values=LABELS),
    "labels n5": partial(write_n5, values=LABELS),
    "labels precomputed": partial(
        write_precomputed,
        values=LABELS,
        encoding="compressed_segmentation",
        compressed_segmentation_block_size=[8, 8, 8],
    ),
    "labels npy": partial(write_npy, values=LABELS),
}
"""Writers of labels."""

AFFINITY_FILES: dict[str, Writer] = {
    "affinities npy": partial(write_npy, values=AFFINITIES),
    "affinities tiff": partial(write_tiff, values=AFFINITIES, metadata={"axes": "CZYX"}),
    "affinities hdf5": partial(write_hdf5, values=AFFINITIES, compression="gzip"),
    "affinities n5": partial(write_n5, values=AFFINITIES),
}
"""Writers of affinities of other programs."""
