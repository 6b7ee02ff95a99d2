"""Parameters are checked, and known to type checkers by the same names and types."""

from typing import get_type_hints

import numpy as np
import pytest
from pydantic import ValidationError

from napari_emcad.core.choices import SCORINGS
from napari_emcad.core.errors import UserError
from napari_emcad.core.parameters import (
    OpticalOptions,
    OpticalParameters,
    ResolvedOpticalParameters,
    ResolvedSegmentParameters,
    SegmentOptions,
    SegmentParameters,
)
from napari_emcad.core.pixel_size import OWN

BOTH = [
    pytest.param(SegmentParameters, SegmentOptions, ResolvedSegmentParameters, id="segment"),
    pytest.param(OpticalParameters, OpticalOptions, ResolvedOpticalParameters, id="optical"),
]


@pytest.mark.parametrize(("parameters", "options", "resolved"), BOTH)
def test_options_are_the_fields_of_the_parameters(parameters, options, resolved):
    fields = {name: field.annotation for name, field in parameters.model_fields.items()}
    assert get_type_hints(options) == fields
    assert not options.__required_keys__


@pytest.mark.parametrize(("parameters", "options", "resolved"), BOTH)
def test_resolved_parameters_have_the_same_fields_in_the_same_order(parameters, options, resolved):
    """Files hold them in this order."""
    own = {"scale": (2, 1.5)} if "scale" in parameters.model_fields else {}
    given = parameters(threshold=0.5, black=1, white=2, **own)
    assert resolved(**given.model_dump()).model_dump_json() == given.model_dump_json()
    for missing in ("threshold", "black", "white"):
        with pytest.raises(ValidationError):
            resolved(**(given.model_dump() | {missing: None}))


def test_files_from_before_there_was_a_scale_mean_the_pixels_as_they_are():
    assert ResolvedSegmentParameters(threshold=0.5, black=1, white=2).scale == OWN
    assert SegmentParameters().pixel == 1
    assert SegmentParameters(scale=(4, 1)).pixel == 2


@pytest.mark.parametrize(
    "wrong",
    [
        *({"threshold": -0.1}, {"threshold": 1.1}, {"threshold": np.nan}, {"min_size": -1}, {"crumbs": "eaten"}),
        *({"seed_sigma": -1}, {"seed_sigma": 21}, {"scoring": "median"}, {"black": np.nan}, {"white": np.inf}),
        *({"scale": (0, 1)}, {"scale": (1, 17)}, {"scale": 2}),
        {"treshold": 0.5},
    ],
    ids=str,
)
def test_parameters_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        SegmentParameters(**wrong)


def test_the_refusal_of_a_scoring_names_those_there_are():
    with pytest.raises(ValidationError, match=r'one of mean, quantile 10, .*, quantile 95 is needed, got "median"'):
        SegmentParameters(scoring="median")


@pytest.mark.parametrize("scoring", SCORINGS)
def test_every_compiled_scoring_may_be_chosen(scoring):
    assert SegmentParameters(scoring=scoring).scoring == scoring


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"threshold": 5}, r"^threshold: .* less than or equal to 1, got 5\.$"),
        ({"min_size": -1}, r"^min_size: .* greater than or equal to 0, got -1\.$"),
        ({"treshold": 0.3}, r"^treshold: there is no such parameter; choose among threshold, min_size, .*, scale\.$"),
        ({"scoring": "best"}, r'^scoring: one of mean, quantile 10, [^{}]*, quantile 95 is needed, got "best"\.$'),
    ],
)
def test_a_parameter_out_of_range_or_unknown_is_refused_in_one_sentence(options, sentence):
    with pytest.raises(UserError, match=sentence):
        SegmentParameters.of(**options)
