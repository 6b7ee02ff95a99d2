import numpy as np
import torch
from torch import nn
from training_runs import chosen, fresh, uncorrected

from napari_emcad.training.crops import Wanted, random_views
from napari_emcad.training.views import affinities_of_views


def test_the_running_mean_speaks_of_the_other_view_and_learns_nothing_from_it():
    parameters = chosen(consistency="ema")
    state, shape = fresh(parameters), parameters.crop.shape
    wanted = Wanted(2, shape, shape)
    views = random_views(np.random.default_rng(0), uncorrected()[1:], wanted)
    first, second, shown = affinities_of_views(state, views, shape)
    assert first.requires_grad and not second.requires_grad
    assert first.shape == second.shape == shown.shape == (1, 3, 2, 32, 32)
    running = {k: v.clone() for k, v in state.networks["student"].state_dict().items() if "running" in k}
    state.consistency = "plain"
    assert all(said.requires_grad for said in affinities_of_views(state, views, shape)[:2])
    after = state.networks["student"].state_dict()
    assert all(torch.equal(after[name], before) for name, before in running.items())
    assert all(m.momentum == 0.1 for m in state.networks["student"].modules() if isinstance(m, nn.BatchNorm2d))
