import numpy as np
import pytest
from drawings import uneven

from napari_emcad.core.geometry import Box
from napari_emcad.core.neurites import neurites
from napari_emcad.core.parameters import ResolvedOpticalParameters
from napari_emcad.networks.card import ModelCard
from napari_emcad.widgets.desk.neurites import ForegroundResult, ForegroundRun


@pytest.fixture
def drawn_neurites(desk, open_stack):
    """Neurites as the current ones of a desk, as if a foreground network had found them in a part of a volume."""
    source = open_stack(uneven((12, 40, 48), seed=4), "fibres", scale=(2, 1, 1), translate=(10, 20, 30))
    parameters = ResolvedOpticalParameters(threshold=0.5, black=0, white=1)
    run = ForegroundRun(source, Box((2, 0, 0), (12, 40, 48)), parameters)
    run.probability[:] = np.where(np.arange(48) % 12 < 6, 200, 20)
    desk.neurites.begin(run)
    labels = neurites(run.probability, 0.5, 1)
    desk.neurites.finish(run, ForegroundResult(labels, parameters, ModelCard(title="fibres")))
    return desk.neurites.current
