"""Slurm as far as submitit uses it, on this machine: sbatch, srun, sacct, scancel and scontrol in one program.

What was submitted is kept under $FAKE_SLURM: the script as `JOB.sh`, and `JOB.state`, `JOB.group` (process group),
`JOB.again` (asked to be queued again) and `JOB.starts` for each job or element of an array.
"""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

FOLDER = Path(os.environ.get("FAKE_SLURM", "."))
N_AT_ONCE = 2


def sbatch(script: str) -> None:
    text = Path(script).read_text()
    if partition := re.search(r"--partition=nowhere", text):
        sys.exit(f"sbatch: error: invalid partition specified: {partition[0].partition('=')[2]}")
    number = 1 + len(list(FOLDER.glob("*.sh")))
    kept = FOLDER / f"{number}.sh"
    kept.write_text(text)
    array = re.search(r"--array=0-(\d+)", text)
    jobs = [f"{number}_{element}" for element in range(int(array[1]) + 1)] if array else [str(number)]
    for job in jobs:
        (FOLDER / f"{job}.state").write_text("PENDING")
    subprocess.Popen(
        [sys.executable, __file__, "serve", str(kept), *jobs],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    print(f"Submitted batch job {number}")


def serve(script: str, *jobs: str) -> None:
    """Run the elements of an array, some at once."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(N_AT_ONCE) as pool:
        list(pool.map(lambda job: run(script, job), jobs))


def run(script: str, job: str) -> None:
    state = FOLDER / f"{job}.state"
    number, _, element = job.partition("_")
    environment = {"SLURM_JOB_ID": f"{number}{element}", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}
    if element:
        environment |= {"SLURM_ARRAY_JOB_ID": number, "SLURM_ARRAY_TASK_ID": element}
    while state.read_text() == "PENDING":
        with (FOLDER / f"{job}.starts").open("a") as starts:
            print("started", file=starts)
        child = subprocess.Popen(["bash", script], env=os.environ | environment, start_new_session=True)
        (FOLDER / f"{job}.group").write_text(str(child.pid))
        state.write_text("RUNNING")
        status = child.wait()
        again = FOLDER / f"{job}.again"
        if again.exists():
            again.unlink()
            state.write_text("PENDING")
        elif state.read_text() == "RUNNING":
            state.write_text("COMPLETED" if status == 0 else "FAILED")


def srun(*words: str) -> None:
    options = dict(pairwise(words))
    names = {"%A": os.environ.get("SLURM_ARRAY_JOB_ID", ""), "%a": os.environ.get("SLURM_ARRAY_TASK_ID", "")}
    names |= {"%j": os.environ["SLURM_JOB_ID"], "%t": "0"}
    for option, descriptor in (("--output", 1), ("--error", 2)):
        path = options[option]
        for name, value in names.items():
            path = path.replace(name, value)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    command = words[words.index(options["--error"]) + 1 :]
    os.execvp(command[0], command)


def sacct(*words: str) -> None:
    print("JobID|State|NodeList")
    for path in sorted(FOLDER.glob("*.state")):
        print(f"{path.stem}|{path.read_text()}|here")


def scancel(job: str) -> None:
    for path in [*FOLDER.glob(f"{job}.state"), *FOLDER.glob(f"{job}_*.state")]:
        if path.read_text() in ("PENDING", "RUNNING"):
            path.write_text("CANCELLED")
        with suppress(OSError, ProcessLookupError):
            os.killpg(int(path.with_suffix(".group").read_text()), signal.SIGTERM)


def scontrol(action: str, job: str) -> None:
    assert action == "requeue"
    (FOLDER / f"{job}.again").touch()


if __name__ == "__main__":
    name = Path(sys.argv[0]).name
    words = sys.argv[1:]
    if name == "fake_slurm.py":
        name, *words = words
    globals()[name](*words)
