"""Edits without a screen."""
