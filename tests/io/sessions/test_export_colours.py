"""Colours of neurons in exports: those of the screen, or the ones that a session without a window has."""

import csv
import json
from itertools import pairwise

import numpy as np
import pytest
import zarr

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.palettes import BRIGHT, COLOUR_BLIND, PALETTES, LabelColours
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.segmentation import Segmentation, fragment_sizes
from napari_emcad.io.labels import label_colours
from napari_emcad.io.sessions.export import export_session
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.snapshot import Snapshot

OTHERS = LabelColours(COLOUR_BLIND, np.arange(16, dtype=np.uint8)[::-1].copy())
"""Colours as a screen may show them."""


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Four fragments side by side, each a neuron."""
    fragments = np.repeat(np.arange(1, 5, dtype=np.uint32), 2)[None, None].repeat(6, axis=1).repeat(3, axis=0)
    affinities, sizes = np.full((3, *fragments.shape), 230, np.uint8), fragment_sizes(fragments)
    affinities[2, :, :, 4] = 50
    graph = drive(build_region_graph(affinities, fragments))
    base = Segmentation(fragments, graph, merge_tree(graph, sizes), sizes)
    facts = SessionFacts(voxel_size_nm=VoxelSize(40, 5, 4), threshold=0.5)
    with create_session(tmp_path_factory.mktemp("session") / "a.emcad", base, affinities, facts) as opened:
        for fragment in (2, 4):
            opened.session.detach(fragment)
        yield opened


@pytest.fixture(params=[BRIGHT, COLOUR_BLIND, OTHERS], ids=["bright", "colour-blind", "shown"])
def colours(request):
    return request.param


@pytest.fixture
def expected(opened, colours):
    """Red, green and blue of each neuron."""
    ids = np.unique(opened.session.state.table)[1:]
    return dict(zip(ids.tolist(), Snapshot.of(opened, shown=colours).colours.rgb(ids).tolist(), strict=True))


def text(rgb) -> str:
    return "#" + bytes(rgb).hex()


def test_a_session_without_a_window_has_its_colours(opened):
    ids = opened.session.state.table[1:5]
    texts = Snapshot.of(opened).colours.texts(ids)
    assert len(set(ids)) == 4 and set(texts) <= set(PALETTES[BRIGHT])
    assert all(a != b for a, b in pairwise(texts)), "they lie side by side"
    assert texts.tolist() == Snapshot.of(opened).colours.texts(ids).tolist()


def test_labels_that_have_no_colour_yet_have_the_first():
    found = LabelColours(BRIGHT, np.array([3, 2], np.uint8)).texts(np.array([1, 2, 10**10]))
    assert found.tolist() == [PALETTES[BRIGHT][2], PALETTES[BRIGHT][0], PALETTES[BRIGHT][0]]


@pytest.mark.parametrize("end", ["csv", "npz", "parquet"])
def test_tables(opened, tmp_path, colours, expected, end):
    path = drive(export_session("neurons", tmp_path / f"a.{end}", opened, colours=colours))
    if end == "csv":
        with path.open(encoding="utf-8", newline="") as file:
            found = {int(line["id"]): line["colour"] for line in csv.DictReader(file)}
    else:
        columns = np.load(path) if end == "npz" else pytest.importorskip("pyarrow.parquet").read_table(path).to_pydict()
        found = dict(zip(map(int, columns["id"]), columns["colour"], strict=True))
    assert found == {label: text(rgb) for label, rgb in expected.items()}


@pytest.mark.parametrize("name", ["ome-zarr", "ome-zarr-0.4"])
def test_ome_zarr(opened, tmp_path, colours, expected, name):
    path = drive(export_session("labels", tmp_path / "a.ome.zarr", opened, name=name, colours=colours))
    attributes = dict(zarr.open_group(path, mode="r").attrs)
    listed = attributes.get("ome", attributes)["image-label"]["colors"]
    assert {one["label-value"]: one["rgba"] for one in listed} == {n: [*rgb, 255] for n, rgb in expected.items()}


def test_too_many_neurons_for_the_attributes_of_ome_zarr(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(label_colours, "MOST_COLOURED", 3)
    path = drive(export_session("labels", tmp_path / "a.ome.zarr", opened))
    assert zarr.open_group(path, mode="r").attrs["ome"]["image-label"] == {}


def test_neuroglancer(opened, tmp_path, colours, expected):
    path = drive(export_session("equivalences", tmp_path / "a.json", opened, colours=colours))
    layer, table = json.loads(path.read_text()), opened.session.state.table
    assert {int(table[int(n)]): colour for n, colour in layer["segmentColors"].items()} == {
        label: text(rgb) for label, rgb in expected.items()
    }


def test_precomputed_volumes(opened, tmp_path, colours, expected):
    pytest.importorskip("tensorstore")
    for _ in range(2):  # the second one replaces the first
        path = drive(export_session("labels", tmp_path / "a.precomputed", opened, colours=colours))
        layer = json.loads((path / "segment_colors.json").read_text())
        assert layer == {"segmentColors": {str(label): text(rgb) for label, rgb in expected.items()}}


def test_surfaces_as_ply(opened, tmp_path, colours, expected):
    folder = drive(export_session("meshes", tmp_path / "a", opened, colours=colours))
    for label, rgb in expected.items():
        header, data = (folder / f"{label}.ply").read_bytes().split(b"end_header\n", 1)
        n = int(header.split(b"element vertex ")[1].split()[0])
        vertices = np.frombuffer(data[: 15 * n], np.dtype([("place", "<f4", 3), ("colour", "u1", 3)]))
        assert n and (vertices["colour"] == rgb).all()


def test_surfaces_of_many_in_one_ply(opened, tmp_path, expected, colours):
    trimesh = pytest.importorskip("trimesh")
    path = drive(export_session("meshes", tmp_path / "a.ply", opened, colours=colours))
    found = np.unique(trimesh.load_mesh(path, process=False).visual.vertex_colors[:, :3], axis=0)
    assert found.tolist() == np.unique(list(expected.values()), axis=0).tolist()


def test_surfaces_as_obj(opened, tmp_path, colours, expected):
    pytest.importorskip("trimesh")
    path = drive(export_session("meshes", tmp_path / "a.obj", opened, colours=colours))
    found: dict[int, set[tuple[int, ...]]] = {}
    for line in path.read_text().splitlines():
        kind, *words = line.split() or [""]
        if kind == "o":
            found[int(words[0])] = here = set()
        elif kind == "v":
            here.add(tuple(round(255 * float(word)) for word in words[3:]))
    assert found == {label: {tuple(rgb)} for label, rgb in expected.items()}


def test_surfaces_as_glb(opened, tmp_path, colours, expected):
    trimesh = pytest.importorskip("trimesh")
    path = drive(export_session("meshes", tmp_path / "a.glb", opened, colours=colours))
    for name, mesh in trimesh.load_scene(path).geometry.items():
        linear = np.array(mesh.visual.material.baseColorFactor[:3]) / 255
        seen = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
        assert np.abs(seen - expected[int(name)]).max() < 8, "linear colours are kept in 8 bits"


def test_a_session_as_it_was(opened, tmp_path):
    path = drive(export_session("neurons", tmp_path / "a.csv", opened, at=0))
    lines = path.read_text().splitlines()[1:]
    assert len(lines) == 2 and all(a.split(",")[-1] != b.split(",")[-1] for a, b in pairwise(lines))
