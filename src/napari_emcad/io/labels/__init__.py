"""Labels: the volumes of ids that are written."""
