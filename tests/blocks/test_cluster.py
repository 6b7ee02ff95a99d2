"""Workers on this machine: what each sees, what is said of them, and what is not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import distributed
import pytest
import torch
from distributed import Client, LocalCluster, Nanny, Security

from napari_emcad.blocks import cluster
from napari_emcad.blocks.cluster import connect_cluster, cuda_devices, start_cluster
from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import drive

ENOUGH = 2_000_000_000

pytestmark = pytest.mark.usefixtures("forked_workers")


def test_each_worker_has_a_gpu_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "cuda_devices", lambda: ["4", "GPU-1b"])

    def told(folder, number):
        time.sleep(0.2)
        (Path(folder) / f"{number}").write_text(f"{os.getpid()} {os.environ['CUDA_VISIBLE_DEVICES']}")

    with start_cluster(3, ENOUGH) as pool:
        drive(pool.run("step", told, tmp_path, range(9)))
    device = dict(file.read_text().split() for file in tmp_path.iterdir())
    assert sorted(device.values()) == ["4", "4", "GPU-1b"]


def test_without_a_gpu_nothing_is_set(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(cluster, "cuda_devices", list)

    def told(folder, number):
        (Path(folder) / "told").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "none"))

    with start_cluster(1, ENOUGH) as pool:
        drive(pool.run("step", told, tmp_path, [0]))
    assert (tmp_path / "told").read_text() == "none"


@pytest.mark.parametrize(
    ("there", "allowed", "expected"),
    [(0, None, []), (2, None, ["0", "1"]), (2, "5,7", ["5", "7"]), (1, "GPU-1b", ["GPU-1b"]), (0, "", [])],
)
def test_cuda_devices_are_those_that_may_be_used(monkeypatch, there, allowed, expected):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there > 0)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if allowed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert cuda_devices() == expected


@pytest.mark.slow
def test_a_worker_that_takes_too_much_is_one_sentence(tmp_path, capfd):
    """What is done stays done."""

    def greedy(folder, number):
        held = bytearray(number * 100_000_000)
        time.sleep(1)
        (Path(folder) / f"{number}").write_text(f"{len(held)}")

    with start_cluster(1, 500_000_000) as pool, pytest.raises(UserError, match=r"^workers: .* for want of memory; "):
        drive(pool.run("step", greedy, tmp_path, [1, 6]))
    assert [file.name for file in tmp_path.iterdir()] == ["1"]
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_its_block_only(tmp_path, capfd):
    def deadly(folder, number):
        (Path(folder) / f"{number}.{time.monotonic_ns()}").touch()
        if number == 2 and len(list(Path(folder).glob("2.*"))) == 1:
            time.sleep(1)
            os.kill(os.getpid(), signal.SIGKILL)

    with start_cluster(1, ENOUGH) as pool:
        drive(pool.run("step", deadly, tmp_path, range(4)))
    assert sorted(file.stem for file in tmp_path.iterdir()) == ["0", "1", "2", "2", "3"]
    assert capfd.readouterr().err == ""


def test_workers_that_cannot_start_again_are_one_sentence(tmp_path, monkeypatch):
    async def fail(_):
        raise RuntimeError

    def ends(folder, number):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(cluster, "WITHOUT_WORKERS", "1s")
    with (
        start_cluster(1, ENOUGH) as pool,
        pytest.raises(UserError, match=r"^workers: none is left, and none "),
    ):
        monkeypatch.setattr(Nanny, "instantiate", fail)
        drive(pool.run("step", ends, tmp_path, [0]))


@pytest.mark.skipif(sys.platform == "win32", reason="signals to groups")
def test_ctrl_c_is_one_exception_and_no_word(tmp_path):
    """At any moment, of the whole group of programs, as a terminal sends it."""
    text = """if True:
        import signal, time
        from napari_emcad.blocks.cluster import start_cluster
        if __name__ == "__main__":
            signal.signal(signal.SIGINT, signal.default_int_handler)  # tests may run where it is ignored
            print("begins", flush=True)
            try:
                with start_cluster(2, 2_000_000_000):
                    print("runs", flush=True)
                    time.sleep(60)
            except KeyboardInterrupt:
                print("stopped")
    """
    (tmp_path / "program.py").write_text(text)
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    for word, wait in (("begins", 0.5), ("begins", 1.5), ("runs", 0.5)):
        program = subprocess.Popen([sys.executable, tmp_path / "program.py"], **said)
        lines = []
        while word not in lines:
            lines.append(program.stdout.readline().strip())
        time.sleep(wait)
        os.killpg(program.pid, signal.SIGINT)
        lines += program.communicate(timeout=100)[0].splitlines()
        assert lines in (["begins", "stopped"], ["begins", "runs", "stopped"])


@pytest.mark.slow
def test_a_worker_near_its_limit_does_the_next_block(tmp_path):
    """Dask pauses workers at 80 % and waits for them to give something back."""

    def holding(folder, number):
        import psutil

        sys.held = []  # as an allocator does
        while psutil.Process().memory_info().rss < 0.9 * limit:
            sys.held.append(bytearray(10_000_000))
        time.sleep(1)

    limit = 600_000_000
    with start_cluster(1, limit) as pool:
        drive(pool.run("step", holding, tmp_path, [0]))
        drive(pool.run("step", lambda folder, number: None, tmp_path, [1]))


@pytest.mark.parametrize("drawn", [True, False])
def test_the_dashboard_is_told_where_it_is_drawn(monkeypatch, drawn):
    found = cluster.find_spec
    monkeypatch.setattr(cluster, "find_spec", lambda name: drawn if name == "bokeh" else found(name))
    with start_cluster(1, ENOUGH) as pool:
        if drawn:
            assert pool.dashboard.startswith("http://127.0.0.1:")
        else:
            assert pool.dashboard is None


@pytest.fixture
def running(tmp_path):
    """A scheduler and a worker, each a program: (address, scheduler's process)."""
    file = tmp_path / "scheduler.json"
    common = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    dask = (sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0")
    scheduler = subprocess.Popen([*dask, "--no-dashboard", "--scheduler-file", str(file)], **common)
    while not file.is_file():
        time.sleep(0.1)
    address = json.loads(file.read_text())["address"]
    dask = (sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-dashboard", "--no-nanny")
    worker = subprocess.Popen([*dask, "--nthreads", "1"], **common)
    with Client(address) as client:
        client.wait_for_workers(1)
    yield address, scheduler
    for process in (worker, scheduler):
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_scheduler_that_goes_away_is_one_sentence(tmp_path, running, capfd):
    address, scheduler = running

    def done(folder, number):
        time.sleep(0.5)

    with (
        connect_cluster(address) as pool,
        pytest.raises(UserError, match=r"^scheduler: the connection to it was "),
    ):
        for progress in pool.run("step", done, tmp_path, range(20)):
            if progress.done == 2:
                scheduler.kill()
    assert capfd.readouterr().err == ""


def test_another_version_of_dask_is_one_sentence(monkeypatch):
    get_versions = Client.get_versions

    def older(client):
        found = get_versions(client)
        found["scheduler"]["packages"]["distributed"] = "2024.1.0"
        return found

    monkeypatch.setattr(Client, "get_versions", older)
    with (
        LocalCluster(n_workers=1, dashboard_address=None) as there,
        pytest.raises(UserError, match=r": Dask's distributed is there in version 2024\.1\.0, and 20[\d.]+ here; "),
        connect_cluster(there.scheduler_address),
    ):
        pass


def test_a_scheduler_that_does_not_understand_is_one_sentence(monkeypatch):
    def fail(*_, **__):
        raise TypeError("identity() got an unexpected keyword argument")

    monkeypatch.setattr(distributed, "Client", fail)
    with (
        pytest.raises(UserError, match=r"^tcp://x:1: the scheduler does not understand this Dask \(TypeError\); "),
        connect_cluster("tcp://x:1"),
    ):
        pass


@pytest.mark.parametrize("failing", [2, 3])
def test_workers_that_end_while_they_start_are_started_anew(failing):
    """Dask gives up the whole cluster then; the third time so does the command."""
    tries = []

    def start():
        tries.append(1)
        if len(tries) <= failing:
            raise RuntimeError("Nanny failed to start.")
        return "cluster"

    if failing < cluster.STARTS:
        assert cluster._try_to_start(start) == "cluster"
        return
    with pytest.raises(UserError, match=r"workers: they could not be started \(Nanny .*\); resume the run"):
        cluster._try_to_start(start)
    assert len(tries) == cluster.STARTS


def test_others_on_the_machine_give_no_commands():
    """The workers and the scheduler take what comes with the key of the run, and nothing else."""
    with start_cluster(1, ENOUGH) as pool:
        addresses = [pool._client.scheduler.address, *pool._client.scheduler_info()["workers"]]
        assert all(address.startswith("tls://127.0.0.1:") for address in addresses)
        for address in addresses:
            for strange in (address.replace("tls://", "tcp://"), address):
                with pytest.raises((OSError, TimeoutError, RuntimeError)):
                    Client(strange, timeout=2, security=Security.temporary() if strange == address else None)
