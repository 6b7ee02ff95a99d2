"""Affinities as napari shows them."""

import numpy as np

from napari_emcad.widgets.kit.affinities_view import ComposedAffinities, channel_of


def test_composed_affinities_are_a_view():
    affinities = np.random.default_rng(0).integers(0, 255, (3, 2, 4, 5), np.uint8)
    view = ComposedAffinities(affinities)
    assert view.shape == (2, 4, 5, 3)
    np.testing.assert_array_equal(view[1], affinities[:, 1].transpose(1, 2, 0))
    np.testing.assert_array_equal(np.asarray(view), affinities.transpose(1, 2, 3, 0))
    affinities[0, 1] = 7
    assert (view[1][..., 0] == 7).all()


def test_one_channel():
    affinities = np.random.default_rng(1).integers(0, 255, (3, 2, 4, 5), np.uint8)
    channel = channel_of(affinities, 1)
    assert channel.shape == (2, 4, 5)
    np.testing.assert_array_equal(np.asarray(channel), affinities[1])
    np.testing.assert_array_equal(channel[1, 1:3], affinities[1, 1, 1:3])
