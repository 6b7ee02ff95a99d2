"""The form of the settings, without a viewer."""

import pytest

from napari_emcad.networks.card import ModelCard
from napari_emcad.widgets.desk.settings import Settings
from napari_emcad.widgets.segment.views.settings_form import SettingsForm

pytestmark = pytest.mark.window


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def form(settings, qtbot) -> SettingsForm:
    form = SettingsForm(settings)
    qtbot.addWidget(form)
    return form


def test_a_person_changes_settings(form, settings):
    form.min_size.setValue(7)
    form.seed_sigma.setValue(3.5)
    form.crumbs.setCurrentIndex(form.crumbs.findData("background"))
    form.look.setCurrentIndex(form.look.findData(True))
    values = settings.values
    assert (values.min_size, values.seed_sigma, values.crumbs) == (7, 3.5, "background") and settings.shows_channels


def test_settings_are_shown(form, settings):
    settings.change(min_size=9, scoring="mean", agglomeration="multicut")
    assert form.min_size.value() == 9 and form.scoring.currentData() == "mean"
    assert form.agglomeration.currentData() == "multicut" and not form.scoring.isEnabled()
    assert "Only waterz" in form.scoring.toolTip()


def test_grey_levels_come_from_the_data_and_can_be_changed(form, settings):
    settings.put_levels(100, 25_000)
    assert form.white.value() == 25_000 and not settings.are_levels_edited
    form.white.setValue(20_000)
    assert settings.parameters(None, "auto").white == 20_000
    form.from_data.click()
    assert form.white.value() == 25_000 and settings.parameters(None, "auto").white is None
    form.exchange.click()
    assert (form.black.value(), form.white.value()) == (25_000, 100)
    assert settings.parameters(None, "auto").black == 25_000


def test_what_an_optical_network_does_not_have_cannot_be_chosen(form, settings):
    settings.follow(ModelCard(role="foreground", black=100, white=600))
    for widget in (form.crumbs, form.seed_sigma, form.agglomeration, form.scoring, form.look):
        assert not widget.isEnabled() and "no fragments" in widget.toolTip()
    assert (form.black.value(), form.white.value()) == (100, 600)
    settings.follow(ModelCard(role="student"))
    assert form.crumbs.isEnabled()
