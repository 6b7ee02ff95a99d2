from napari_emcad.inference.engines import device as module
from napari_emcad.inference.engines.device import Device, release_memory, reuse_memory


def test_memory_can_be_reused_and_released_anywhere(monkeypatch):
    for platform in (module.sys.platform, "win32", "darwin"):
        monkeypatch.setattr(module.sys, "platform", platform)
        reuse_memory()
        release_memory(Device("cpu", ""))


def test_a_linux_without_glibc_is_no_error(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(module.sys, "platform", "linux")
    monkeypatch.setattr(module.ctypes, "CDLL", missing)
    reuse_memory()
    release_memory(Device("cpu", ""))
