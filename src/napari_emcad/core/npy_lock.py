"""One thread at a time reads headers of NumPy's files."""

from threading import RLock

NPY_LOCK = RLock()
"""Held while NumPy parses a header. It does so as Python parses code, and Python 3.11 counts how deep it is in that for
all threads together: two at once may fail with a SystemError (cpython#106905), as if the file were damaged."""
