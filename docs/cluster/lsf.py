"""Workers for napari-emcad on LSF, one a job; change the lines in capitals.

python lsf.py                       prints the address once the first job runs; leave it running
napari-emcad segment ... --scheduler ADDRESS

Needs: python -m pip install "napari-emcad[cluster]" dask-jobqueue
"""

from time import sleep

from dask_jobqueue import LSFCluster
from distributed import Client

JOBS = 50
MEMORY = "8GB"  # of a job; the command says how much a worker takes
THREADS = 4  # of a job
WALLTIME = "12:00"
OPTIONS = ["-q normal"]  # of bsub; for a GPU a job add '-gpu "num=1"'
INTERFACE = None  # network that this machine and the nodes share, such as "ib0"

cluster = LSFCluster(
    cores=1,  # one block at a time
    processes=1,
    ncpus=THREADS,
    memory=MEMORY,
    walltime=WALLTIME,
    interface=INTERFACE,
    job_extra_directives=OPTIONS,
    job_script_prologue=[
        f"export OMP_NUM_THREADS={THREADS}",
        "export DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE=False",  # a block takes what it takes, up to MEMORY
    ],
)
cluster.scale(jobs=JOBS)
Client(cluster).wait_for_workers(1)
print(cluster.scheduler_address, flush=True)
while True:
    sleep(60)
