"""Neurons in electron microscopy volumes: segment, proofread, fine-tune."""

from napari_emcad import moved

__version__ = "0.1.0"

moved.install()
