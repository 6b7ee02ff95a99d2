"""Neurons in electron microscopy volumes: segment, proofread, fine-tune."""

__version__ = "0.1.0"
