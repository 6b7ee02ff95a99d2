from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pytest
import torch
import zarr
from drawings import lively_student, patient, tissue, uneven
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad import __version__
from napari_emcad.core.agglomeration import agglomerate_fragments
from napari_emcad.core.choices import DEFAULT_THRESHOLDS
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.inference.choice import choose_device
from napari_emcad.inference.engines import device
from napari_emcad.io.section_plans import plan_of_json
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import save_model
from napari_emcad.pipeline import agglomerate, memory_needed, provenance, resolve_parameters, run, segment

SHAPE = (3, 40, 53)


@pytest.fixture(autouse=True)
def one_thread_in_fp32(monkeypatch):
    """The probe for bf16 measures time; and a network as small as this gains nothing from more threads."""
    monkeypatch.setattr(device, "_cpu_multiplies_bf16", lambda: False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A student in a file, whose card recommends 0.6."""
    path = tmp_path_factory.mktemp("models") / "lively.pt"
    save_model(lively_student(), path, ModelCard(title="Lively", threshold=0.6))
    return path


# ---- the whole method ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("box", [None, Box((1, 3, 2), (3, 35, 50))])
def test_from_a_stack_to_neurons(model, dtype, box):
    volume = uneven(SHAPE, dtype)
    before = volume.copy()
    result = segment(volume, str(model), box, sections="as-is", threshold=0.3, min_size=9, seed_sigma=1)
    shape = box.shape if box else SHAPE
    segmentation = result.segmentation
    assert (result.labels.shape, result.labels.dtype) == (shape, np.uint16)
    assert (result.affinities.shape, result.affinities.dtype) == ((3, *shape), np.uint8)
    assert segmentation.fragments.shape == shape
    assert 1 < len(np.unique(result.labels)) < segmentation.fragments.max()
    table = segmentation.table(0.3, 9)
    np.testing.assert_array_equal(result.labels, table[segmentation.fragments])
    assert segmentation.neuron_sizes(table).min() >= 9
    assert result.threshold == 0.3
    np.testing.assert_array_equal(volume, before)


def test_a_box_equals_that_part_of_the_whole(model):
    volume, box = tissue(SHAPE), Box((1, 3, 2), (3, 35, 50))
    whole, part = segment(volume, str(model)), segment(volume, str(model), box)
    np.testing.assert_allclose(part.affinities, whole.affinities[(slice(None), *box.slices)], atol=1.01)


def test_crumbs_become_background_where_asked(model):
    volume = tissue(SHAPE)
    joined = segment(volume, str(model), min_size=50, threshold=0)
    cleared = segment(volume, str(model), min_size=50, threshold=0, crumbs="background")
    assert (joined.labels > 0).all()
    assert (cleared.labels == 0).any()
    assert np.unique(cleared.labels, return_counts=True)[1][1:].min() >= 50


def test_one_section_will_do(model):
    result = segment(tissue((1, 16, 17)), str(model), min_size=0)
    assert result.labels.shape == (1, 16, 17)
    assert result.labels.min() >= 1


def test_a_volume_that_is_read_by_slices(model):
    values = tissue(SHAPE, np.uint16)

    @dataclass
    class Lazy:
        shape: tuple = SHAPE
        dtype: np.dtype = values.dtype

        def __getitem__(self, key):
            return values[key]

    np.testing.assert_array_equal(segment(Lazy(), str(model)).labels, segment(values, str(model)).labels)


def test_the_stages_follow_each_other_and_each_comes_to_its_end():
    affinities, box = np.zeros((3, *SHAPE), np.uint8), Box.whole(SHAPE)
    steps, job = [], run(tissue(SHAPE), lively_student(), affinities, box, SegmentParameters(device="cpu"))
    try:
        while True:
            steps.append(next(job))
    except StopIteration as end:
        segmentation = end.value
    assert affinities.any()
    stages = list(dict.fromkeys(s.stage for s in steps))
    assert stages == ["affinities", "fragments", "region graph", "agglomeration"]
    for stage in stages:
        done = [s.done for s in steps if s.stage == stage]
        assert done == sorted(done)
        assert done[-1] == next(s.total for s in steps if s.stage == stage)
    again = drive(agglomerate(affinities, SegmentParameters()))
    np.testing.assert_array_equal(again.fragments, segmentation.fragments)
    np.testing.assert_array_equal(again.table(0.5), segmentation.table(0.5))


def test_affinities_may_lie_in_a_file(tmp_path):
    in_memory = uneven((3, *SHAPE))
    stored = zarr.create_array(tmp_path / "a.zarr", shape=in_memory.shape, chunks=(1, 1, 16, 16), dtype=np.uint8)
    stored[:] = in_memory
    one, other = (drive(agglomerate(a, SegmentParameters(seed_sigma=1))) for a in (in_memory, stored))
    np.testing.assert_array_equal(one.fragments, other.fragments)
    np.testing.assert_array_equal(one.graph.quantiles, other.graph.quantiles)
    np.testing.assert_array_equal(one.table(0.5), other.table(0.5))


def test_a_cancelled_run_leaves_its_finished_sections():
    affinities = np.zeros((3, *SHAPE), np.uint8)
    job = run(tissue(SHAPE), lively_student(), affinities, Box.whole(SHAPE), SegmentParameters(device="cpu"))
    while next(job).done < 2:
        pass
    job.close()
    assert affinities[:, 1].any()
    assert not affinities[:, 2].any()


def test_provenance_says_what_made_the_result(model):
    box = Box((0, 1, 2), (2, 33, 44))
    result = segment(tissue(SHAPE), str(model), box, seed_sigma=1)
    assert result.provenance == {
        "program": f"napari-emcad {__version__}",
        "model": "Lively",
        "model_sha256": sha256(model.read_bytes()).hexdigest(),
        "parameters": {
            "threshold": 0.6,
            "min_size": 100,
            "crumbs": "strongest",
            "seed_sigma": 1.0,
            "agglomeration": "waterz",
            "scoring": "quantile 50",
            "device": choose_device().kind,
            "black": 0.0,
            "white": 255.0,
            "scale": [1.0, 1.0],
        },
        "box": [[0, 1, 2], [2, 33, 44]],
    }
    more = provenance(ModelCard(title="a"), SegmentParameters(), box, source="raw.tif")
    assert (more["source"], more["model"]) == ("raw.tif", "a")


def test_a_model_that_is_not_there_is_told():
    with pytest.raises(UserError, match=r"^model: the name of a model"):
        segment(tissue(SHAPE), "no such model")


# ---- defective sections ----------------------------------------------------------------------------------------


TISSUE = (9, 64, 80)


def test_a_blank_section_is_found_and_bridged(model):
    volume = tissue(TISSUE)
    volume[4] = 0
    found, blind = segment(volume, str(model)), segment(volume, str(model), sections="as-is")
    assert np.flatnonzero(found.plan.left_out).tolist() == [4]
    assert not found.affinities[:, 4].any()
    assert found.labels[4].all()
    assert set(np.unique(found.segmentation.fragments[4])) <= set(np.unique(found.segmentation.fragments[[3, 5]]))
    assert plan_of_json(found.provenance["sections"], TISSUE).left_out[4]
    assert blind.plan.is_as_is
    assert "sections" not in blind.provenance


@pytest.mark.parametrize("lacking", [np.s_[4], np.s_[4, :, 40:]], ids=["section", "half"])
def test_a_section_without_numbers_is_bridged(model, lacking):
    volume = tissue(TISSUE).astype(np.float32)
    volume[lacking] = np.nan
    found = segment(volume, str(model))
    assert found.plan.interpolated(4)[:, 40:].all()
    assert found.labels.all()


def test_a_clean_stack_is_segmented_as_it_is(model):
    found, expected = segment(tissue(TISSUE), str(model)), segment(tissue(TISSUE), str(model), sections="as-is")
    assert found.plan.is_as_is
    assert found.provenance == expected.provenance
    np.testing.assert_array_equal(found.affinities, expected.affinities)
    np.testing.assert_array_equal(found.labels, expected.labels)


def test_a_plan_may_be_given(model):
    plan, box = SectionPlan.as_is(TISSUE).leaving_out(4), Box((3, 0, 0), (7, 64, 80))
    found = segment(tissue(TISSUE), str(model), box, sections=plan)
    assert found.plan is plan
    assert not found.affinities[:, 1].any()
    assert found.labels.all()


@pytest.mark.parametrize(
    ("volume", "sections", "sentence"),
    [
        (np.zeros(TISSUE, np.uint16), "auto", r"^sections: nothing in 0:9,0:64,0:80 shows tissue"),
        (tissue(TISSUE), "automatic", r'^sections: "auto", "as-is" or a SectionPlan is needed, got \'automatic\'\.$'),
        (
            tissue(TISSUE),
            SectionPlan.as_is((3, 64, 80)),
            r"^sections: the plan is for a stack \(3, 64, 80\), got \(9, 64",
        ),
    ],
    ids=["black", "no such word", "of another stack"],
)
def test_sections_that_cannot_be_used_are_told(model, volume, sections, sentence):
    with pytest.raises(UserError, match=sentence):
        segment(volume, str(model), sections=sections)


# ---- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("volume", "change", "sentence"),
    [
        (uneven((40, 50)), {}, r"^volume: a stack \(z, y, x\) is needed, got one 2D image"),
        (tissue(SHAPE), {"box": Box((0, 0, 0), (4, 40, 53))}, r"^box: voxels inside a volume of shape \(3, 40, 53\)"),
        (tissue(SHAPE), {"threshold": 5}, r"^threshold: .* less than or equal to 1, got 5\.$"),
        (tissue(SHAPE), {"treshold": 0.3}, r"^treshold: there is no such parameter; choose among threshold, .*\.$"),
    ],
)
def test_what_cannot_be_segmented_is_refused(model, volume, change, sentence):
    with pytest.raises(UserError, match=sentence):
        segment(volume, str(model), **change)


def test_nan_is_told(model):
    volume = tissue(SHAPE, np.float32)
    volume[1, 3, 4] = np.nan
    with pytest.raises(UserError, match=r"^grey levels: (section 1|the volume) holds NaN or infinite values"):
        segment(volume, str(model))


@pytest.mark.parametrize("agglomeration", DEFAULT_THRESHOLDS)
def test_each_agglomeration_has_a_threshold_of_its_own(agglomeration, model):
    result = segment(tissue(SHAPE), str(model), agglomeration=agglomeration)
    own = 0.6 if agglomeration == "waterz" else DEFAULT_THRESHOLDS[agglomeration]
    assert result.threshold == own
    graph, sizes = result.segmentation.graph, result.segmentation.sizes
    tree = agglomerate_fragments(graph, sizes, agglomeration)
    np.testing.assert_array_equal(result.segmentation.tree.cut(own), tree.cut(own))


def test_an_unknown_device_is_told(model):
    known = "auto, cpu, openvino, onnxruntime, cuda, mps"
    with pytest.raises(UserError, match=rf'^device: one of {known} is needed, got "tpu"\.$'):
        segment(tissue(SHAPE), str(model), device="tpu")


# ---- choices ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "recommended", "expected"),
    [(None, None, DEFAULT_THRESHOLDS["waterz"]), (None, 0.6, 0.6), (0.2, 0.6, 0.2), (0.0, 0.6, 0.0), (None, 0.0, 0.0)],
)
def test_the_threshold_asked_for_comes_before_the_recommended_one(asked, recommended, expected):
    made = resolve_parameters(SegmentParameters(threshold=asked), tissue(SHAPE), ModelCard(threshold=recommended))
    assert made.threshold == expected


def test_the_pixel_size_of_the_model_is_chosen_where_both_are_known():
    fine, card = VoxelSize(30, 3, 4), ModelCard(voxel_size=(40, 6, 6))
    asked, stack = SegmentParameters(), tissue(SHAPE)
    assert resolve_parameters(asked, stack, card, fine).scale == (2, 1.5)
    assert resolve_parameters(SegmentParameters(scale=(1, 1)), stack, card, fine).scale == (1, 1)
    for size, other in ((None, card), (fine, ModelCard()), (VoxelSize(30, 1, 1), card)):  # the last leaves 7 pixels
        assert resolve_parameters(asked, stack, other, size).scale == (1, 1)


def test_pixels_of_half_the_size_give_neurons_of_four_times_the_pixels(tmp_path):
    save_model(lively_student(), tmp_path / "a.pt", ModelCard(threshold=0.5, voxel_size=(30, 6, 6)))
    small = uneven((3, 40, 52))
    large, fine = small.repeat(2, 1).repeat(2, 2), VoxelSize(30, 3, 3)
    of_small = segment(small, str(tmp_path / "a.pt"), sections="as-is", min_size=0, voxel_size=VoxelSize(30, 6, 6))
    result = segment(large, str(tmp_path / "a.pt"), sections="as-is", min_size=0, voxel_size=fine)
    assert result.labels.shape == large.shape
    assert result.provenance["parameters"]["scale"] == [2, 2]
    one, other = (len(r.segmentation.sizes) for r in (of_small, result))
    assert 0.8 < other / one < 1.25  # smoothing counts the pixels that are seen
    as_they_are = segment(large, str(tmp_path / "a.pt"), sections="as-is", min_size=0, voxel_size=fine, scale=(1, 1))
    np.testing.assert_array_equal(
        as_they_are.affinities, segment(large, str(tmp_path / "a.pt"), sections="as-is", min_size=0).affinities
    )


def test_memory_is_that_of_the_pixels_that_are_seen():
    box = Box.whole((2, 2000, 2000))
    own, fewer, more = (memory_needed(box, box.shape[1:], scale=(s, s)) for s in (1.0, 2.0, 0.5))
    assert fewer < 0.4 * own < own < more


def test_many_small_fragments_need_more_memory():
    box = Box.whole((100, 1024, 1024))
    smoothed, many = (memory_needed(box, box.shape[1:], seed_sigma=sigma) for sigma in (1.0, 0.5))
    assert (smoothed, many) == (20 * 100 * 2**20, 40 * 100 * 2**20)


@patient
@given(st.integers(1, 300), st.integers(1, 300), st.integers(16, 9000), st.sampled_from(["cpu", "cuda", "mps"]))
def test_more_sections_never_need_less_memory(depth, more, side, kind):
    one, two = (memory_needed(Box.whole((n, side, 700)), (side, 700), kind) for n in (depth, depth + more))
    assert 0 < one <= two and two >= 3 * (depth + more) * side * 700
