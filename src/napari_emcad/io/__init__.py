"""Files: the only room that reads and writes them."""
