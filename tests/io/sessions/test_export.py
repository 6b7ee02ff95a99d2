import csv
import json
import sys
from datetime import datetime

import numpy as np
import pytest
import zarr
from graphs import widened

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.ids import file_dtype
from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.segmentation import Segmentation, fragment_sizes
from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.io.sessions import export_tables
from napari_emcad.io.sessions.export import EXPORTS, Snapshot, export_session
from napari_emcad.io.sessions.export_meshes import export_meshes
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.proofreading.effect_text import effect_from

NAMES = {
    "labels": "out.tif",
    "fragments": "out.tif",
    "interpolated": "out.tif",
    "table": "out.csv",
    "graph": "out.csv",
    "neurons": "out.csv",
    "log": "out.csv",
    "equivalences": "out.json",
    "meshes": "out",
}
"""A name for each export."""

START, SIZE = (1, 20, 300), VoxelSize(40, 5, 4)
FACTS = SessionFacts(voxel_size_nm=SIZE, box=(START, (4, 26, 308)), threshold=0.5, model="small")


def drawn() -> tuple[Segmentation, np.ndarray]:
    """Four fragments side by side, 2 columns each, in (3, 6, 8) voxels; the last row of each section is of none.

    Affinities part 1 2 | 3 4 at the threshold.
    """
    fragments = np.repeat(np.array([1, 1, 2, 2, 3, 3, 4, 4], np.uint32)[None], 6, axis=0)[None].repeat(3, axis=0)
    fragments[:, 5] = 0
    affinities = np.full((3, *fragments.shape), 230, np.uint8)
    affinities[2, :, :, 4] = 50
    sizes = fragment_sizes(fragments)
    graph = drive(build_region_graph(affinities, fragments))
    tree = merge_tree(graph, sizes)
    return Segmentation(fragments, graph, tree, sizes), affinities


@pytest.fixture(params=["ids of 4 bytes", "ids of 8 bytes"])
def opened(tmp_path, request):
    """Edits: 1 merge 1 + 4, 2 lock it; 3 detach is undone by 4 and so is not in force; 5 a fragment parted.

    Then there are {1, 2, 3, 4} -> with its fragments 1, 3, 4 and the two parts of 2.
    """
    base, affinities = drawn()
    base = widened(base) if request.param == "ids of 8 bytes" else base
    with create_session(tmp_path / "a.emcad", base, affinities, FACTS) as opened:
        session = opened.session
        session.merge(2, 3, voxels=[[0, 1, 3], [0, 1, 4]])
        session.lock(int(session.state.table[1]))
        session.unlock(int(session.state.table[1]))
        session.detach(4)
        session.undo()
        session.split_fragment([(0, 0, 2)], [(2, 4, 3)])
        session.detach(1)
        session.lock(int(session.state.table[1]))
        yield opened


def rows_of(path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def export(what, path, opened, at=None):
    assert drive(export_session(what, path, opened, at)) == path
    assert not list(path.parent.glob("*.part*"))
    return path


def brute_labels(session):
    state = session.state
    return np.vectorize(lambda f: int(state.table[f]))(state.base.fragments)


@pytest.mark.parametrize("name", ["labels.tif", "labels.zarr", "labels.ome.zarr", "labels.precomputed", "labels"])
def test_labels(opened, tmp_path, name):
    path = export("labels", tmp_path / name, opened)
    with open_stack(path) as found:
        assert found.array.dtype == (np.uint32 if name == "labels.precomputed" else np.uint16)
        assert found.voxel_size == SIZE
        np.testing.assert_array_equal(found.array[:], brute_labels(opened.session))
    provenance = read_provenance(path)
    assert (provenance["model"], provenance["edits"], provenance["session"]) == ("small", 8, "a.emcad")
    assert provenance["box"] == [list(START), [4, 26, 308]]


@pytest.mark.parametrize("name", ["labels.tif", "labels.zarr", "labels.ome.zarr", "labels.precomputed", "labels"])
def test_labels_as_they_were(opened, tmp_path, name):
    live = opened.session.state.digest()
    base, _ = drawn()
    path = export("labels", tmp_path / name, opened, at=0)
    with open_stack(path) as found:
        np.testing.assert_array_equal(found.array[:], base.table(0.5)[base.fragments])
    assert read_provenance(path)["edits"] == 0
    assert opened.session.state.digest() == live


def test_an_older_file_is_replaced(opened, tmp_path):
    (tmp_path / "labels.tif").write_text("old")
    export("labels", tmp_path / "labels.tif", opened)
    with open_stack(tmp_path / "labels.tif") as found:
        assert found.array.shape == (3, 6, 8)


def test_fragments(opened, tmp_path):
    path = export("fragments", tmp_path / "fragments.zarr", opened)
    found = zarr.open(path, mode="r")[:]
    np.testing.assert_array_equal(found, opened.session.state.base.fragments)
    assert 2 not in found and found.dtype == file_dtype(opened.session.state.table.dtype)
    np.testing.assert_array_equal(zarr.open(opened.folder / "fragments.zarr", mode="r")[:], drawn()[0].fragments)


def test_table(opened, tmp_path):
    state = opened.session.state
    expected = {int(f): int(state.table[f]) for f in np.unique(state.base.fragments) if f}
    lines = rows_of(export("table", tmp_path / "table.csv", opened))
    assert {int(line["fragment"]): int(line["segment"]) for line in lines} == expected
    with np.load(export("table", tmp_path / "table.npz", opened)) as file:
        assert dict(zip(file["fragment"].tolist(), file["segment"].tolist(), strict=True)) == expected
        assert file["fragment"].dtype == file["segment"].dtype == state.table.dtype


@pytest.mark.parametrize("what", ["table", "graph", "neurons", "log"])
def test_tables_are_the_same_in_every_format(opened, tmp_path, what):
    parquet = pytest.importorskip("pyarrow.parquet")
    lines = rows_of(export(what, tmp_path / "a.csv", opened))
    table = parquet.read_table(export(what, tmp_path / "a.parquet", opened)).to_pydict()
    assert list(table) == list(lines[0])
    for name, column in table.items():
        texts = [line[name] for line in lines]
        if isinstance(column[0], str):
            assert texts == column
        else:
            np.testing.assert_allclose([float(text) for text in texts], column, rtol=1e-8)
    if what == "log":
        with pytest.raises(UserError, match=r"this table holds texts, and \.npz numbers alone"):
            drive(export_session(what, tmp_path / "a.npz", opened))
        return
    with np.load(export(what, tmp_path / "a.npz", opened)) as file:
        assert {name: file[name].tolist() for name in file} == table


def test_parquet_names_its_extra(opened, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UserError, match=r'python -m pip install "napari-emcad\[parquet\]"'):
        drive(export_session("table", tmp_path / "a.parquet", opened))
    assert not (tmp_path / "a.parquet").exists()


@pytest.mark.parametrize(
    ("what", "name", "sentence"),
    [
        ("table", "a.txt", r"a name that ends in \.csv, \.npz, \.parquet is needed for a table"),
        ("equivalences", "a.csv", r"a name that ends in \.json is needed"),
        ("meshes", "a.txt", r"a name that ends in \.ply, \.obj, \.stl, \.glb, or a folder's without an end, is needed"),
    ],
)
def test_ends_that_say_no_format(opened, tmp_path, what, name, sentence):
    with pytest.raises(UserError, match=sentence):
        drive(export_session(what, tmp_path / name, opened))
    assert not (tmp_path / name).exists()


def test_graph(opened, tmp_path):
    state = opened.session.state
    with np.load(export("graph", tmp_path / "graph.npz", opened)) as file:
        columns = dict(file)
    lines = rows_of(export("graph", tmp_path / "graph.csv", opened))
    for name, column in columns.items():
        np.testing.assert_allclose([float(line[name]) for line in lines], column)
    fragments = state.base.fragments
    for line in lines:
        u, v = int(line["u"]), int(line["v"])
        assert int(line["segment_u"]) == state.table[u]
        assert int(line["segment_v"]) == state.table[v]
        z, y, x = (int(line[axis]) - start for axis, start in zip("zyx", START, strict=True))
        assert fragments[z, y, x] in (u, v), "the contact voxel is at the contact, in the stack's coordinates"
        assert (line["bridge"], line["edited"]) == ("0", "1")
    assert len(lines) == len(state.graph)


def test_graph_with_a_bridge(opened, tmp_path):
    opened.session.unlock(int(opened.session.state.table[1]))
    opened.session.detach(4)
    opened.session.merge(1, 4, confirmed=True)
    lines = rows_of(export("graph", tmp_path / "graph.csv", opened))
    assert [(ln["u"], ln["v"], ln["area"], ln["z"]) for ln in lines if ln["bridge"] == "1"] == [("1", "4", "0", "-1")]


def test_graph_that_nobody_edited(opened, tmp_path):
    lines = rows_of(export("graph", tmp_path / "graph.csv", opened, at=0))
    assert [(ln["u"], ln["v"], ln["edited"]) for ln in lines] == [("1", "2", "0"), ("2", "3", "0"), ("3", "4", "0")]


def test_log(opened, tmp_path):
    lines = rows_of(export("log", tmp_path / "log.csv", opened))
    rows = opened.session.log.rows
    kinds = ["merge", "lock", "unlock", "detach", "undo", "split", "detach", "lock"]
    assert [line["kind"] for line in lines] == kinds
    assert [line["in_force"] for line in lines] == ["1", "1", "1", "0", "0", "1", "1", "1"]
    for line, row in zip(lines, rows, strict=True):
        assert int(line["seq"]) == row.seq
        assert json.loads(line["input"]) == json.loads(json.dumps(row.input))
        assert datetime.fromisoformat(line["time"]).timestamp() == pytest.approx(row.time, abs=1e-3)
        assert len(effect_from(line["effect"]).moves) == len(row.effect.moves)
    assert len(rows_of(export("log", tmp_path / "log.csv", opened, at=4))) == 4


@pytest.mark.parametrize("end", ["csv", "parquet"])
def test_a_log_is_written_a_few_edits_at_a_time(opened, tmp_path, monkeypatch, end):
    def content(name):
        path = export("log", tmp_path / f"{name}.{end}", opened)
        return path.read_text() if end == "csv" else pytest.importorskip("pyarrow.parquet").read_table(path)

    whole = content("whole")
    monkeypatch.setattr(export_tables, "LOG_ROWS", 3)
    assert content("parts") == whole


def test_the_log_of_a_session_without_edits_has_its_columns(opened, tmp_path):
    path = export("log", tmp_path / "log.csv", opened, at=0)
    assert path.read_text().strip() == "seq,time,user,duration_ms,kind,in_force,base_hash,input,effect"


def test_neurons(opened, tmp_path):
    labels, state = brute_labels(opened.session), opened.session.state
    lines = rows_of(export("neurons", tmp_path / "neurons.csv", opened))
    assert [int(line["id"]) for line in lines] == np.unique(labels[labels > 0]).tolist()
    for line in lines:
        places = np.argwhere(labels == int(line["id"]))
        assert int(line["voxels"]) == len(places)
        assert float(line["volume_um3"]) == pytest.approx(len(places) * 40 * 5 * 4 / 1e9)
        low, high = ((end + START) * np.array(SIZE) for end in (places.min(0), places.max(0) + 1))
        assert [float(line[f"{axis}0_nm"]) for axis in "zyx"] == low.tolist()
        assert [float(line[f"{axis}1_nm"]) for axis in "zyx"] == high.tolist()
        assert (line["done"] == "1") == (int(line["id"]) in state.locked)
    assert {line["done"] for line in lines} == {"0", "1"}


def test_equivalences(opened, tmp_path):
    state = opened.session.state
    layer = json.loads(export("equivalences", tmp_path / "equivalences.json", opened).read_text())
    found, colours = layer["equivalences"], Snapshot.of(opened).colours
    there = [f for f in np.unique(state.base.fragments).tolist() if f]
    expected = {frozenset(str(f) for f in there if state.table[f] == s) for s in state.table[there].tolist()}
    assert {frozenset(group) for group in found} == {group for group in expected if len(group) > 1}
    assert sum(map(len, found)) == len({f for group in found for f in group})
    smallest = {min(group, key=int) for group in expected}
    texts = colours.texts(state.table[[int(f) for f in smallest]]).tolist()
    assert layer["segmentColors"] == dict(zip(smallest, texts, strict=True))


def read_ply(path):
    header, data = path.read_bytes().split(b"end_header\n", 1)
    words = header.decode().split()
    n, m = (int(words[words.index(kind) + 1]) for kind in ("vertex", "face"))
    vertices = np.frombuffer(data[: 15 * n], np.dtype([("place", "<f4", 3), ("colour", "u1", 3)]))["place"]
    lists = np.frombuffer(data[15 * n :], np.dtype([("corners", "u1"), ("vertices", "<i4", 3)]))
    assert len(lists) == m
    assert (lists["corners"] == 3).all()
    return vertices.astype(float), lists["vertices"]


def volume_inside(vertices, faces) -> float:
    """Signed: positive where the faces look outwards."""
    a, b, c = (vertices[faces[:, i]] - vertices.mean(0) for i in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def test_meshes(opened, tmp_path):
    labels = brute_labels(opened.session)
    folder = export("meshes", tmp_path / "meshes", opened)
    files = list(folder.glob("*.ply"))
    assert {int(f.stem) for f in files} == set(np.unique(labels[labels > 0]).tolist())
    assert json.loads((folder / "meshes.json").read_text())["units"] == "nm"
    for file in files:
        vertices, faces = read_ply(file)
        places = np.argwhere(labels == int(file.stem)) + START
        x_y_z = np.array(SIZE)[::-1]
        np.testing.assert_allclose(vertices.min(0), places.min(0)[::-1] * x_y_z)
        np.testing.assert_allclose(vertices.max(0), (places.max(0)[::-1] + 1) * x_y_z)
        assert 0.5 < volume_inside(vertices, faces) / (len(places) * x_y_z.prod()) < 1
        edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all(), "the surface is closed"


def test_meshes_of_some(opened, tmp_path):
    snapshot = Snapshot.of(opened)
    one = int(opened.session.state.table[1])
    folder = drive(export_meshes(tmp_path / "meshes", snapshot, [one]))
    assert sorted(f.name for f in folder.iterdir()) == [f"{one}.ply", "meshes.json"]
    with pytest.raises(UserError, match="there is no segment 99"):
        drive(export_meshes(tmp_path / "more", snapshot, [one, 99]))
    assert len(list(drive(export_meshes(folder, snapshot)).iterdir())) > 2
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="this name is taken"):
        drive(export_meshes(folder, snapshot))


def scene_of(file):
    """Vertices (n, 3) x, y, z of each object of a file, by name."""
    trimesh = pytest.importorskip("trimesh")
    options = {"split_objects": True} if file.suffix == ".obj" else {}
    return {name: np.array(mesh.vertices) for name, mesh in trimesh.load_scene(file, **options).geometry.items()}


@pytest.mark.parametrize("end", ["ply", "obj", "stl", "glb"])
def test_all_surfaces_in_one_file(opened, tmp_path, end):
    labels = brute_labels(opened.session)
    found = scene_of(export("meshes", tmp_path / f"all.{end}", opened))
    ids = np.unique(labels[labels > 0]).tolist()
    assert len(found) == (len(ids) if end in ("obj", "glb") else 1)
    if end in ("obj", "glb"):
        assert {int(name) for name in found} == set(ids)
    places, x_y_z = np.argwhere(labels > 0) + START, np.array(SIZE)[::-1]
    vertices = np.concatenate(list(found.values()))
    np.testing.assert_allclose(vertices.min(0), places.min(0)[::-1] * x_y_z, rtol=1e-5)
    np.testing.assert_allclose(vertices.max(0), (places.max(0)[::-1] + 1) * x_y_z, rtol=1e-5)


def test_a_folder_of_surfaces_in_a_chosen_format(opened, tmp_path):
    pytest.importorskip("trimesh")
    folder = drive(export_session("meshes", tmp_path / "meshes", opened, name="obj"))
    ids = np.unique(opened.session.state.table)[1:].tolist()
    assert {f.name for f in folder.iterdir()} <= {"meshes.json", *(f"{i}.obj" for i in ids)}
    assert len(list(folder.glob("*.obj"))) > 1


def test_surfaces_name_their_extra(opened, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "trimesh", None)
    with pytest.raises(UserError, match=r'python -m pip install "napari-emcad\[meshes\]", or choose \.ply'):
        drive(export_session("meshes", tmp_path / "all.glb", opened))
    assert not (tmp_path / "all.glb").exists()


def test_table_surfaces_and_precomputed_volumes_agree_on_a_place(opened, tmp_path):
    """The box of each neuron in nm is the same in the table of neurons, as PLY, and in neuroglancer."""
    folder = export("meshes", tmp_path / "meshes", opened)
    volume = export("labels", tmp_path / "labels.precomputed", opened)
    lines = rows_of(export("neurons", tmp_path / "neurons.csv", opened))
    assert lines
    for line in lines:
        data = (volume / "mesh" / line["id"]).read_bytes()
        neuroglancer = np.frombuffer(data, "<f4", 3 * int(np.frombuffer(data, "<u4", 1)[0]), 4).reshape(-1, 3)
        for vertices in (read_ply(folder / f"{line['id']}.ply")[0], neuroglancer):
            np.testing.assert_allclose(vertices.min(0), [float(line[f"{a}0_nm"]) for a in "xyz"], rtol=1e-6)
            np.testing.assert_allclose(vertices.max(0), [float(line[f"{a}1_nm"]) for a in "xyz"], rtol=1e-6)


@pytest.mark.parametrize("what", ["neurons", "meshes"])
def test_nanometres_need_a_voxel_size(tmp_path, what):
    base, _ = drawn()
    with (
        create_session(tmp_path / "a.emcad", base, None, SessionFacts(threshold=0.5)) as opened,
        pytest.raises(UserError, match="the voxel size in nm is needed"),
    ):
        drive(export_session(what, tmp_path / NAMES[what], opened))
    assert not (tmp_path / NAMES[what]).exists()


@pytest.mark.parametrize("what", EXPORTS)
def test_a_folder_that_is_missing(opened, tmp_path, what):
    with pytest.raises(UserError, match="does not exist"):
        drive(export_session(what, tmp_path / "none" / NAMES[what], opened))


def test_an_export_that_is_stopped_leaves_nothing(opened, tmp_path):
    for what, name in (("labels", "a.tif"), ("labels", "a.zarr"), ("meshes", "meshes")):
        job = export_session(what, tmp_path / name, opened)
        next(job)
        job.close()
    assert [f.name for f in tmp_path.iterdir()] == ["a.emcad"]


def test_a_reader_exports_what_another_program_edits(opened, tmp_path):
    with open_session(opened.folder, to_read=True) as reader:
        path = export("labels", tmp_path / "labels.tif", reader)
    with open_stack(path) as found:
        np.testing.assert_array_equal(found.array[:], brute_labels(opened.session))
