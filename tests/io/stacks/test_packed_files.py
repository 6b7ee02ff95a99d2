"""Voxels that are packed as one, headers that claim more than there is, and places that cannot be."""

import bz2
import gzip
import os
import struct
import zipfile

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.packed_files import check_packed, rest_note, unpack
from napari_emcad.io.stacks.stack import open_levels, open_stack

nibabel = pytest.importorskip("nibabel")


def write_nrrd(path, stack, encoding, sizes="37 24 5", more=b"", lines=""):
    pack = {"gzip": gzip.compress, "bzip2": bz2.compress, "raw": bytes}[encoding]
    header = f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: {sizes}\nencoding: {encoding}\n{lines}\n"
    path.write_bytes(header.encode() + pack(stack.tobytes()) + more)
    return path


@pytest.mark.parametrize("encoding", ["gzip", "bzip2", "raw"])
def test_a_nrrd_image(tmp_path, stack, encoding):
    opened = open_stack(write_nrrd(tmp_path / "a.nrrd", stack, encoding))
    np.testing.assert_array_equal(opened.array[:], stack)
    np.testing.assert_array_equal(opened.array[1:3, 4:, 7], stack[1:3, 4:, 7])


@pytest.mark.parametrize(
    ("encoding", "sizes", "words"),
    [
        ("gzip", "37 24 4", "it goes on behind the 3,552 bytes"),
        ("gzip", "37 24 6", "5,328 bytes of voxels are due, got 4,440"),
        ("gzip", "100000 100000 100000", "1,000,000,000,000,000 bytes of voxels, which do not fit into"),
        ("bzip2", "37 24 4", "it goes on behind the 3,552 bytes"),
        ("raw", "37 24 6", "5,328 bytes of voxels are due, got 4,440"),
        ("raw", "37 24 0", "its sizes are 37 24 0"),
    ],
)
def test_a_nrrd_header_that_claims_another_number(tmp_path, stack, encoding, sizes, words):
    with pytest.raises(UserError, match=words):
        open_stack(write_nrrd(tmp_path / "a.nrrd", stack, encoding, sizes))


def test_raw_voxels_that_go_on(tmp_path, stack):
    opened = open_stack(write_nrrd(tmp_path / "a.nrrd", stack, "raw", "37 24 4"))
    assert "it has 888 bytes behind the voxels that its header states." in opened.notes


@pytest.mark.parametrize("name", ["/dev/zero", "../b.bin", "folder", "nothing.bin"])
def test_a_nrrd_file_of_voxels_elsewhere(tmp_path, stack, name):
    (tmp_path / "b.bin").write_bytes(stack.tobytes())
    inner = tmp_path / "in"
    (inner / "folder").mkdir(parents=True)
    path = write_nrrd(inner / "a.nhdr", stack[:0], "raw", lines=f"data file: {name}\n")
    with pytest.raises(UserError, match=r"its voxels lie in .*, which is no file beside it; put it there"):
        open_stack(path)


def test_packed_nifti_is_compared_with_its_checksum(tmp_path, stack):
    path = tmp_path / "a.nii.gz"
    nibabel.save(nibabel.Nifti1Image(stack.T, np.eye(4)), path)
    np.testing.assert_array_equal(open_stack(path).array[:], stack)
    data = bytearray(path.read_bytes())
    data[-8] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="CRC check failed"):
        open_stack(path)


def test_a_nifti_header_that_claims_more(tmp_path, stack):
    path = tmp_path / "a.nii.gz"
    nibabel.save(nibabel.Nifti1Image(stack.T, np.eye(4)), path)
    data = bytearray(gzip.decompress(path.read_bytes()))
    data[40:48] = struct.pack("<4h", 3, 32000, 32000, 32000)
    path.write_bytes(gzip.compress(data))
    with pytest.raises(UserError, match="32,768,000,000,000 bytes of voxels, which do not fit"):
        open_stack(path)


def write_npz(path, header, data):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("raw.npy", "w") as file:
        file.write(header + data)


def npy_header(shape, version=1):
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text


@pytest.mark.parametrize("version", [1, 2])
def test_an_archive(tmp_path, stack, version):
    write_npz(tmp_path / "a.npz", npy_header(stack.shape, version), stack.tobytes())
    np.testing.assert_array_equal(open_stack(tmp_path / "a.npz").array[:], stack)


@pytest.mark.parametrize("shape", [(5, 24, 36), (5, 24, 38), (10**5, 10**5, 10**5)])
def test_an_array_in_an_archive_of_another_size(tmp_path, stack, shape):
    write_npz(tmp_path / "a.npz", npy_header(shape), stack.tobytes())
    with pytest.raises(UserError, match="bytes of voxels are due in raw, got 4,440"):
        open_stack(tmp_path / "a.npz")


def test_a_header_of_megabytes(tmp_path):
    header = b"\x93NUMPY\x02\x00" + (2**24).to_bytes(4, "little") + b" " * 2**24
    write_npz(tmp_path / "a.npz", header, b"")
    (tmp_path / "a.npy").write_bytes(header)
    for name in ("a.npz", "a.npy"):
        with pytest.raises(UserError, match="header is cut short, or far too long"):
            open_stack(tmp_path / name)


def test_an_array_that_goes_on(tmp_path, stack):
    (tmp_path / "a.npy").write_bytes(npy_header((4, 24, 37)) + stack.tobytes())
    opened = open_stack(tmp_path / "a.npy")
    assert opened.array.shape == (4, 24, 37)
    assert "it has 888 bytes behind the voxels that its header states." in opened.notes


def test_more_than_memory(monkeypatch):
    check_packed("a", 10**6, 10**4)
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 10**5}))
    with pytest.raises(UserError, match=r"a: its voxels are packed as one and take 0.0 GB of memory"):
        check_packed("a", 10**6, 10**4)


def test_unpack(tmp_path):
    (tmp_path / "a").write_bytes(bytes(10))
    for count, error in ((10, None), (9, ValueError), (11, EOFError)):
        with (tmp_path / "a").open("rb") as file:
            if error is None:
                assert unpack(file, count) == bytes(10)
            else:
                with pytest.raises(error):
                    unpack(file, count)
    assert (rest_note(10, 10), len(rest_note(11, 10))) == ((), 1)


@pytest.mark.parametrize("nm", [1e-7, 1e300, 2.0**63])
def test_a_voxel_size_that_cannot_be(tmp_path, stack, nm):
    array = zarr.create_array(tmp_path / "a.zarr", data=stack)
    array.attrs.update({"resolution": [40, nm, 5], "offset": [1, 2, 3]})
    opened = open_stack(tmp_path / "a.zarr")
    assert (opened.voxel_size, opened.offset, opened.size_source) == (None, None, "")
    assert opened.notes == (f"its voxel size of 40 x {nm:.6g} x 5 nm cannot be: it is left out.",)


def test_a_place_that_cannot_be(tmp_path, stack):
    array = zarr.create_array(tmp_path / "a.zarr", data=stack)
    array.attrs.update({"resolution": [40, 6, 5], "offset": [1, 2.0**63, 3]})
    opened = open_stack(tmp_path / "a.zarr")
    assert (opened.voxel_size, opened.offset) == ((40, 6, 5), None)
    assert opened.notes == ("its place of 1, 9.22337e+18, 3 nm cannot be: it is left out.",)


def test_levels_with_sizes_that_cannot_be(tmp_path, stack):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    datasets = []
    for name, step in (("0", 1), ("1", 2)):
        group.create_array(name, data=stack[:, ::step, ::step])
        scale = {"type": "scale", "scale": [40, 6 * step, 1e30]}
        datasets.append({"path": name, "coordinateTransformations": [scale]})
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    assert [level.voxel_size for level in open_levels(tmp_path / "a.zarr")] == [None, None]


def test_a_unit_of_a_thousand_letters(tmp_path, stack):
    array = zarr.create_array(tmp_path / "a.zarr", data=stack)
    array.attrs.update({"resolution": [40, 6, 5], "units": ["nm", "nm", "x" * 100_000]})
    assert open_stack(tmp_path / "a.zarr").voxel_size is None


def test_a_chunk_of_hdf5_that_is_stored_in_too_many_bytes(tmp_path, stack):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        stored = file.create_dataset("raw", data=stack, chunks=stack.shape, compression="gzip")
        stored.id.write_direct_chunk((0, 0, 0), bytes(200_000))
    with pytest.raises(UserError, match="a chunk of 200,000 bytes is stored where 83,296 are the most"):
        open_stack(tmp_path / "a.h5")


def test_a_dataset_in_chunks_above_the_limit(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("raw", (10**5,) * 3, "u1", chunks=(1, 60_000, 60_000))
    with pytest.raises(UserError, match=r"chunks of at most 2.1 GB are needed"):
        open_stack(tmp_path / "a.h5")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_link_of_hdf5_to_a_pipe(tmp_path, stack):
    os.mkfifo(tmp_path / "pipe")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"], file["other"] = stack, h5py.ExternalLink("pipe", "raw")
    opened = open_stack(tmp_path / "a.h5")
    np.testing.assert_array_equal(opened.array[:], stack)
    with pytest.raises(UserError, match='its link "other" leads to "raw" in the file "pipe", which is not there'):
        open_stack(tmp_path / "a.h5", "other")


def test_a_tag_that_cannot_be_read(tmp_path, stack, capsys):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "ZYX", "spacing": 0.04, "unit": "um"})
    with tifffile.TiffFile(path) as tiff:
        place = tiff.pages[0].tags["ImageDescription"].offset
    data = bytearray(path.read_bytes())
    data[place + 8 : place + 12] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    opened = open_stack(path)
    assert "its tag ImageDescription cannot be read: what it says is left out." in opened.notes
    assert capsys.readouterr().err == ""


def test_planes_of_ome_that_no_image_has(tmp_path, stack):
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="37" SizeY="24" SizeZ="999999999" SizeC="1" '
        'SizeT="1"><TiffData/></Pixels></Image></OME>'
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata=None, description=xml)
    with pytest.raises(UserError, match="its OME-XML claims 999,999,999 planes"):
        open_stack(tmp_path / "a.ome.tif")


@pytest.mark.parametrize("name", ["zarr.json", "attributes.json", "a.nrrd"])
def test_metadata_longer_than_any(tmp_path, stack, monkeypatch, name):
    monkeypatch.setattr("napari_emcad.io.stacks.zarr_files.LONGEST", 10_000)
    monkeypatch.setattr("napari_emcad.io.stacks.tensorstore_arrays.LONGEST", 10_000)
    monkeypatch.setattr("napari_emcad.io.stacks.nrrd._MOST_HEADER", 10_000)
    folder = tmp_path / ("a.n5" if name == "attributes.json" else "a.zarr")
    folder.mkdir()
    if name == "zarr.json":
        zarr.create_array(folder, data=stack, overwrite=True)
        (folder / name).write_text((folder / name).read_text() + " " * 10_000)
    elif name == "attributes.json":
        (folder / name).write_text(
            '{"dimensions": [3, 3, 3], "blockSize": [3, 3, 3], "dataType": "uint8"' + " " * 10_000 + "}"
        )
    else:
        folder = tmp_path / name
        folder.write_text("NRRD0004\ntype: uint8\n# " + "x" * 10_000)
    with pytest.raises(UserError, match=r"has [0-9,]+ bytes|more than|longer than"):
        open_stack(folder)


def test_a_zipped_store_of_entries_larger_than_any(tmp_path, stack, monkeypatch):
    with zarr.storage.ZipStore(tmp_path / "a.zarr.zip", mode="w") as store:
        zarr.create_array(store, data=stack, compressors=None)
    monkeypatch.setattr("napari_emcad.io.stacks.zarr_files.MOST_CHUNK", 1000)
    with pytest.raises(UserError, match="c/0/0/0 has 4,440 bytes"):
        open_stack(tmp_path / "a.zarr.zip")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
@pytest.mark.parametrize("place", ["pipe", "device", "folder"])
def test_a_chunk_of_zarr_that_is_no_file(tmp_path, stack, place):
    zarr.create_array(tmp_path / "a.zarr", data=stack, chunks=(5, 24, 37))
    chunk = tmp_path / "a.zarr/c/0/0/0"
    chunk.unlink()
    {"pipe": os.mkfifo, "device": lambda path: path.symlink_to("/dev/zero"), "folder": os.mkdir}[place](chunk)
    with pytest.raises(UserError, match=r"is no file|Is a directory|a file or folder is needed"):
        open_stack(tmp_path / "a.zarr")


def test_parts_of_a_shard_of_zarr(tmp_path, stack):
    for version, shards in ((3, (5, 24, 37)), (3, None), (2, None)):
        zarr.create_array(
            tmp_path / "a.zarr", data=stack, chunks=(1, 12, 37), shards=shards, zarr_format=version, overwrite=True
        )
        with open_stack(tmp_path / "a.zarr") as opened:
            np.testing.assert_array_equal(opened.array[1:3, 5:20, ::3], stack[1:3, 5:20, ::3])
            np.testing.assert_array_equal(opened.array[:], stack)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_files_of_a_store_that_became_pipes(tmp_path, stack):
    zarr.create_array(tmp_path / "a.zarr", data=stack, chunks=(1, 24, 37))
    with open_stack(tmp_path / "a.zarr") as opened:
        chunk = tmp_path / "a.zarr/c/1/0/0"
        chunk.unlink()
        os.mkfifo(chunk)
        np.testing.assert_array_equal(opened.array[0], stack[0])
        with pytest.raises(UserError, match=r"voxels 1:2,0:24,0:37 cannot be read .0 is no file.; copy or export"):
            opened.array[1]


def test_a_compression_of_many_numbers(tmp_path, stack):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        place = tiff.pages[0].tags["Compression"].offset
    data = bytearray(path.read_bytes())
    data[place + 4 : place + 12] = struct.pack("<II", 1000, 8)
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"cannot be decoded here|cannot be read") as caught:
        open_stack(path)
    assert len(str(caught.value)) < 500


def test_scaled_values_of_nifti_are_told(tmp_path, stack):
    image = nibabel.Nifti1Image(stack.T, np.eye(4))
    image.header.set_slope_inter(2, 5)
    nibabel.save(image, tmp_path / "a.nii")
    opened = open_stack(tmp_path / "a.nii")
    assert opened.array.dtype == "f8"
    assert "its values are multiplied by 2, and 5 is added, as its header says." in opened.notes
