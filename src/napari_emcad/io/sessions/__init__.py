"""Sessions on disk, and what leaves them."""
