"""Samples and URLs that are opened from the dock: read in a thread, then shown as layers."""

from napari.layers import Layer

from napari_emcad.core.errors import UserError
from napari_emcad.reader import read_layers
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.jobs import Ended, one_step


class LayerOpener:
    """Opens samples and URLs in a desk's viewer."""

    def __init__(self, desk: Desk):
        self._desk = desk

    def open_sample(self, key: str) -> None:
        """Make a sample of `sample_data` in a thread and open it."""
        from napari_emcad import sample_data

        self._desk.message.say("The sample is being made.")
        self._desk.jobs.start(one_step(getattr(sample_data, key), stage="making the sample"), self._on_read)

    def open_url(self, url: str) -> None:
        """Open a Zarr or precomputed volume behind a URL in a thread; its voxels are read as they are looked at."""
        self._desk.message.say("The URL is being opened.")
        self._desk.jobs.start(one_step(read_layers, url, stage="opening the URL"), self._on_read)

    def _on_read(self, ended: Ended) -> None:
        if ended.result is None:
            self._desk.message.error(ended.error or UserError("Nothing was opened: it was stopped."))
            return
        for data, meta, kind in ended.result:
            self._desk.viewer.add_layer(Layer.create(data, meta, kind))
