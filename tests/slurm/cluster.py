"""A Slurm of one node with two cores in a folder of its own: munged, slurmctld and slurmd, stopped at the end."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROGRAMS = ("mungekey", "munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
_CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
SwitchType=switch/none
ReturnToService=2
KillWait=20
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=0
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=low Nodes=node Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=high Nodes=node MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""


def missing() -> str | None:
    """Why no Slurm can be started here; None where it can."""
    if lacking := [name for name in PROGRAMS if shutil.which(name) is None]:
        return f"Slurm is not installed: no {', '.join(lacking)} (apt-get install slurmctld slurmd slurm-client munge)"
    return None if os.geteuid() == 0 else "only root may start slurmd"


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Starts the daemons, and yields the environment in which Slurm's programs find them."""
    host = socket.gethostname().partition(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir()
    file = folder / "slurm.conf"
    file.write_text(_CONFIGURATION.format(host=host, ports=_free_ports(2), folder=folder))
    version = tuple(int(part) for part in re.findall(r"\d+", said(dict(os.environ), "slurmd", "-V"))[:2])
    (folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n" if version >= (23, 11) else "")
    key, munge = folder / "munge.key", folder / "munge.socket"
    subprocess.run(["mungekey", "--create", f"--keyfile={key}"], check=True)
    environment = os.environ | {"SLURM_CONF": str(file)}
    own = [f"--key-file={key}", f"--socket={munge}", f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log"]
    daemons = [
        ["munged", "--foreground", "--force", f"--seed-file={folder}/munge.seed", *own],
        ["slurmctld", "-D", "-f", str(file)],
        ["slurmd", "-D", "-N", "node", "-f", str(file)],
    ]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in daemons:
            with (folder / f"{command[0]}.out").open("wb") as out:
                processes.append(subprocess.Popen(command, env=environment, stdout=out, stderr=out))
            if command[0] == "munged":
                wait_until(munge.exists)
        wait_until(lambda: "idle" in said(environment, "sinfo", "--noheader", "--format=%T"))
        yield environment
    finally:
        said(environment, "scancel", "--full", "--user=root", "--signal=KILL")
        said(environment, "scancel", "--user=root")
        with_jobs = time.monotonic() + 30
        while said(environment, "squeue", "--noheader") and time.monotonic() < with_jobs:
            time.sleep(0.2)
        for process in reversed(processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def said(environment: dict[str, str], *command: str) -> str:
    """What one of Slurm's programs answers."""
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False).stdout


def wait_until(ready: Callable[[], object], process: subprocess.Popen[str] | None = None, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert process is None or process.poll() is None, "the command has ended"
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)
