"""From neurons to files and back, without a window."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
import zarr

from napari_emcad.core.palettes import BRIGHT, COLOUR_BLIND
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.io.affinities import open_affinities
from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.io.stacks.stack import open_stack as open_file
from napari_emcad.widgets.export.export_request import BOX, DONE, SELECTED, ExportRequest
from napari_emcad.widgets.export.exporter import Exporter
from napari_emcad.widgets.export.file_formats import (
    LABEL_FORMATS,
    LAYER,
    MADE_UP,
    PRECOMPUTED,
    SESSION_FORMATS,
    TIFF,
    TIFF_AND_ZARR,
)

PART = np.s_[1:3, 9:40, 11:41]
SHAPE = (3, 48, 64)


@pytest.fixture
def exporter(desk):
    return Exporter(desk)


@pytest.fixture
def neurons(exporter, drawn_result):
    """An exporter over neurons; their layer."""
    drawn_result.affinities[:] = np.arange(drawn_result.affinities.size).reshape(drawn_result.affinities.shape) % 251
    return drawn_result.neuron_layer


@pytest.fixture
def box(desk, neurons):
    """A box drawn over a part of the neurons: `PART`."""
    desk.region.draw()
    corners = np.array([[1, 8.4, 10.4], [1, 8.4, 40.2], [1, 39.7, 40.2], [1, 39.7, 10.4]])
    desk.region.shapes.layer.add_rectangles(corners)
    desk.region.sections = (1, 2)


@pytest.fixture
def save(exporter, loop):
    """Export to a path; labels and voxel size as they are read again."""

    def save(path):
        exporter.save(path)
        loop.work()
        with open_file(path) as volume:
            return volume.array[:], volume.voxel_size

    return save


def data(layer):
    return np.asarray(layer.data)


# ---- neurons -----------------------------------------------------------------------------------------------------


def test_all_neurons(exporter, neurons, desk, save, tmp_path):
    assert exporter.facts == "2 neurons in 3 x 48 x 64 voxels" and not exporter.why_not
    labels, voxel_size = save(tmp_path / "labels.tif")
    np.testing.assert_array_equal(labels, data(neurons))
    assert voxel_size == (40, 5, 6)
    assert desk.message.text == f"Saved {tmp_path / 'labels.tif'}"
    stated = read_provenance(tmp_path / "labels.tif")
    assert stated["parameters"]["threshold"] == 0.5
    assert stated["box"] == [[0, 0, 0], [3, 48, 64]] and stated["neurons"] == "all"


def test_neurons_are_saved_as_they_are_shown(neurons, desk, loop, save, tmp_path):
    before = data(neurons).copy()
    desk.threshold.move(0.05)
    loop.settle()
    labels, _ = save(tmp_path / "labels.tif")
    np.testing.assert_array_equal(labels, data(neurons))
    assert (labels != before).any()
    assert read_provenance(tmp_path / "labels.tif")["parameters"]["threshold"] == 0.05


def test_a_threshold_that_has_just_been_moved(exporter, neurons, desk, tmp_path, monkeypatch):
    monkeypatch.setattr(type(desk.results), "is_settled", property(lambda _: False))
    exporter.save(tmp_path / "labels.tif")
    assert "has just been moved" in desk.message.text and not list(tmp_path.iterdir())


def test_the_selected_neuron(exporter, neurons, desk, save, tmp_path):
    exporter.request = ExportRequest(which=SELECTED)
    neurons.selected_label = chosen = int(data(neurons).max())
    labels, _ = save(tmp_path / "one.tif")
    np.testing.assert_array_equal(labels, np.where(data(neurons) == chosen, chosen, 0))
    neurons.selected_label = 900
    exporter.save(tmp_path / "none.tif")
    assert "is no neuron" in desk.message.text and not (tmp_path / "none.tif").exists()


def test_no_neuron_is_done(exporter, neurons, desk, tmp_path):
    exporter.request = ExportRequest(which=DONE)
    exporter.save(tmp_path / "none.tif")
    assert "no neuron is done" in desk.message.text and not (tmp_path / "none.tif").exists()


def test_a_box_with_affinities(exporter, neurons, desk, box, save, tmp_path):
    exporter.request = ExportRequest(TIFF_AND_ZARR, part=BOX)
    labels, _ = save(tmp_path / "part.tif")
    np.testing.assert_array_equal(labels, data(neurons)[PART])
    affinities = open_affinities(tmp_path / "part_affinities.zarr").values
    np.testing.assert_array_equal(affinities[:], desk.results.current.affinities[(slice(None), *PART)])
    assert affinities.attrs["offset"] == [400 + 40, 50 + 9 * 5, 60 + 11 * 6]
    assert read_provenance(tmp_path / "part.tif")["box"] == [[1, 9, 11], [3, 40, 41]]
    assert desk.message.text == f"Saved {tmp_path / 'part.tif'} and {tmp_path / 'part_affinities.zarr'}"


def test_affinities_that_a_dialog_did_not_ask_of(exporter, tmp_path):
    (tmp_path / "a_affinities.zarr").mkdir()
    assert exporter.replaced_beside(tmp_path / "a.tif") is None
    exporter.request = ExportRequest(TIFF_AND_ZARR)
    assert exporter.replaced_beside(tmp_path / "a.tif") == tmp_path / "a_affinities.zarr"
    assert exporter.replaced_beside(tmp_path / "b.tif") is None


def test_a_box_has_to_be_drawn_over_neurons(exporter, neurons, desk, tmp_path):
    exporter.request = ExportRequest(part=BOX)
    exporter.save(tmp_path / "a.tif")
    assert "there is no box layer" in desk.message.text


@pytest.mark.parametrize("name", LABEL_FORMATS)
def test_every_format_of_labels(exporter, neurons, box, save, tmp_path, name):
    shown = data(neurons)[PART]
    neurons.selected_label = chosen = int(np.bincount(shown[shown > 0]).argmax())
    exporter.request = ExportRequest(name, SELECTED, BOX)
    path = tmp_path / exporter.proposed_name
    labels, voxel_size = save(path)
    np.testing.assert_array_equal(labels, np.where(shown == chosen, chosen, 0))
    assert voxel_size == (40, 5, 6)
    with open_file(path) as volume:
        assert volume.offset == (440, 95, 126)
    assert read_provenance(path)["neurons"] == "selected"
    assert path.suffix or (path / "section_00001.tif").is_file()


def test_into_a_layer_of_its_own(exporter, neurons, desk):
    exporter.request = ExportRequest(LAYER)
    exporter.add_layer()
    layer = desk.viewer.layers["stack exported"]
    np.testing.assert_array_equal(layer.data, data(neurons))
    assert isinstance(layer.data, np.ndarray) and layer.editable
    np.testing.assert_allclose(layer.translate, neurons.translate)
    assert layer.metadata["provenance"]["neurons"] == "all"
    assert "it is a copy" in desk.message.text


def test_a_layer_of_its_own_has_the_colours_of_the_neurons(exporter, neurons, desk):
    desk.results.choose_palette(COLOUR_BLIND)
    exporter.add_layer()
    layer, ids = desk.viewer.layers["stack exported"], np.unique(data(neurons))
    np.testing.assert_array_equal(layer.colormap.map(ids), neurons.colormap.map(ids))


@pytest.mark.parametrize("palette", [BRIGHT, COLOUR_BLIND])
def test_files_have_the_colours_of_the_screen(exporter, neurons, desk, session, loop, tmp_path, palette):
    desk.results.choose_palette(palette)
    ids = np.unique(data(neurons))[1:]
    shown = (neurons.colormap.map(ids)[:, :3] * 255).round().astype(np.uint8)
    exporter.request = ExportRequest("label OME-Zarr 0.5, with a pyramid")
    exporter.save(tmp_path / "a.ome.zarr")
    loop.work()
    listed = zarr.open_group(tmp_path / "a.ome.zarr", mode="r").attrs["ome"]["image-label"]["colors"]
    assert [(one["label-value"], one["rgba"][:3]) for one in listed] == list(
        zip(ids.tolist(), shown.tolist(), strict=True)
    )
    exporter.request = ExportRequest("neuron table")
    exporter.save(tmp_path / "a.csv")
    loop.work()
    lines = (tmp_path / "a.csv").read_text().splitlines()[1:]
    assert [line.split(",")[-1] for line in lines] == ["#" + bytes(rgb).hex() for rgb in shown]


def test_a_part_in_a_layer_lies_in_its_place(exporter, neurons, desk, box):
    exporter.request = ExportRequest(LAYER, part=BOX)
    exporter.add_layer()
    layer = desk.viewer.layers["stack exported"]
    np.testing.assert_array_equal(layer.data, data(neurons)[PART])
    np.testing.assert_allclose(layer.translate, np.array([400, 50, 60]) + np.array([1, 9, 11]) * (40, 5, 6))


def test_a_format_that_wants_a_voxel_size(exporter, neurons, desk, loop, tmp_path):
    for layer in (desk.results.current.source, neurons):
        layer.units = ("pixel",) * 3
    exporter.request = ExportRequest(PRECOMPUTED)
    exporter.save(tmp_path / "a.precomputed")
    loop.work()
    assert "needs the voxel size in nm" in desk.message.text and not list(tmp_path.iterdir())


def test_the_fingerprint_of_the_file_it_came_from(neurons, desk, stack, save, tmp_path):
    tifffile.imwrite(tmp_path / "raw.tif", stack, photometric="minisblack")
    desk.results.current.source.metadata.update(source=str(tmp_path / "raw.tif"), dataset=None)
    save(tmp_path / "labels.tif")
    stated = read_provenance(tmp_path / "labels.tif")
    with open_file(tmp_path / "raw.tif") as volume:
        assert stated["fingerprint"] == volume.fingerprint and stated["source"] == str(tmp_path / "raw.tif")


# ---- while it is written -----------------------------------------------------------------------------------------


def test_a_missing_folder_is_one_sentence(exporter, neurons, desk, loop, tmp_path):
    exporter.save(tmp_path / "missing" / "labels.tif")
    loop.work()
    assert "does not exist" in desk.message.text and not exporter.is_writing


def test_a_stopped_export_leaves_nothing(exporter, neurons, desk, loop, tmp_path):
    exporter.request = ExportRequest(TIFF_AND_ZARR)
    exporter.save(tmp_path / "labels.tif")
    assert exporter.is_writing and not exporter.why_not
    desk.jobs.step()
    exporter.stop()
    loop.work()
    assert not list(tmp_path.iterdir())
    assert desk.message.text == "Export stopped: nothing was written."


def test_another_job_is_not_stopped(exporter, neurons, desk):
    def job():
        yield

    desk.jobs.start(job(), lambda _: None)
    assert exporter.why_not == "A job is running." and not exporter.is_writing
    exporter.stop()
    assert not desk.jobs.stopping


def test_before_a_run_it_says_what_is_missing(exporter, desk, tmp_path):
    assert exporter.shown is None and 'press "Run" first' in exporter.why_not == exporter.facts
    exporter.save(tmp_path / "labels.tif")
    assert 'press "Run" first' in desk.message.text
    exporter.add_layer()
    assert 'press "Run" first' in desk.message.text


# ---- sessions ----------------------------------------------------------------------------------------------------


def test_without_a_session_its_formats_are_not_offered(exporter, neurons):
    assert exporter.offers == [*LABEL_FORMATS, LAYER]


def test_everything_that_a_session_holds(exporter, session, loop, tmp_path):
    assert exporter.offers == [*LABEL_FORMATS, LAYER, *(name for name in SESSION_FORMATS if name != MADE_UP)]
    session.result.plan = SectionPlan.as_is(SHAPE).leaving_out(1)
    assert exporter.offers == [*LABEL_FORMATS, LAYER, *SESSION_FORMATS]
    session.edit(lambda: session.session.lock(int(session.session.state.table[1])))
    for name, form in SESSION_FORMATS.items():
        exporter.request = ExportRequest(name)
        assert exporter.why_no_choice == exporter.why_not_done == "The whole session is written."
        path = form.completed(tmp_path / form.what)
        exporter.save(path)
        loop.work()
        assert path.exists(), name
    assert "lock" in (tmp_path / "log.csv").read_text()


def test_neurons_that_are_done(exporter, session, save, tmp_path):
    done = int(session.session.state.table[1])
    session.edit(lambda: session.session.lock(done))
    exporter.request = ExportRequest(which=DONE)
    labels, _ = save(tmp_path / "done.tif")
    np.testing.assert_array_equal(labels, np.where(data(session.layer) == done, done, 0))
    assert (labels == done).any()


def test_a_format_that_goes_with_its_session_is_chosen_no_more(exporter, session, desk, loop):
    exporter.request = ExportRequest("edit log", which=DONE)
    desk.results.current.session_folder = None
    desk.results.changed.emit()
    loop.settle()
    assert exporter.request == ExportRequest(TIFF, which=DONE)


# ---- neurites ----------------------------------------------------------------------------------------------------


def test_all_neurites(exporter, drawn_neurites, save, tmp_path):
    assert exporter.facts == "4 neurites in 10 x 40 x 48 voxels"
    assert TIFF_AND_ZARR not in exporter.offers and "not ticked" in exporter.why_not_done
    drawn_neurites.labels_layer.data[0, 0, 0] = 900  # corrected by hand
    labels, _ = save(tmp_path / "neurites.tif")
    np.testing.assert_array_equal(labels, drawn_neurites.labels_layer.data)
    stated = read_provenance(tmp_path / "neurites.tif")
    assert (stated["model"], stated["neurons"], stated["box"]) == ("fibres", "all", [[2, 0, 0], [12, 40, 48]])


def test_one_neurite(exporter, drawn_neurites, desk, save, tmp_path):
    exporter.request = ExportRequest(which=SELECTED)
    drawn_neurites.labels_layer.selected_label = 1
    labels, _ = save(tmp_path / "one.tif")
    np.testing.assert_array_equal(labels > 0, drawn_neurites.labels_layer.data == 1)
    drawn_neurites.labels_layer.selected_label = 4000
    exporter.save(tmp_path / "none.tif")
    assert "is no neurite" in desk.message.text
    exporter.request = replace(exporter.request, which=DONE)
    exporter.save(tmp_path / "none.tif")
    assert 'choose "all"' in desk.message.text and not (tmp_path / "none.tif").exists()


def test_neurites_into_a_layer_of_their_own(exporter, drawn_neurites, desk):
    exporter.request = ExportRequest(LAYER)
    exporter.add_layer()
    layer, found = desk.viewer.layers["fibres exported"], drawn_neurites.labels_layer
    np.testing.assert_array_equal(layer.data, found.data)
    np.testing.assert_allclose(layer.translate, found.translate)
    assert "The neurites are in the layer" in desk.message.text


def test_neurites_have_no_affinities(exporter, drawn_neurites, desk, tmp_path):
    exporter.request = ExportRequest(TIFF_AND_ZARR)
    exporter.save(tmp_path / "a.tif")
    assert "these neurites have no affinities" in desk.message.text


def test_neurites_whose_threshold_moves(exporter, drawn_neurites, desk, loop, tmp_path):
    desk.neurites.cut(0.9, 1)
    exporter.save(tmp_path / "none.tif")
    assert "has just been moved" in desk.message.text
    loop.settle()
    assert exporter.facts == "0 neurites in 10 x 40 x 48 voxels"


def test_without_neurites_there_is_nothing_to_export(exporter, drawn_neurites, desk, loop):
    desk.viewer.layers.remove(drawn_neurites.labels_layer)
    loop.settle()
    assert exporter.shown is None and exporter.why_not
