"""The files of docs/cluster start workers that do the blocks; sbatch and bsub are played by a few lines."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from drawings import lively_student, tissue

from napari_emcad.blocks import run as by_blocks
from napari_emcad.cli import main as cli
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import save_model

DOCS = Path(__file__).resolve().parents[2] / "docs" / "cluster"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="not in a checkout")

SUBMIT = """#!/bin/sh
cd {folder}
cat ${{1:-/dev/stdin}} > job.$$
OMP_NUM_THREADS=7 setsid sh job.$$ > job.$$.log 2>&1 &
echo "{answer}"
"""
CANCEL = """#!/bin/sh
for job; do kill -- -$job; done
"""

OF_SYSTEM = {
    "slurm": ("sbatch", "scancel", "Submitted batch job $!", "--gres=gpu:1"),
    "lsf": ("bsub", "bkill", "Job <$!> is submitted to queue <normal>.", '-gpu "num=1"'),
}


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """(session, options) -> runs the command into it."""
    folder = tmp_path_factory.mktemp("stack and model")
    tifffile.imwrite(folder / "stack.tif", tissue((3, 40, 1040), seed=1), photometric="minisblack")
    save_model(lively_student(), folder / "small.pt", ModelCard(title="small"))

    def command(session, *more):
        stack = ("segment", str(folder / "stack.tif"), "--model", str(folder / "small.pt"))
        return cli.main([*stack, "--session", str(session), "--block", "3,512,512", "--device", "cpu", *more])

    return command


@pytest.fixture
def system(tmp_path, monkeypatch):
    """(name) -> its programs on the PATH; jobs are written to job.* in the folder it gives."""

    def system(name):
        folder = tmp_path / "jobs"
        folder.mkdir()
        submit, cancel, answer, _ = OF_SYSTEM[name]
        for program, text in ((submit, SUBMIT.format(folder=folder, answer=answer)), (cancel, CANCEL)):
            (folder / program).write_text(text)
            (folder / program).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return folder

    return system


def changed(name: str, **lines: str) -> str:
    """The text of an example with other values in its lines in capitals."""
    text = (DOCS / f"{name}.py").read_text("utf-8").splitlines()
    for key, value in lines.items():
        (place,) = (k for k, line in enumerate(text) if line.startswith(f"{key} = "))
        text[place] = f"{key} = {value}"
    return "\n".join(text)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="its programs are played by setsid and sh")
@pytest.mark.parametrize("name", OF_SYSTEM)
def test_jobs_do_the_blocks(tmp_path, command, system, monkeypatch, name):
    pytest.importorskip("dask_jobqueue")
    monkeypatch.setattr(by_blocks, "GROUP", (1, 1, 1))
    monkeypatch.setattr(by_blocks, "FREE_SHARE", 1.0)
    folder, gpu = system(name), OF_SYSTEM[name][-1]
    text = changed(name, JOBS="2", MEMORY='"2GB"', THREADS="3", INTERFACE='"lo"', OPTIONS=f"[{gpu!r}]")
    workers = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        address = workers.stdout.readline().strip()
        assert command(tmp_path / "jobs.emcad", "--scheduler", address) == 0
    finally:
        workers.send_signal(signal.SIGINT)
        workers.wait(30)
    assert command(tmp_path / "here.emcad") == 0
    with open_session(tmp_path / "jobs.emcad") as found, open_session(tmp_path / "here.emcad") as wanted:
        assert found.facts.base_hash == wanted.facts.base_hash
        np.testing.assert_array_equal(found.session.state.table, wanted.session.state.table)
    jobs = [file.read_text() for file in folder.glob("job.*") if file.suffix != ".log"]
    assert len(jobs) == 2
    for job in jobs:
        assert f"#{'SBATCH' if name == 'slurm' else 'BSUB'} {gpu}\n" in job
        assert "#SBATCH --cpus-per-task=3\n" in job or "#BSUB -n 3\n" in job
        assert "#SBATCH --mem=2G\n" in job or "#BSUB -M 2000000\n" in job
        assert "\nexport OMP_NUM_THREADS=3\n" in job
        assert " --nthreads 1 --memory-limit 1.86GiB " in job


def test_the_kubernetes_file_starts_what_there_is():
    """Its commands are understood, one worker a pod, within what the pod may take."""
    from dask.utils import parse_bytes
    from distributed.cli import dask_scheduler, dask_worker

    described = yaml.safe_load((DOCS / "kubernetes.yaml").read_text("utf-8"))
    assert (described["apiVersion"], described["kind"]) == ("kubernetes.dask.org/v1", "DaskCluster")
    worker, scheduler = (described["spec"][part]["spec"] for part in ("worker", "scheduler"))
    containers = [part["containers"][0] for part in (worker, scheduler)]
    for container, main in zip(containers, (dask_worker.main, dask_scheduler.main), strict=True):
        assert container["args"][:2] == ["dask", container["name"]]
        container["options"] = main.make_context("dask", container["args"][2:]).params
    options, limits = containers[0]["options"], containers[0]["resources"]["limits"]
    assert (options["n_workers"], options["nthreads"]) == ("1", 1)
    assert 0.8 * parse_bytes(limits["memory"]) < parse_bytes(options["memory_limit"]) < parse_bytes(limits["memory"])
    environment = {one["name"]: one["value"] for one in containers[0]["env"]}
    assert environment["OMP_NUM_THREADS"] == limits["cpu"]
    assert worker["volumes"] == scheduler["volumes"]
    assert containers[0]["volumeMounts"] == containers[1]["volumeMounts"]
    ports = {port["name"]: port["containerPort"] for port in containers[1]["ports"]}
    service = described["spec"]["scheduler"]["service"]
    assert all(ports[port["targetPort"]] == port["port"] for port in service["ports"])
    assert service["selector"]["dask.org/cluster-name"] == described["metadata"]["name"]
