"""One job's supervisor: a small process of its own that starts the job's shell, keeps its log and sees it to its end.

The agent starts it for each job; it outlives the agent, and the agent may be exchanged while jobs run. It uses the
standard library and light modules alone, since each job pays for its start.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Any

from atoll.agent import mounts, processes
from atoll.agent.folder import MESSAGE_CHARACTERS, Folder, StartError, read, strip, write_reserved
from atoll.agent.output import Log, Stream

GRACE_SECONDS = 10.0
"""Default seconds between SIGTERM and SIGKILL: at the end of `max_duration`, and when the supervisor gets SIGTERM."""

_FIRM_SECONDS = 10.0


@dataclass
class _Ending:
    """Why and when the job is to end: `reason` is empty until a stop is requested."""

    reason: str = ""
    message: str = ""
    kill_at: float = field(default=float("inf"))

    def ask(self, reason: str, message: str, kill_at: float) -> bool:
        """Note a wish; it can only shorten the grace. True for the first."""
        first = not self.reason
        if first:
            self.reason, self.message = reason, message
        self.kill_at = min(self.kill_at, kill_at)
        return first


class Supervisor:
    """Runs the job in `folder` from its start to its exit.json."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._job = read(folder.job) or {}
        self._variables = read(folder.variables) or {}
        if self._job.get("container"):
            self._job["container"].update(read(folder.password) or {})
        self._ending = _Ending()
        self._streams: list[Stream] = []
        self._poll = select.poll()
        self._started_at: str | None = None

    def run(self) -> None:
        """See the job from its start to its end."""
        processes.adopt()
        signals = self._listen()
        control = self._open_control()
        write_reserved(self._folder.begun, {"pid": os.getpid()})
        self._look_for_stop()
        if self._ending.reason:
            self._finish(None, "stopped", "stopped before it started")
            return
        log = Log(self._folder.log)
        try:
            shell = self._start(log)
        except StartError as error:
            self._finish(None, "start-failed", str(error))
            return
        self._started_at = _now()
        strip(self._folder)
        write_reserved(self._folder.running, {"started_at": self._started_at})
        code = self._watch(shell, signals, control)
        last = self._end_all()
        for stream in self._streams:
            stream.drain()
        code = last.get(shell, code)
        if self._job.get("container"):
            self._finish_container(code)
            return
        self._finish(code, self._ending.reason, self._ending.message)

    def _finish_container(self, code: int | None) -> None:
        from atoll.agent import containers  # other jobs need not pay for it

        message = containers.remove(self._folder, self._job["client"]) or self._ending.message
        problem = read(self._folder.problem)
        if problem is not None and not self._ending.reason:
            self._finish(None, "start-failed", "; ".join(filter(None, (problem["message"], message))))
            return
        self._finish(code, self._ending.reason, message)

    def _listen(self) -> int:
        reading, writing = os.pipe()
        for end in (reading, writing):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGTERM, self._on_sigterm)
        self._poll.register(reading, select.POLLIN)
        return reading

    def _on_sigterm(self, _number: int, _frame: FrameType | None) -> None:
        if self._ending.ask("stopped", "the supervisor was signalled to end", time.monotonic() + GRACE_SECONDS):
            processes.send(processes.descendants({os.getpid()}), signal.SIGTERM)

    def _open_control(self) -> int:
        with suppress(FileExistsError):
            os.mkfifo(self._folder.control, 0o600)
        # For reading and writing, so that it does not end when a writer closes it.
        control = os.open(self._folder.control, os.O_RDWR | os.O_NONBLOCK)
        self._poll.register(control, select.POLLIN)
        return control

    def _start(self, log: Log) -> int:
        pipes = [os.pipe() for _ in ("stdout", "stderr", "status")]
        shell = os.fork()
        if shell == 0:
            _become_shell(self._folder, self._job, self._variables, [writing for _, writing in pipes])
        for _, writing in pipes:
            os.close(writing)
        out, err, status = (reading for reading, _ in pipes)
        with os.fdopen(status, "rb") as pipe:
            problem = pipe.read().decode(errors="replace")
        if problem:
            os.waitpid(shell, 0)
            raise StartError(problem)
        self._streams = [Stream("stdout", out, log), Stream("stderr", err, log)]
        for stream in self._streams:
            self._poll.register(stream.pipe, select.POLLIN)
        return shell

    def _watch(self, shell: int, signals: int, control: int) -> int | None:
        """Until the shell has ended, and in a stop all others too, or until it is time to be firm."""
        limit = self._job.get("max_duration")
        ends_at = float("inf") if limit is None else time.monotonic() + float(limit)
        code: int | None = None
        while True:
            code = processes.reap().get(shell, code)
            if code is not None and not (self._ending.reason and processes.descendants({os.getpid()})):
                return code
            now = time.monotonic()
            if now >= self._ending.kill_at:
                return code
            if now >= ends_at:
                ends_at = float("inf")
                self._ask("max-duration-exceeded", f"it ran for its longest time, {limit} s", now + GRACE_SECONDS)
            for stream in self._streams:
                if (due := stream.flush_at()) is not None and now >= due:
                    stream.flush()
            self._wait(ends_at, signals, control)

    def _wait(self, ends_at: float, signals: int, control: int) -> None:
        due = [at for stream in self._streams if (at := stream.flush_at()) is not None]
        wait = min([self._ending.kill_at, ends_at, *due]) - time.monotonic()
        # At most one second: a child that ended just before we began to wait is seen then at the latest.
        ready = dict(self._poll.poll(max(0, min(wait, 1.0)) * 1000))
        for stream in self._streams:
            if stream.pipe in ready and not stream.pump():
                self._poll.unregister(stream.pipe)
        for pipe in (signals, control):
            if pipe in ready:
                with suppress(BlockingIOError):
                    os.read(pipe, 512)
        if control in ready:
            self._look_for_stop()

    def _look_for_stop(self) -> None:
        if (wish := read(self._folder.stop)) is not None:
            self._ask("stopped", "", float(wish["kill_at"]))

    def _ask(self, reason: str, message: str, kill_at: float) -> None:
        if self._ending.ask(reason, message, kill_at) and time.monotonic() < kill_at:
            processes.send(processes.descendants({os.getpid()}), signal.SIGTERM)

    def _end_all(self) -> dict[int, int]:
        """SIGKILL all that is left of the job; the exit codes of our children that ended."""
        ended = processes.reap()
        deadline = time.monotonic() + _FIRM_SECONDS
        while left := processes.descendants({os.getpid()}):
            # Stopped first, so that none starts new ones while they are counted.
            processes.send(left, signal.SIGSTOP)
            processes.send({*left, *processes.descendants({os.getpid()})}, signal.SIGKILL)
            if time.monotonic() > deadline:
                self._ending.message = f"{len(left)} of its processes cannot be ended"
                break
            time.sleep(0.002)
            ended |= processes.reap()
        return ended | processes.reap()

    def _finish(self, code: int | None, reason: str, message: str) -> None:
        strip(self._folder)
        end = {"exit_code": code, "reason": reason, "message": message[:MESSAGE_CHARACTERS]}
        write_reserved(self._folder.exit, end | {"started_at": self._started_at, "exited_at": _now()})


def _become_shell(folder: Folder, job: dict[str, Any], variables: dict[str, str], pipes: list[int]) -> None:
    """In the child: set up the job's environment and become its shell. Does not return."""
    out, err, status = pipes
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for opened, standard in ((nothing, 0), (out, 1), (err, 2)):
            os.dup2(opened, standard)
        # Python ignores these, and what is ignored stays so in the shell.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        if job.get("container"):
            from atoll.agent import containers  # other jobs need not pay for it

            os.close(status)
            os.close(int(sys.argv[2]))  # the lock is held for as long as the supervisor lives, and no longer
            os.chdir(folder.work)
            os._exit(containers.run(folder, job, variables))
        hidden = job.get("hidden", [])
        begin = job["working_dir"] or ""
        if not os.path.normpath(begin).startswith(("/", "..")):
            Path(folder.work, begin).mkdir(parents=True, exist_ok=True)
        shown = [(each["source"], each["path"]) for each in job["mounts"]]
        if job.get("files"):
            from atoll.agent import unpacking  # other jobs need not pay for it

            shown += unpacking.place(job["files"], folder.archives, folder.work, folder.files)
        if job["mount_mode"] and (shown or hidden):
            kept = [str(folder.work), str(folder.script)]
            mounts.enter(job["mount_mode"], shown, folder.staging, hidden, kept)
        os.chdir(folder.work)
        if begin:
            os.chdir(begin)
        os.execvpe(job["shell"], [job["shell"], str(folder.script)], variables)  # noqa: S606 - its purpose
    except OSError as error:
        where = error.filename if error.filename is not None else job["shell"]
        os.write(status, f"{where}: {error.strerror}".encode())
    except (mounts.MountError, StartError) as error:
        os.write(status, str(error).encode())
    finally:
        os._exit(127)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()


def main() -> None:
    """Run the job in the folder given as the first argument; the second is the number of its locked file."""
    os.set_inheritable(int(sys.argv[2]), False)
    Supervisor(Folder(Path(sys.argv[1]))).run()
