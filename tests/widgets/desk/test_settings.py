"""The settings of a run, without a window."""

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.widgets.desk.settings import Settings


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"min_size": 7}, ["cut"]),
        ({"crumbs": "background"}, ["cut"]),
        ({"seed_sigma": 3.0}, ["fragments"]),
        ({"agglomeration": "multicut"}, ["agglomeration", "fragments"]),
        ({"scoring": "mean"}, ["fragments"]),
        ({"min_size": SegmentParameters().min_size}, []),
    ],
)
def test_who_hears_of_what(change, says):
    settings, said = Settings(), []
    for name in ("cut", "agglomeration", "fragments"):
        getattr(settings, f"{name}_changed").connect(lambda name=name: said.append(name))
    settings.change(**change)
    assert said == says
    assert settings.parameters(0.4, "cpu").model_dump().items() >= {**change, "threshold": 0.4, "device": "cpu"}.items()


def test_what_is_out_of_range_is_refused_and_changes_nothing():
    settings = Settings()
    with pytest.raises(UserError, match="min_size"):
        settings.change(min_size=-1)
    assert settings.values.min_size == SegmentParameters().min_size


def test_grey_levels_count_only_where_somebody_chose_them():
    settings = Settings()
    settings.put_levels(3, 200)
    assert settings.parameters(None, "auto").black is None
    settings.change_levels(5, 190)
    assert settings.parameters(None, "auto").white == 190
    settings.put_levels(*settings.levels_of_data)
    assert settings.parameters(None, "auto").white is None


def test_a_foreground_network_knows_its_grey_levels():
    settings, card = Settings(), ModelCard(role="foreground", black=11.0, white=99.0)
    settings.follow(card)
    assert (settings.black, settings.white) == (11, 99)
    settings.change_levels(1, 2)
    settings.follow(card)
    assert (settings.black, settings.white) == (1, 2)
