import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Networks as small as these gain nothing from more threads, and lose much where other programs want the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
