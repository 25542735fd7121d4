"""Stops, and deaths of the agent, of the supervisor and of what a job leaves behind."""

import os
import signal
import stat
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from tests.agent.conftest import RealAgent, alive

WAITS = "echo $$; exec sleep 60"
STUBBORN = "trap '' TERM; echo $$; while :; do sleep 1; done"


def pid_of(agent: RealAgent, job: str) -> int:
    agent.says(job, b"\n")
    return int(agent.output(job).split()[0])


def test_a_polite_stop_ends_a_job_with_sigterm(agent: RealAgent) -> None:
    agent.put("polite", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done")
    agent.says("polite", b"up")
    assert agent.stop("polite", 30)["phase"] in ("stopping", "exited")
    state = agent.wait("polite")
    assert (state["exit_code"], state["reason"]) == (3, "stopped")
    assert b"bye" in agent.output("polite")
    assert agent.stop("polite", 0) == state


def test_a_stubborn_job_is_killed_after_the_grace(agent: RealAgent) -> None:
    agent.put("stubborn", STUBBORN)
    pid_of(agent, "stubborn")
    since = time.monotonic()
    agent.stop("stubborn", 0.5)
    assert agent.wait("stubborn")["exit_code"] == 137
    assert 0.4 < time.monotonic() - since < 5


def test_a_second_stop_can_shorten_the_grace_and_not_lengthen_it(agent: RealAgent) -> None:
    agent.put("short", STUBBORN)
    pid_of(agent, "short")
    assert agent.stop("short", 60)["phase"] == "stopping"
    agent.stop("short", 0)
    agent.stop("short", 60)
    assert agent.wait("short", seconds=5)["reason"] == "stopped"


def test_a_stop_right_after_the_submission_is_not_lost(agent: RealAgent) -> None:
    agent.put("early", "sleep 60")
    agent.stop("early", 5)
    assert agent.wait("early", seconds=5)["reason"] == "stopped"


def test_a_stop_waits_for_what_the_shell_left_to_end_politely(agent: RealAgent) -> None:
    agent.put("tree", "(trap 'sleep 0.3; echo saved; exit' TERM; echo up; while :; do sleep 0.05; done) & sleep 60")
    agent.says("tree", b"up")
    agent.stop("tree", 10)
    agent.wait("tree")
    assert b"saved" in agent.output("tree")


def test_a_daemon_that_a_job_left_behind_is_ended_with_it(agent: RealAgent) -> None:
    state = agent.run("daemon", "setsid sh -c 'echo $$; exec env -i sleep 60' & sleep 0.3")
    assert state["exit_code"] == 0
    assert not alive(pid_of(agent, "daemon"))


def test_a_killed_agent_leaves_its_jobs_running_and_the_next_one_takes_them_up(agent: RealAgent) -> None:
    agent.put("lives", "echo $$; sleep 1.2; echo after; exit 5")
    pid = pid_of(agent, "lives")
    agent.end(signal.SIGKILL)
    assert alive(pid)
    agent.start()
    assert agent.get("lives")["phase"] == "running"
    state = agent.wait("lives")
    assert (state["exit_code"], agent.output("lives").endswith(b"after\n")) == (5, True)


def test_a_job_that_ended_without_an_agent_is_reported_by_the_next_one(agent: RealAgent) -> None:
    agent.put("alone", "echo $$; sleep 0.3; exit 6")
    pid_of(agent, "alone")
    supervisor = agent.supervisor("alone")
    agent.end(signal.SIGKILL)
    while alive(supervisor):
        time.sleep(0.02)
    assert agent.start().get("alone")["exit_code"] == 6


def test_a_job_that_never_began_is_started_by_the_next_agent(agent: RealAgent) -> None:
    agent.run("cut", "echo ran")
    agent.end(signal.SIGKILL)
    for name in ("begun", "running.json", "exit.json", "log", "lock"):
        (agent.state / "jobs" / "cut" / name).unlink()
    agent.start()
    assert agent.wait("cut")["exit_code"] == 0
    assert agent.output("cut") == b"ran\n"


def test_a_job_whose_supervisor_was_killed_is_interrupted_and_nothing_of_it_is_left(agent: RealAgent) -> None:
    agent.put("orphan", "setsid sleep 60 & echo $! $$; sleep 60")
    agent.says("orphan", b"\n")
    pids = [int(word) for word in agent.output("orphan").split()]
    agent.wait("orphan", "running")
    os.kill(agent.supervisor("orphan"), signal.SIGKILL)
    state = agent.wait("orphan")
    assert (state["reason"], state["exit_code"]) == ("interrupted", None)
    assert not any(alive(pid) for pid in pids)


def test_a_job_that_lost_its_supervisor_while_no_agent_was_there_is_interrupted(agent: RealAgent) -> None:
    agent.put("both", WAITS)
    pid, supervisor = pid_of(agent, "both"), agent.supervisor("both")
    agent.end(signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)
    assert agent.start().wait("both")["reason"] == "interrupted"
    assert not alive(pid)


def test_sigterm_ends_the_agent_quickly_and_leaves_its_jobs(agent: RealAgent) -> None:
    agent.put("stays", WAITS)
    pid = pid_of(agent, "stays")
    poll = threading.Thread(target=lambda: agent.http.get("/jobs/stays", params={"wait": 15}))
    poll.start()
    time.sleep(0.1)
    assert agent.end(signal.SIGTERM) < 2
    poll.join()
    assert alive(pid)
    assert agent.process is not None
    assert agent.process.returncode == 0
    assert not agent.socket.exists()
    assert agent.start().get("stays")["phase"] == "running"


def test_a_shutdown_ends_all_jobs_firmly_and_then_the_agent(agent: RealAgent) -> None:
    for job in ("one", "two"):
        agent.put(job, STUBBORN)
    pids = [pid_of(agent, job) for job in ("one", "two")]
    assert agent.http.post("/shutdown").json() == {"jobs_running": 0}
    assert agent.process is not None
    assert agent.process.wait(3) == 0
    assert not any(alive(pid) for pid in pids)


def test_a_second_agent_over_the_same_state_does_not_start(agent: RealAgent) -> None:
    second = subprocess.run(agent.command(), capture_output=True, text=True, timeout=10, check=False)
    assert (second.returncode, second.stderr) == (1, f"atoll agent: another agent uses {agent.state}\n")
    assert agent.http.get("/healthz").is_success


def test_the_socket_and_the_state_are_private(agent: RealAgent) -> None:
    assert stat.S_IMODE(agent.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(agent.state.stat().st_mode) == 0o700


class SmallAgent(RealAgent):
    """An agent whose folder is a small file system of its own."""

    def command(self) -> list[str]:
        self.state.mkdir(exist_ok=True)
        mount = f'mount -t tmpfs -o size=2m,mode=0700 none {self.state} && exec "$@"'
        return ["unshare", "-Urm", "sh", "-c", mount, "sh", *super().command()]

    @property
    def files(self) -> Path:
        assert self.process is not None
        return Path(f"/proc/{self.process.pid}/root{self.state}")


def test_a_full_disk_keeps_no_job_from_being_stopped_or_its_end_from_being_recorded(base: Path) -> None:
    agent = SmallAgent(base)
    try:
        agent.start()
        agent.put("ends", "touch go; echo up; while [ -e go ]; do sleep 0.05; done; exit 7")
        agent.put("stays", "echo up; sleep 60")
        for job in ("ends", "stays"):
            agent.says(job, b"up")
        with (agent.files / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        refused = agent.http.put("/jobs/new", json={"commands": ["true"]})
        assert (refused.status_code, refused.json()["message"][:16]) == (507, "the disk is full")
        (agent.files / "jobs" / "ends" / "work" / "go").unlink()
        assert agent.wait("ends")["exit_code"] == 7
        agent.stop("stays", 5)
        assert agent.wait("stays")["reason"] == "stopped"
        (agent.files / "filler").unlink()
        assert agent.run("new", "true")["exit_code"] == 0
    finally:
        agent.close()
