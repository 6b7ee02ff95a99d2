from dataclasses import replace

import h5py
import numpy as np
import pytest
from drawings import lively_student, uneven

from napari_emcad import benchmark as module
from napari_emcad.benchmark import benchmark
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.scores import score
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.io.stacks.paper_datasets import NEURON_IDS, open_labelled_stack
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import resolve_parameters, run

RAW, START = uneven((6, 48, 56), seed=2), (2, 3, 5)
TRUTH = np.kron(uneven((3, 4, 5), np.uint16, seed=3) % 5, np.ones((1, 8, 8), np.uint16)).astype(np.uint16)
TRUTH[0, :8, :8] = 0
CARD = ModelCard(title="small")


@pytest.fixture
def pair(tmp_path):
    """A padded CREMI file; neurons of 8 x 8 pixels, some of them background."""
    path = tmp_path / "sample_A_padded.hdf"
    with h5py.File(path, "w") as file:
        file["volumes/raw"], file[NEURON_IDS] = RAW, TRUTH
        for name in ("volumes/raw", NEURON_IDS):
            file[name].attrs["resolution"] = (40.0, 4.0, 4.0)
        file[NEURON_IDS].attrs["offset"] = np.array(START) * (40.0, 4.0, 4.0)
    with open_labelled_stack(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def student():
    return lively_student()


@pytest.fixture(scope="module")
def parameters():
    return resolve_parameters(SegmentParameters(threshold=0.3, min_size=7, device="cpu"), RAW, CARD)


def rows_of(pair, box, student, parameters):
    return drive(benchmark(pair, box, (student, CARD), [parameters]))


@pytest.mark.parametrize("text", ["0:3,0:32,0:40", "1:3,4:32,0:24"])
def test_a_row_is_what_segment_and_evaluate_give_on_the_labelled_part(pair, student, parameters, text):
    box = Box.parse(text, TRUTH.shape)
    (row,) = rows_of(pair, box, student, parameters)
    affinities = np.zeros((3, *box.shape), np.uint8)
    segmentation = drive(run(RAW, student, affinities, box.moved(START), parameters))
    assert row.scores == score(segmentation.labels(segmentation.table(0.3, 7)), TRUTH[box.slices])
    assert row.scores.voi > 0
    part = "" if box.shape == TRUTH.shape else f"[{text}]"
    assert (row.dataset, row.model, row.agglomeration) == (f"CREMI sample_A_padded{part}", "small", "waterz")
    assert row.threshold == 0.3 and row.seconds > 0


def test_what_a_plan_does_not_use_is_not_scored(pair, student, parameters):
    box, plan = Box.parse("0:3,0:32,0:40", TRUTH.shape), SectionPlan.as_is(RAW.shape).leaving_out(START[0] + 1)
    cells = np.zeros((6, 6, 7), bool)
    cells[START[0] + 2, :3] = True
    plan = replace(plan, cell=8, missing=cells, no_tissue=np.zeros_like(cells))
    (row,) = drive(benchmark(pair, box, (student, CARD), [parameters], plan))
    affinities, place = np.zeros((3, *box.shape), np.uint8), box.moved(START)
    segmentation = drive(run(RAW, student, affinities, place, parameters, plan))
    truth = TRUTH[box.slices].copy()
    truth[1], truth[2, : 24 - START[1]] = 0, 0
    assert row.scores == score(segmentation.labels(segmentation.table(0.3, 7)), truth)
    assert row.sections == plan.sentence
    with pytest.raises(UserError, match="nothing that is used is labelled in 1:2,0:32,0:40"):
        drive(benchmark(pair, Box.parse("1:2,:,:", TRUTH.shape), (student, CARD), [parameters], plan))


def test_affinities_are_predicted_once_for_all_agglomerations(pair, student, parameters, monkeypatch):
    calls = []
    real = module.predict
    monkeypatch.setattr(module, "predict", lambda *of: (calls.append(of), (yield from real(*of)))[1])
    cut = parameters.model_copy(update={"agglomeration": "multicut", "threshold": 0.6})
    box = Box.whole(TRUTH.shape)
    rows = drive(benchmark(pair, box, (student, CARD), [parameters, cut]))
    assert len(calls) == 1
    assert [(row.agglomeration, row.threshold) for row in rows] == [("waterz", 0.3), ("multicut", 0.6)]
    assert rows[0].scores == rows_of(pair, box, student, parameters)[0].scores
    assert rows[1].scores == rows_of(pair, box, student, cut)[0].scores


def test_json_names_the_scores_as_evaluate_does(pair, student, parameters):
    (row,) = rows_of(pair, Box.whole(TRUTH.shape), student, parameters)
    told = row.as_dict()
    assert told["voi"] == told["voi_split"] + told["voi_merge"] == row.scores.voi
    names = {"dataset", "model", "agglomeration", "threshold", "seconds", "sections"}
    assert set(told) == names | {"voi_split", "voi_merge", "voi", "arand", "segments"}


def test_a_box_without_labels_is_told_before_the_work(pair, student, parameters, monkeypatch):
    monkeypatch.setattr(module, "predict", None)
    with pytest.raises(UserError, match=r"hdf: nothing is labelled in 0:1,0:8,0:8 \(all are 0\); choose another box"):
        rows_of(pair, Box((0, 0, 0), (1, 8, 8)), student, parameters)
