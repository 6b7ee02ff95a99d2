"""From neurons to files and back."""

import numpy as np
import pytest

from napari_emcad.io.affinities import open_affinities
from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.widgets.export import panel

pytestmark = pytest.mark.window


@pytest.fixture
def done(window, stack):
    """A window with neurons."""
    window.open(stack, translate=(400, 50, 60))
    window.desk.threshold.move(0.3)
    window.run()
    return window


def save(window, path):
    window.dock.export.save(path)
    window.idle()
    with open_stack(path) as volume:
        return volume.array[:], volume.voxel_size


def test_all_neurons(done, tmp_path):
    labels, voxel_size = save(done, tmp_path / "labels.tif")
    np.testing.assert_array_equal(labels, np.asarray(done.result.neuron_layer.data))
    assert voxel_size == (40, 5, 6)
    assert done.message == f"Saved {tmp_path / 'labels.tif'}"
    told = read_provenance(tmp_path / "labels.tif")
    assert told["model"] == "tiny" and told["parameters"]["threshold"] == 0.3
    assert told["box"] == [[0, 0, 0], [3, 48, 64]] and told["neurons"] == "all"


def test_what_is_saved_is_what_is_shown(done, tmp_path):
    done.dock.desk.threshold.move(0.8)
    done.settle()
    labels, _ = save(done, tmp_path / "labels.tif")
    np.testing.assert_array_equal(labels, np.asarray(done.result.neuron_layer.data))
    assert read_provenance(tmp_path / "labels.tif")["parameters"]["threshold"] == 0.8


def test_the_selected_neuron(done, tmp_path):
    done.dock.export.neurons = panel.SELECTED
    done.result.neuron_layer.selected_label = chosen = int(done.result.neurons.table[1])
    labels, _ = save(done, tmp_path / "one.tif")
    expected = np.asarray(done.result.neuron_layer.data)
    np.testing.assert_array_equal(labels, np.where(expected == chosen, chosen, 0))
    done.result.neuron_layer.selected_label = 0
    done.dock.export.save(tmp_path / "none.tif")
    assert "is no neuron" in done.message and not (tmp_path / "none.tif").exists()


def test_a_box_with_affinities(done, tmp_path):
    done.dock.desk.region.draw()
    corners = np.array([[1, 8.4, 10.4], [1, 8.4, 40.2], [1, 39.7, 40.2], [1, 39.7, 10.4]])
    done.viewer.layers["box"].add_rectangles(corners)
    done.dock.desk.region.sections = (1, 2)
    done.dock.export.part.setCurrentText(panel.BOX)
    done.dock.export.format.setCurrentText(panel.TIFF_AND_ZARR)
    labels, _ = save(done, tmp_path / "part.tif")
    part = np.s_[1:3, 9:40, 11:41]
    np.testing.assert_array_equal(labels, np.asarray(done.result.neuron_layer.data)[part])
    affinities = open_affinities(tmp_path / "part_affinities.zarr").values
    np.testing.assert_array_equal(affinities[:], done.result.affinities[(slice(None), *part)])
    assert read_provenance(tmp_path / "part.tif")["box"] == [[1, 9, 11], [3, 40, 41]]


def test_every_format_of_labels(done, tmp_path, monkeypatch):
    """Of a plain run, the neurons chosen in a box, saved as the dialog names the file."""
    export = done.dock.export
    done.dock.desk.region.draw()
    corners = np.array([[1, 8.4, 10.4], [1, 8.4, 40.2], [1, 39.7, 40.2], [1, 39.7, 10.4]])
    done.viewer.layers["box"].add_rectangles(corners)
    done.dock.desk.region.sections = (1, 2)
    export.part.setCurrentText(panel.BOX)
    export.neurons = panel.SELECTED
    shown = np.asarray(done.result.neuron_layer.data)[1:3, 9:40, 11:41]
    done.result.neuron_layer.selected_label = chosen = int(np.bincount(shown[shown > 0]).argmax())
    monkeypatch.setattr(panel.QFileDialog, "getSaveFileName", lambda _, __, name, ___: (str(tmp_path / name), ""))
    for name, form in panel.LABEL_FORMATS.items():
        export.format.setCurrentText(name)
        assert export.part.isEnabled() and export.save_button.isEnabled()
        export.save_button.click()
        done.idle()
        path = tmp_path / f"stack {form.what}{form.suffixes[0]}"
        assert done.message.startswith(f"Saved {path}")
        with open_stack(path) as volume:
            np.testing.assert_array_equal(volume.array[:], np.where(shown == chosen, chosen, 0))
            assert volume.voxel_size == (40, 5, 6)
            if form.suffixes[0] in (".zarr", ".ome.zarr", ".precomputed"):
                assert volume.offset == (40, 45, 66)
        assert read_provenance(path)["neurons"] == "selected"
    assert (tmp_path / "stack sections" / "section_00001.tif").is_file()


def test_a_format_that_wants_a_voxel_size(window, stack, tmp_path):
    window.open(stack, scale=(1, 1, 1), units=("pixel",) * 3)
    window.run()
    window.dock.export.format.setCurrentText(panel.PRECOMPUTED)
    window.dock.export.save(tmp_path / "a.precomputed")
    window.idle()
    assert "needs the voxel size in nm" in window.message and not list(tmp_path.iterdir())


def test_the_fingerprint_of_the_file_it_came_from(window, stack, tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "raw.tif", stack, photometric="minisblack")
    window.open(stack, metadata={"source": str(tmp_path / "raw.tif"), "dataset": None})
    window.run()
    save(window, tmp_path / "labels.tif")
    told = read_provenance(tmp_path / "labels.tif")
    with open_stack(tmp_path / "raw.tif") as volume:
        assert told["fingerprint"] == volume.fingerprint and told["source"] == str(tmp_path / "raw.tif")


def test_a_missing_folder_is_one_sentence(done, tmp_path):
    done.dock.export.save(tmp_path / "missing" / "labels.tif")
    done.idle()
    assert "does not exist" in done.message
    assert done.dock.export.save_button.text() == "Save..."


def test_a_stopped_export_leaves_nothing(done, tmp_path, monkeypatch):
    done.dock.export.save(tmp_path / "labels.tif")
    done.dock.export.save_button.click()
    done.idle()
    assert not list(tmp_path.iterdir()) or "Saved" in done.message


def test_before_a_run_it_says_what_is_missing(window, tmp_path):
    assert not window.dock.export.save_button.isEnabled()
    assert 'press "Run" first' in window.dock.export.save_button.toolTip()
    window.dock.export.save(tmp_path / "labels.tif")
    assert 'press "Run" first' in window.message


def test_the_dialog(done, tmp_path, monkeypatch):
    target = str(tmp_path / "named")
    monkeypatch.setattr(panel.QFileDialog, "getSaveFileName", lambda *_: (target, ""))
    done.dock.export.save_button.click()
    done.idle()
    assert (tmp_path / "named.tif").exists()
    monkeypatch.setattr(panel.QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    done.dock.export.save_button.click()
    assert not done.dock.desk.jobs.running


def test_into_a_layer_of_its_own(done):
    done.dock.export.format.setCurrentText(panel.LAYER)
    assert done.dock.export.save_button.text() == "Add layer"
    done.dock.export.save_button.click()
    layer = done.viewer.layers["stack exported"]
    np.testing.assert_array_equal(layer.data, np.asarray(done.result.neuron_layer.data))
    assert isinstance(layer.data, np.ndarray) and layer.editable
    np.testing.assert_allclose(layer.translate, done.result.neuron_layer.translate)
    assert layer.metadata["provenance"]["neurons"] == "all"


def test_what_a_session_holds(done, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_emcad.widgets.desk.sessions.session_folder", lambda _: tmp_path / "stack.emcad")
    export, proofread = done.dock.export, done.dock.proofread
    assert "edit log" not in formats(export)
    done.desk.sessions.start()
    done.wait(lambda: proofread.editor is not None)
    assert {"edit log", "label Zarr", "surfaces (PLY)"} <= set(formats(export))
    proofread.editor.at.selection.select(int(done.result.neurons.table[1]))
    proofread.editor.edits.toggle_done()
    for name, form in panel.SESSION_FORMATS.items():
        export.format.setCurrentText(name)
        assert not export.part.isEnabled() and "whole session" in export.part.toolTip()
        path = tmp_path / f"{form.what}{form.suffixes[0]}"
        export.save_of_session(path)
        done.idle()
        assert path.exists(), done.message
    assert "lock" in (tmp_path / "log.csv").read_text()
    export.format.setCurrentText(panel.TIFF)
    export.neurons = panel.DONE
    labels, _ = save(done, tmp_path / "done.tif")
    assert set(np.unique(labels)) <= {0, proofread.editor.at.selection.last} and labels.any()


def test_no_neuron_is_done(done, tmp_path):
    done.dock.export.neurons = panel.DONE
    done.dock.export.save(tmp_path / "none.tif")
    assert "no neuron is done" in done.message and not (tmp_path / "none.tif").exists()


def formats(export) -> list[str]:
    return [export.format.itemText(i) for i in range(export.format.count())]
