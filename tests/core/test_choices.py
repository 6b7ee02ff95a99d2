from typing import get_args

from napari_emcad.core.choices import DEFAULT_SCORING, DEFAULT_THRESHOLDS, SCORINGS, TO_TRAIN, WISHES, Agglomeration


def test_each_agglomeration_has_a_threshold():
    assert tuple(DEFAULT_THRESHOLDS) == get_args(Agglomeration)
    assert all(0 < threshold < 1 for threshold in DEFAULT_THRESHOLDS.values())


def test_defaults_are_among_the_choices():
    assert DEFAULT_SCORING in SCORINGS
    assert next(iter(WISHES)) == TO_TRAIN[0] == "auto"


def test_networks_are_trained_by_torch_only():
    assert set(WISHES) - set(TO_TRAIN) == {"openvino", "onnxruntime"}
