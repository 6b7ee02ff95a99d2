"""`napari-emcad segment --from-affinities`: neurons of any other network's affinities."""

import numpy as np
import pytest
import tifffile
from drawings import tissue
from foreign_hands import SHAPE, cells, hdf5, npy

from napari_emcad.cli import main as cli
from napari_emcad.core.affinities import NEAREST
from napari_emcad.core.geometry import Box
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.io.affinities import new_affinities, open_affinities
from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.io.sessions.facts import read_facts
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.pipeline import agglomerate

OURS = cells()
FLOATS = (OURS / 255).astype(np.float32)
WAYS = ("--threshold", "0.5", "--min-size", "5", "--seed-sigma", "1")


@pytest.fixture(scope="module")
def neurons():
    segmentation = drive(agglomerate(OURS, SegmentParameters(threshold=0.5, min_size=5, seed_sigma=1)))
    return segmentation.labels(segmentation.table(0.5, 5))


@pytest.fixture
def stack(tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, tissue((7, 50, 60)), photometric="minisblack")
    return path


def segment(*words):
    return cli.main(["segment", *map(str, words), *WAYS])


def labels_in(path):
    with open_stack(path) as labels:
        return labels.array[:]


def refusal(capsys, *words):
    assert segment(*words) == 1
    sentence = capsys.readouterr().err.strip().splitlines()[-1]
    assert sentence.endswith(".")
    return sentence


def test_without_a_stack_labels_come_from_the_file_alone(tmp_path, neurons, capsys):
    path = hdf5(tmp_path / "affs", np.moveaxis(FLOATS, 0, -1), resolution=(40, 8, 8), offset=(80, 8, 0))
    assert segment("--from-affinities", path, "-o", tmp_path / "out.tif") == 0
    told = capsys.readouterr()
    assert "affinities in affs.h5, volumes/pred_affs" in told.out
    assert "--offsets" in told.err
    assert "--axes" in told.err
    with open_stack(tmp_path / "out.tif") as labels:
        assert np.array_equal(labels.array[:], neurons)
        assert labels.voxel_size == (40, 8, 8)
        assert labels.offset == (80, 8, 0)
    made_by = read_provenance(tmp_path / "out.tif")
    assert (made_by["model"], made_by["model_sha256"]) == ("affinities in affs.h5, volumes/pred_affs", "")
    assert made_by["affinities"]["source"] == str(path)
    assert len(made_by["affinities"]["fingerprint"]) > 64


def test_options_for_the_dataset_axes_offsets_and_values(tmp_path, neurons):
    path = hdf5(tmp_path / "affs", np.concatenate([OURS[::-1], OURS]).astype(np.float32))
    offsets = " ".join(",".join(map(str, one)) for one in [*NEAREST[::-1], (-2, 0, 0), (0, -2, 0), (0, 0, -2)])
    more = ("--offsets", offsets, "--affinities-range", 0, 255, "--dataset", "volumes/pred_affs", "--axes", "czyx")
    assert segment("--from-affinities", path, "-o", tmp_path / "out.tif", *more) == 0
    assert np.array_equal(labels_in(tmp_path / "out.tif"), neurons)


def test_the_dataset_is_that_of_the_file_that_holds_some(tmp_path, stack, capsys):
    path = hdf5(tmp_path / "affs", OURS)
    more = ("--dataset", "volumes/pred_affs", "--box", "1:6,2:42,3:51", "-o", tmp_path / "out.tif")
    assert segment(stack, "--from-affinities", path, *more) == 0
    assert "--dataset is taken for affs.h5" in capsys.readouterr().err


def test_with_the_stack_a_session_is_made_in_the_place_of_the_file(tmp_path, stack, neurons):
    path = hdf5(tmp_path / "affs", OURS, resolution=(40, 8, 8), offset=(40, 8, 16))
    made = ("--session", tmp_path / "out.emcad", "--affinities", tmp_path / "kept.zarr", "--sections", "as-is")
    assert segment(stack, "--from-affinities", path, *made) == 0
    facts = read_facts(tmp_path / "out.emcad")
    box = Box.whole(SHAPE).moved((1, 1, 2))
    assert (facts.box, facts.model_sha256) == ((box.start, box.stop), "")
    assert facts.voxel_size == (40, 8, 8)
    assert facts.affinities["source"] == str(path)
    with open_session(tmp_path / "out.emcad") as opened:
        assert opened.session.state.base.fragments.shape == SHAPE
        assert np.array_equal(opened.affinities[:], OURS)
    assert np.array_equal(open_affinities(tmp_path / "kept.zarr").values[:], OURS)


def test_a_box_places_or_cuts_the_affinities(tmp_path, stack):
    path, words = npy(tmp_path / "affs", OURS), ("--sections", "as-is", "-o", tmp_path / "out.tif", "--overwrite")
    assert segment(stack, "--from-affinities", path, "--box", "1:6,2:42,3:51", *words) == 0
    assert read_provenance(tmp_path / "out.tif")["box"] == [[1, 2, 3], [6, 42, 51]]
    whole = np.pad(OURS, ((0, 0), (1, 1), (2, 8), (3, 9)), mode="edge")
    path = npy(tmp_path / "whole", whole)
    again = labels_in(tmp_path / "out.tif")
    assert segment(stack, "--from-affinities", path, "--box", "1:6,2:42,3:51", *words) == 0
    assert np.array_equal(labels_in(tmp_path / "out.tif"), again)


def test_our_own_affinities_come_home_with_place_and_plan(tmp_path, stack, neurons):
    made_by = {"program": "napari-emcad 1", "box": [[1, 2, 3], [6, 42, 51]], "parameters": {"scale": [1, 1]}}
    with new_affinities(tmp_path / "own.zarr", SHAPE, None, made_by) as kept:
        kept[:] = OURS
    for more in ((), (stack,)):
        assert (
            segment(*more, "--from-affinities", tmp_path / "own.zarr", "-o", tmp_path / "out.tif", "--overwrite") == 0
        )
        assert np.array_equal(labels_in(tmp_path / "out.tif"), neurons)
        assert read_provenance(tmp_path / "out.tif")["box"] == made_by["box"]


def test_the_pixels_that_our_network_saw_count_for_the_seeds(tmp_path):
    made_by = {"program": "napari-emcad 1", "parameters": {"scale": [2, 2]}}
    with new_affinities(tmp_path / "own.zarr", SHAPE, None, made_by) as kept:
        kept[:] = OURS
    assert segment("--from-affinities", tmp_path / "own.zarr", "-o", tmp_path / "out.tif") == 0
    parameters = SegmentParameters(threshold=0.5, min_size=5, seed_sigma=1, scale=(2, 2))
    segmentation = drive(agglomerate(OURS, parameters))
    assert np.array_equal(labels_in(tmp_path / "out.tif"), segmentation.labels(segmentation.table(0.5, 5)))


def test_boundaries(tmp_path):
    path = npy(tmp_path / "map", (1 - FLOATS.min(0)))
    assert segment("--from-affinities", path, "--boundaries", "-o", tmp_path / "out.tif") == 0
    assert labels_in(tmp_path / "out.tif").max() > 3


@pytest.mark.parametrize(
    "option", [("--model", "x"), ("--device", "cpu"), ("--black", "0"), ("--resample", "off"), ("--workers", "2")]
)
def test_options_of_a_network_are_refused(tmp_path, capsys, option):
    path = npy(tmp_path / "affs", OURS)
    sentence = refusal(capsys, "--from-affinities", path, "-o", tmp_path / "out.tif", *option)
    assert option[0] in sentence
    assert not (tmp_path / "out.tif").exists()


def test_a_session_needs_the_stack_and_options_of_affinities_need_these(tmp_path, stack, capsys):
    path = npy(tmp_path / "affs", OURS)
    assert "stack is needed" in refusal(capsys, "--from-affinities", path, "--session", tmp_path / "out.emcad")
    assert "--from-affinities" in refusal(capsys, stack, "-o", tmp_path / "out.tif", "--boundaries")
    assert "--from-affinities" in refusal(capsys, "-o", tmp_path / "out.tif")


def test_refusals_name_the_options_of_the_affinities(tmp_path, stack, capsys):
    path = npy(tmp_path / "affs", OURS[:, :3])
    assert "--affinities-axes czyx" in refusal(capsys, stack, "--from-affinities", path, "-o", tmp_path / "out.tif")
    sentence = refusal(capsys, stack, "--from-affinities", npy(path, OURS), "-o", tmp_path / "out.tif")
    assert "(7, 50, 60)" in sentence
    assert "(5, 40, 48)" in sentence


def test_wrong_values_leave_nothing_behind(tmp_path, capsys):
    path = npy(tmp_path / "affs", FLOATS * 20 - 10)
    made = ("-o", tmp_path / "out.tif", "--affinities", tmp_path / "kept.zarr")
    assert "logits" in refusal(capsys, "--from-affinities", path, *made)
    assert {found.name for found in tmp_path.iterdir()} == {"affs.npy"}
