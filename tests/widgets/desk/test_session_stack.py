"""The stack of a session that is opened, or what stands for it, without a window."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from graphs import segmentation
from napari.components import ViewerModel

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.io.sessions.facts import SessionFacts, read_facts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.stacks import find_stack
from napari_emcad.io.stacks.locations import Url
from napari_emcad.io.stacks.stack import content_fingerprint
from napari_emcad.widgets.desk.session_stack import STAND_IN, parameters_of, result_of, seek_stack, url_of_stack
from napari_emcad.widgets.kit.layers import voxel_size_of

GREY = np.random.default_rng(3).integers(0, 255, (5, 30, 40), np.uint8)
BOX = ((1, 4, 6), (4, 24, 36))


@pytest.fixture
def drawn_part(drawn):
    """Neurons in the box: (3, 20, 30)."""
    fragments = drawn.fragments[:, 4:24, :30].copy()
    sizes = np.bincount(fragments.ravel(), minlength=4)
    return replace(segmentation([(1, 2, 0.9), (2, 3, 0.9)], sizes[1:].tolist()), fragments=fragments)


@pytest.fixture
def file(tmp_path):
    tifffile.imwrite(tmp_path / "em.tif", GREY, photometric="minisblack")
    return tmp_path / "em.tif"


@pytest.fixture
def new_session(tmp_path, drawn_part):
    """Write a session with these facts and open it; closed after the test."""
    opened = []

    def new_session(affinities=None, **facts):
        known = {"threshold": 0.5, "box": BOX, "voxel_size_nm": (40, 5, 6), **facts}
        opened.append(create_session(tmp_path / "s.emcad", drawn_part, affinities, SessionFacts(**known)))
        return opened[-1]

    yield new_session
    for one in opened:
        one.close()


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.mark.parametrize(("source", "size"), [("given", (40, 5, 6)), ("TIFF metadata", (30, 2, 2))])
def test_a_voxel_size_that_was_given_is_not_lost_to_that_of_the_file(viewer, tmp_path, new_session, source, size):
    resolution = {"resolution": (0.5, 0.5), "metadata": {"spacing": 30, "unit": "nm", "axes": "ZYX"}}
    tifffile.imwrite(tmp_path / "em.tif", GREY, imagej=True, **resolution)
    opened = new_session(source=str(tmp_path / "em.tif"), voxel_size_source=source)
    assert voxel_size_of(result_of(viewer, opened).result.source) == size


def test_a_stack_that_is_there_is_used(viewer, file, new_session):
    there = viewer.add_image(GREY, name="em", metadata={"source": str(file)})
    viewer.add_image(GREY, name="another")
    result = result_of(viewer, new_session(source=str(file))).result
    assert result.source is there and result.box == Box(*BOX) and len(viewer.layers) == 2


def test_a_stack_that_is_not_there_is_opened(viewer, file, new_session):
    result = result_of(viewer, new_session(source=str(file), model="tiny")).result
    assert result.source in viewer.layers and result.box == Box(*BOX) and result.card.title == "tiny"
    np.testing.assert_array_equal(np.asarray(result.source.data), GREY)
    assert voxel_size_of(result.source) == (40, 5, 6), "the file says none"


def test_without_a_stack_its_affinities_stand_for_it(viewer, tmp_path, new_session):
    affinities = np.random.default_rng(4).integers(0, 255, (3, 3, 20, 30), np.uint8)
    result = result_of(viewer, new_session(affinities, source=str(tmp_path / "gone.tif"))).result
    assert result.box == Box.whole((3, 20, 30)) and STAND_IN in result.source.metadata
    np.testing.assert_array_equal(np.asarray(result.source.data), affinities[1])
    assert voxel_size_of(result.source) == (40, 5, 6) and result.source.name == "s"


def test_a_stack_behind_a_url_is_not_fetched_without_a_click(viewer, new_session, monkeypatch):
    opens = find_stack.open_stack
    local = {"open_stack": lambda path, *more: pytest.fail("fetched") if isinstance(path, Url) else opens(path, *more)}
    monkeypatch.setattr(find_stack, "open_stack", local["open_stack"])
    opened = new_session(source="https://host.example/em.zarr", fingerprint="0 5x30x40 uint8")
    shown = result_of(viewer, opened)
    assert shown.lacks_stack
    assert 'its image is at https://host.example/em.zarr; press "Load" to fetch it, or "Find' in shown.notes[0]
    assert str(url_of_stack(shown.result.source)) == "https://host.example/em.zarr"


def test_without_affinities_the_neurons_stand_alone(viewer, new_session):
    result = result_of(viewer, new_session()).result
    assert not np.asarray(result.source.data).any() and result.affinities is None


def test_a_stack_of_another_shape_is_not_that_of_the_session(viewer, tmp_path, file, new_session):
    viewer.add_image(GREY[:2], metadata={"source": str(file)})
    tifffile.imwrite(file, GREY[:2], photometric="minisblack")
    result = result_of(viewer, new_session(source=str(file))).result
    assert STAND_IN in result.source.metadata and len(viewer.layers) == 2


def test_labels_that_became_fragments_are_no_stack(viewer, file, new_session, drawn_part):
    labels = np.zeros(GREY.shape, np.uint8)
    labels[Box(*BOX).slices] = drawn_part.fragments * 9
    tifffile.imwrite(file, labels, photometric="minisblack")
    result = result_of(viewer, new_session(source=str(file))).result
    assert STAND_IN in result.source.metadata


FINGERPRINT = content_fingerprint(GREY)
BRIGHT = 255 - GREY


def test_a_stack_that_lies_beside_is_opened_told_and_kept(viewer, tmp_path, file, new_session):
    opened = new_session(source="/elsewhere/em.tif", fingerprint=FINGERPRINT)
    found = result_of(viewer, opened)
    np.testing.assert_array_equal(np.asarray(found.result.source.data), GREY)
    assert found.notes == (f"The stack em.tif was found by its name near the session: {file}.",)
    facts = read_facts(opened.folder)
    assert (facts.source, facts.relative_source) == (str(file), "../em.tif")
    assert result_of(ViewerModel(), opened).notes and not found.lacks_stack


def test_other_voxels_never_stand_in_silently(viewer, tmp_path, file, new_session):
    """Neither the file in the place of the stack, nor a layer that has its name, its size and even its source."""
    tifffile.imwrite(file, BRIGHT, photometric="minisblack")
    viewer.add_image(BRIGHT, name="em", metadata={"source": str(file)})
    found = result_of(viewer, new_session(source=str(file), fingerprint=FINGERPRINT))
    assert STAND_IN in found.result.source.metadata and found.lacks_stack
    assert f"{file} holds other voxels than were segmented" in found.notes[0]
    assert 'press "Find the stack..."' in found.notes[0] and "The neurons stand alone." in found.notes[0]


def test_a_stack_that_a_person_names_is_taken_and_told(viewer, tmp_path, new_session):
    tifffile.imwrite(tmp_path / "bright.tif", BRIGHT, photometric="minisblack")
    opened = new_session(source="/elsewhere/em.tif", fingerprint=FINGERPRINT)
    found = result_of(viewer, opened, drive(seek_stack(opened, tmp_path / "bright.tif")))
    np.testing.assert_array_equal(np.asarray(found.result.source.data), BRIGHT)
    assert found.notes[0].startswith("Attention:") and read_facts(opened.folder).source == "/elsewhere/em.tif"


@pytest.mark.parametrize("values", [GREY, [GREY, GREY[:, ::2, ::2]], GREY.astype(">u1")], ids=["plain", "levels", "be"])
def test_a_layer_that_another_plugin_opened_is_the_stack(viewer, tmp_path, file, new_session, values):
    """Opened by a link, without any of our metadata."""
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "to em.tif").symlink_to(file)
    there = viewer.add_image(values, name="em")
    there._source = there.source.model_copy(update={"path": str(tmp_path / "links" / "to em.tif")})
    found = result_of(viewer, new_session(source=str(file), fingerprint=FINGERPRINT))
    assert found.result.source is there and len(viewer.layers) == 1


def test_a_layer_with_the_voxels_of_a_lost_stack_is_told(viewer, new_session):
    viewer.add_image(BRIGHT, name="other")
    there = viewer.add_image(GREY.astype(">u1"), name="loose")
    found = result_of(viewer, new_session(source="/elsewhere/lost.tif", fingerprint=FINGERPRINT))
    assert found.result.source is there
    assert found.notes == ('The layer "loose" holds the voxels of its stack lost.tif.',)


@pytest.mark.parametrize("wrong", [{"nonsense": 1}, {"threshold": "x"}, {"nonsense": 1, "min_size": -4}])
def test_parameters_of_another_version_are_left_out_and_told(wrong):
    parameters, note = parameters_of(SessionFacts(threshold=0.5, parameters={"seed_sigma": 2.5, **wrong}))
    assert parameters.seed_sigma == 2.5
    assert all(f"{name} = {value}" in note for name, value in wrong.items())
