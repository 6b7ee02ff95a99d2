"""Samples and URLs opened from the dock, without a window."""

import numpy as np
import pytest
from pyramids import write_pyramid

from napari_emcad.widgets.layer_opener import LayerOpener


@pytest.fixture
def opener(desk):
    return LayerOpener(desk)


def test_a_sample(opener, desk, loop, monkeypatch, stack):
    layers = [(stack, {"name": "em"}, "image"), (stack // 9, {"name": "ground truth"}, "labels")]
    monkeypatch.setattr("napari_emcad.sample_data.small", lambda: layers)
    opener.open_sample("small")
    assert desk.jobs.running and not desk.viewer.layers
    loop.work()
    assert [layer.name for layer in desk.viewer.layers] == ["em", "ground truth"]
    np.testing.assert_array_equal(desk.viewer.layers["ground truth"].data, stack // 9)


def test_a_url(opener, desk, loop, memory, stack):
    write_pyramid(f"{memory}/em.zarr", np.repeat(np.repeat(stack, 2, 1), 2, 2))
    opener.open_url(f"{memory}/em.zarr")
    loop.work()
    layer = desk.stack.layer
    assert (layer.name, layer.multiscale, layer.metadata["source"]) == ("em", True, f"{memory}/em.zarr")
    np.testing.assert_array_equal(np.asarray(layer.data[1]), stack)


@pytest.mark.parametrize(
    ("url", "sentence"), [("eels://pond/em.zarr", "eels:// is not known"), ("memory://no.zarr", "")]
)
def test_a_wrong_url(opener, desk, loop, url, sentence):
    opener.open_url(url)
    loop.work()
    assert desk.message.kind == "error" and sentence in desk.message.text
    assert not desk.viewer.layers


def test_stopped(opener, desk, loop):
    opener.open_sample("large")
    desk.jobs.stop()
    loop.work()
    assert desk.message.text == "Nothing was opened: it was stopped." and not desk.viewer.layers
