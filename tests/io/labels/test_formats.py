"""Labels by blocks into every format and back."""

import json
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from drawings import patient
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import drive
from napari_emcad.io.labels import label_volume, tiff_pages, zarr_array
from napari_emcad.io.labels import levels as label_levels
from napari_emcad.io.labels import precomputed as label_precomputed
from napari_emcad.io.labels import zarr as ome_zarr
from napari_emcad.io.labels.formats import FORMATS, check_label_target, write_label_volume
from napari_emcad.io.labels.label_volume import LabelPieces, LabelVolume
from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.io.labels.tiff import rounded_ids_note
from napari_emcad.io.stacks.stack import open_levels, open_stack

NAMES = ["a.tif", "a.zarr", "a.ome.zarr", "a.precomputed", "a"]
ALONE = {"a.precomputed": "precomputed-volume"}
"""Formats without a surface for each label, where every voxel is one."""

SIZE = VoxelSize(40, 5, 4.6)
START = (46, 21, 10)
PROVENANCE = {"model": "small", "source": "/data/raw.tif", "program": "napari-emcad 1"}

edges = st.tuples(st.integers(1, 5), st.integers(1, 40), st.integers(1, 40))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks, chunks and strips of a few voxels, and a pyramid of small sections."""
    monkeypatch.setattr(label_levels, "COARSEST", 8)
    monkeypatch.setattr(ome_zarr, "EDGE", 16)
    monkeypatch.setattr(zarr_array, "CHUNK", (2, 8, 4))
    monkeypatch.setattr(zarr_array, "SHARD", (2, 16, 12))
    monkeypatch.setattr(label_precomputed, "CHUNK", (2, 8, 4))
    monkeypatch.setattr(label_precomputed, "BLOCK", (2, 16, 12))
    monkeypatch.setattr(tiff_pages, "STRIP_BYTES", 64)
    monkeypatch.setattr(label_volume, "BAND_VOXELS", 100)
    monkeypatch.setattr(tiff_pages, "KEPT_BYTES", 300)


def noise(shape=(5, 37, 24), largest=70_000, dtype=np.uint32):
    return np.random.default_rng(sum(shape)).integers(0, largest, shape, dtype, endpoint=True)


def volume_of(values, **other) -> LabelVolume:
    return replace(LabelVolume(values, SIZE, PROVENANCE, START), **other)


def files_in(path) -> dict[str, bytes]:
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
    return {str(f.relative_to(path.parent)): f.read_bytes() for f in files}


def test_every_format_is_tried():
    assert {check_label_target(Path(name)).endings for name in NAMES} == {f.endings for f in FORMATS.values()} - {()}


@pytest.mark.parametrize("name", NAMES)
@patient
@given(shape=edges, largest=st.sampled_from([0, 1, 400, 70_000, 2**32 - 1]))
def test_round_trip(tmp_path_factory, name, shape, largest):
    values = noise(shape, largest)
    path = drive(write_label_volume(tmp_path_factory.mktemp("out") / name, volume_of(values), ALONE.get(name)))
    with open_stack(path) as found:
        assert (found.array.shape, found.voxel_size) == (shape, SIZE)
        np.testing.assert_array_equal(found.array[:], values)
    assert read_provenance(path) == PROVENANCE
    assert [f.name for f in path.parent.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_they_lie_where_they_lay_in_the_stack(tmp_path, name):
    path = drive(write_label_volume(tmp_path / name, volume_of(noise()), ALONE.get(name)))
    assert open_stack(path).offset == pytest.approx(tuple(a * n for a, n in zip(START, SIZE, strict=True)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, np.uint64])
def test_any_whole_numbers(tmp_path, name, dtype):
    values = noise(largest=100, dtype=dtype)
    np.testing.assert_array_equal(
        open_stack(drive(write_label_volume(tmp_path / name, volume_of(values), ALONE.get(name)))).array[:], values
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_same_bytes_by_any_number_of_threads(tmp_path, name, monkeypatch):
    written = []
    for threads in (1, 2, 5):
        for module in (label_levels, tiff_pages, label_volume):
            monkeypatch.setattr(module, "THREADS", threads)
        written.append(files_in(drive(write_label_volume(tmp_path / name, volume_of(noise()), ALONE.get(name)))))
    assert written[0] == written[1] == written[2]
    assert written[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [0, 1, 7])
@pytest.mark.parametrize("older", [True, False])
def test_stopped_in_mid_job(tmp_path, name, steps, older):
    if older:
        drive(write_label_volume(tmp_path / name, volume_of(noise((2, 9, 9))), ALONE.get(name)))
    before = files_in(tmp_path)
    job = write_label_volume(tmp_path / name, volume_of(noise(), largest=70_000), ALONE.get(name))
    progress = [next(job) for _ in range(steps)]
    job.close()
    assert files_in(tmp_path) == before
    assert all(p.done < p.total or p.stage != "surfaces" for p in progress)


@pytest.mark.parametrize("name", NAMES)
def test_progress_ends_with_the_last_block(tmp_path, name):
    steps = list(write_label_volume(tmp_path / name, volume_of(noise(), largest=70_000), ALONE.get(name)))
    by_stage = {stage: [p.done for p in steps if p.stage == stage] for stage in (p.stage for p in steps)}
    assert all(done == sorted(done) for done in by_stage.values())
    assert steps[-1].done == steps[-1].total and steps[0].done < steps[0].total


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk(small_disk, name):
    """Noise of 2.9 MB does not fit on 1 MB; the older labels there do."""
    drive(write_label_volume(small_disk / name, volume_of(noise()), ALONE.get(name)))
    before = files_in(small_disk)
    with pytest.raises(UserError, match=r": disk full, about \d+ MB are needed; nothing was written, make room"):
        drive(write_label_volume(small_disk / name, volume_of(noise((8, 300, 300), 2**32 - 1)), ALONE.get(name)))
    assert files_in(small_disk) == before


@pytest.mark.parametrize("name", ["a.tif", "a.zarr", "a.ome.zarr", "a"])
def test_the_voxel_size_may_be_unknown(tmp_path, name):
    with open_stack(drive(write_label_volume(tmp_path / name, volume_of(noise(), voxel_size=None)))) as found:
        assert found.voxel_size is None and not any(found.offset or ())
        np.testing.assert_array_equal(found.array[:], noise())


def test_neuroglancer_wants_a_voxel_size(tmp_path):
    with pytest.raises(UserError, match=r"a\.precomputed: a precomputed volume needs the voxel size in nm"):
        drive(write_label_volume(tmp_path / "a.precomputed", volume_of(noise(), voxel_size=None)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.zarr", "a.ome.zarr", "a.precomputed"])
def test_blocks_without_labels_take_no_room(tmp_path, name):
    path = drive(write_label_volume(tmp_path / name, volume_of(np.zeros((5, 37, 24), np.uint16))))
    assert sum(len(content) for content in files_in(path).values()) < 10_000
    assert not open_stack(path).array[:].any()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [(noise().astype(float), "whole-number labels"), (noise()[0], "got shape"), (noise()[:0], "got shape")],
)
@pytest.mark.parametrize("name", NAMES)
def test_what_are_no_labels(tmp_path, name, values, sentence):
    with pytest.raises(UserError, match=sentence):
        drive(write_label_volume(tmp_path / name, volume_of(values), ALONE.get(name)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.tif", "a.precomputed", "a"])
def test_ids_below_0(tmp_path, name):
    values = noise(dtype=np.int64)
    values[3, 30, 20] = -7
    with pytest.raises(UserError, match=r"ids from 0 to [\d,]+ are needed, got -7 in section 3; renumber the labels"):
        drive(write_label_volume(tmp_path / name, volume_of(values), ALONE.get(name)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_taken(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match=r"this name is taken|this is a folder"):
        drive(write_label_volume(tmp_path / name, volume_of(noise()), ALONE.get(name)))
    assert (tmp_path / name / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("name", NAMES[:-1])
def test_the_stack_is_never_replaced(tmp_path, name):
    drive(write_label_volume(tmp_path / name, volume_of(noise()), ALONE.get(name)))
    before = files_in(tmp_path)
    with pytest.raises(UserError, match="this is the stack that the labels come from"):
        drive(write_label_volume(tmp_path / name, volume_of(noise(), provenance={"source": str(tmp_path / name)})))
    assert files_in(tmp_path) == before


def test_a_name_that_asks_for_nothing(tmp_path):
    with pytest.raises(UserError, match=r"a\.csv: a name that ends in \.ome\.zarr, \.zarr, \.precomputed, \.tif, "):
        write_label_volume(tmp_path / "a.csv", volume_of(noise()))


def test_a_format_may_be_named_beside_the_name(tmp_path):
    path = drive(write_label_volume(tmp_path / "ac4.raw sections", volume_of(noise()), "tiff-series"))
    np.testing.assert_array_equal(open_stack(path).array[:], noise())


def test_sections_are_named_by_their_number_in_the_stack(tmp_path):
    folder = drive(write_label_volume(tmp_path / "a", volume_of(noise())))
    assert sorted(f.name for f in folder.iterdir()) == [f"section_000{z}.tif" for z in range(46, 51)]
    file = folder / "section_00048.tif"
    np.testing.assert_array_equal(tifffile.imread(file), noise()[2])
    assert open_stack(file).voxel_size == SIZE
    assert open_stack(file).offset == pytest.approx((48 * 40, 21 * 5, 10 * 4.6))
    assert read_provenance(file) == PROVENANCE


def test_a_folder_without_files_may_be_used(tmp_path):
    (tmp_path / "a").mkdir()
    drive(write_label_volume(tmp_path / "a", volume_of(noise())))
    assert open_stack(tmp_path / "a").array.shape == (5, 37, 24)


def test_zarr_says_what_other_tools_ask_for(tmp_path):
    attributes = zarr.open_array(drive(write_label_volume(tmp_path / "a.zarr", volume_of(noise()))), mode="r").attrs
    assert (attributes["resolution"], attributes["units"], attributes["axes"]) == ([*SIZE], ["nm"] * 3, ["z", "y", "x"])
    assert (attributes["voxel_size"], attributes["axis_names"]) == ([*SIZE], ["z", "y", "x"])
    assert attributes["_ARRAY_DIMENSIONS"] == ["z", "y", "x"]
    assert attributes["dimension_units"] == [f"{length:g} nm" for length in SIZE]
    assert attributes["offset"] == pytest.approx([1840, 105, 46])


def test_what_neuroglancer_reads(tmp_path):
    folder = drive(
        write_label_volume(
            tmp_path / "a.precomputed", volume_of(noise(dtype=np.uint16, largest=9)), "precomputed-volume"
        )
    )
    info = json.loads((folder / "info").read_text())
    assert (info["type"], info["data_type"], info["num_channels"]) == ("segmentation", "uint32", 1)
    assert info["@type"] == "neuroglancer_multiscale_volume"
    scales = info["scales"]
    assert [scale["resolution"] for scale in scales] == [[4.6 * k, 5 * k, 40] for k in (1, 2, 4, 8)]
    assert [scale["voxel_offset"] for scale in scales] == [[10, 21, 46], [5, 11, 46], [3, 6, 46], [2, 3, 46]]
    assert {scale["encoding"] for scale in scales} == {"compressed_segmentation"}
    stored = json.loads((folder / "provenance").read_text())
    assert stored["sources"] == ["/data/raw.tif"] and stored["processing"][0]["method"]["model"] == "small"


def test_ids_of_8_bytes_stay(tmp_path):
    values = noise().astype(np.uint64) + 2**40
    folder = drive(write_label_volume(tmp_path / "a.precomputed", volume_of(values), "precomputed-volume"))
    np.testing.assert_array_equal(open_stack(folder).array[:], values)


@patient
@given(shape=edges, start=st.tuples(*[st.integers(0, 70)] * 3))
def test_scales_lie_on_the_grid_of_the_stack(tmp_path_factory, shape, start):
    """A coarse voxel shows the stack's pixel at its corner, where there are labels."""
    values = noise(shape)
    folder = drive(
        write_label_volume(
            tmp_path_factory.mktemp("out") / "a.precomputed", volume_of(values, start=start), "precomputed-volume"
        )
    )
    scales = json.loads((folder / "info").read_text())["scales"]
    for k, (source, scale) in enumerate(zip(open_levels(folder) or [open_stack(folder)], scales, strict=True)):
        places = []
        for a, n, o, side in zip(
            start[1:], shape[1:], scale["voxel_offset"][1::-1], source.array.shape[1:], strict=True
        ):
            wanted = [p for p in range(a, a + n) if p % 2**k == 0] or [a + n - 1]
            assert [p >> k for p in wanted] == list(range(o, o + side))
            places.append([p - a for p in wanted])
        np.testing.assert_array_equal(source.array[:], values[:, places[0]][:, :, places[1]])


def test_the_extra_is_named_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorstore", None)
    with pytest.raises(UserError, match=r'python -m pip install "napari-emcad\[precomputed\]"'):
        drive(write_label_volume(tmp_path / "a.precomputed", volume_of(noise()), "precomputed-volume"))
    assert not list(tmp_path.iterdir())


def test_what_tensorstore_says_is_one_sentence(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise ValueError("PERMISSION_DENIED: Error opening a file [OS error 13: EACCES Permission denied]")

    monkeypatch.setattr("tensorstore.open", refused)
    with pytest.raises(UserError, match=r"a\.precomputed: there is no permission to write in .*; choose another"):
        drive(write_label_volume(tmp_path / "a.precomputed", volume_of(noise()), "precomputed-volume"))
    assert not list(tmp_path.iterdir())


class Endless:
    """A section of 256 MB that is made as it is read."""

    shape, dtype = (1, 8192, 8192), np.dtype(np.uint32)

    def __getitem__(self, box):
        rows, columns = np.ogrid[box[1], box[2] if len(box) > 2 else slice(0, 8192)]
        return ((rows // 64 + columns // 64) % 7).astype(np.uint32)[None]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_memory_follows_the_block_not_the_section(tmp_path, name, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(label_levels, "THREADS", 2)
    monkeypatch.setattr(tiff_pages, "THREADS", 2)
    tracemalloc.start()
    try:
        drive(write_label_volume(tmp_path / name, volume_of(Endless(), largest=6), ALONE.get(name)))
        assert tracemalloc.get_traced_memory()[1] < 160 * 2**20
    finally:
        tracemalloc.stop()


# ---- which folders may be replaced -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_folder_to_which_somebody_added_is_not_replaced(tmp_path, name):
    drive(write_label_volume(tmp_path / name, volume_of(noise((2, 9, 9))), ALONE.get(name)))
    drive(write_label_volume(tmp_path / name, volume_of(noise((1, 9, 9))), ALONE.get(name)))
    (tmp_path / name / "notes").mkdir()
    with pytest.raises(UserError, match="this name is taken by something that is no "):
        write_label_volume(tmp_path / name, volume_of(noise((2, 9, 9))))


def test_zarr_and_precomputed_volumes_of_others_are_not_replaced(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", shape=(2, 9, 9), dtype=np.uint8)[:] = 1
    folder = drive(write_label_volume(tmp_path / "a.precomputed", volume_of(noise()), "precomputed-volume"))
    (folder / "provenance").write_text('{"processing": [{"method": {}, "by": "me@lab"}]}')
    for name in ("a.zarr", "a.ome.zarr", "a.precomputed"):
        if (tmp_path / name).exists():
            with pytest.raises(UserError, match="this name is taken"):
                write_label_volume(tmp_path / name, volume_of(noise()))


# ---- ids that some programs do not show ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.tif", "a"])
@pytest.mark.parametrize(
    ("largest", "says"), [(60_000, ""), (2**24, ""), (2**24 + 1, "16,777,217; ImageJ rounds"), (2**31, "as negative")]
)
def test_ids_that_imagej_rounds(tmp_path, name, largest, says):
    values = np.full((2, 5, 6), largest, np.uint32)
    note = rounded_ids_note(drive(write_label_volume(tmp_path / name, volume_of(values))))
    assert says in note and bool(says) == bool(note)


def test_other_formats_say_nothing_of_imagej(tmp_path):
    values = np.full((2, 5, 6), 2**31, np.uint32)
    for name in ("a.zarr", "a.ome.zarr", "a.precomputed"):
        assert not rounded_ids_note(drive(write_label_volume(tmp_path / name, volume_of(values))))


# ---- shards and surfaces of precomputed volumes -------------------------------------------------------------------


@patient
@given(shape=edges, start=st.tuples(*[st.integers(0, 70)] * 3))
def test_precomputed_volumes_in_shards(tmp_path_factory, shape, start):
    values = noise(shape)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(label_precomputed, "MOST_FILES", 3)
        patched.setattr(label_precomputed, "SHARD_BITS", 2)
        path = tmp_path_factory.mktemp("out") / "a.precomputed"
        drive(write_label_volume(path, volume_of(values, start=start), "precomputed-volume"))
    chunks = np.prod([-(-n // c) for n, c in zip(shape, (2, 8, 4), strict=True)])
    scale = json.loads((path / "info").read_text())["scales"][0]
    assert ("sharding" in scale) == (chunks > 3)
    if chunks > 3:
        assert len(list((path / scale["key"]).iterdir())) <= chunks / 2
    with open_stack(path) as found:
        np.testing.assert_array_equal(found.array[:], values)


def cube(start=(2, 3, 4), stop=(4, 7, 9), label=5, shape=(6, 12, 14)):
    values = np.zeros(shape, np.uint32)
    values[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = label
    return values


def read_neuroglancer_mesh(folder, label):
    """Vertices (n, 3) x, y, z and faces (m, 3), by the text of the format."""
    (name,) = json.loads((folder / "mesh" / f"{label}:0").read_text())["fragments"]
    data = (folder / "mesh" / name).read_bytes()
    n = int(np.frombuffer(data, "<u4", 1)[0])
    return np.frombuffer(data, "<f4", 3 * n, 4).reshape(-1, 3), np.frombuffer(data, "<u4", -1, 4 + 12 * n).reshape(
        -1, 3
    )


@pytest.mark.parametrize("label", [5, 2**31 + 5])
@pytest.mark.parametrize("with_pieces", [True, False])
def test_surfaces_of_precomputed_volumes_fit_their_voxels(tmp_path, label, with_pieces):
    values, half = cube(label=label), cube(label=3)
    half[3:] *= 2  # two fragments make the cube
    half //= 3
    table = np.array([0, label, label], np.uint32)
    volume = volume_of(values, pieces=LabelPieces(half, table) if with_pieces else None)
    folder = drive(write_label_volume(tmp_path / "a.precomputed", volume))
    vertices, faces = read_neuroglancer_mesh(folder, label)
    first = np.add(START, (2, 3, 4)) * SIZE
    last = np.add(START, (4, 7, 9)) * SIZE
    np.testing.assert_allclose(vertices.min(0)[::-1], first, rtol=1e-6)
    np.testing.assert_allclose(vertices.max(0)[::-1], last, rtol=1e-6)
    corners = vertices.astype(float)[faces] - vertices.mean(0)
    enclosed = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert 0.6 * np.prod(last - first) < enclosed < np.prod(last - first)  # outwards, without the corners
    info = json.loads((folder / "info").read_text())
    assert json.loads((folder / info["mesh"] / "info").read_text()) == {"@type": "neuroglancer_legacy_mesh"}
    inline = json.loads((folder / info["segment_properties"] / "info").read_text())["inline"]
    assert inline["ids"] == [str(label)]
    assert inline["properties"][0]["values"] == pytest.approx([np.prod(last - first) / 1e9])
    assert open_stack(folder).array[3, 4, 5] == label


def test_file_names_without_colons_mean_no_surfaces(tmp_path, monkeypatch):
    monkeypatch.setattr(label_precomputed, "can_name_surfaces", lambda: False)
    folder = drive(write_label_volume(tmp_path / "a.precomputed", volume_of(cube())))
    assert "mesh" not in json.loads((folder / "info").read_text()) and not (folder / "mesh").exists()
