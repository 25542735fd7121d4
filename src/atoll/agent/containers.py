"""A job's container: created, started, and removed by the command line of Docker or Podman.

A process of the supervisor runs `run` in place of the job's shell: it prints what the job prints and ends with its exit
code. What the user wrote reaches the engine as arguments, but for variables and passwords: those go through the
environment of the engine's client, a file in memory, or a file that exists while an image is pulled.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import posixpath
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from atoll.agent import processes
from atoll.agent.folder import Folder, read, write

SCRIPT = "/run/atoll/script"
"""Where the container finds the job's commands."""

PASSED_ON = ("DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR")
"""Variables of the machine that lead to its engine."""

_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,511}")
_CALL_SECONDS = 30.0
_START_FAILED = 125
_LONGEST = 500
_NOTHING: Mapping[str, str] = {}
_STOPPED = 128 + signal.SIGTERM
# The engine's client has these variables for itself: the job's own of such a name go another way.
_CLIENTS_OWN = re.compile(
    r"PATH|HOME|TMPDIR|(DOCKER|CONTAINER|CONTAINERS|PODMAN|REGISTRY|BUILDAH|BUILDKIT|XDG|LD|SSL|OTEL)_?.*|GO[A-Z]+"
    r"|STORAGE_.*|(HTTPS?|NO|ALL)_PROXY|ATOLL_JOB",
    re.IGNORECASE,
)
_PROBLEMS = (
    ("permission denied while trying to connect", "{user} may not use {name} on this machine: {words}"),
    ("cannot connect", "{name} does not run on this machine: {words}"),
)


class ContainerError(Exception):
    """The container cannot be started; the text says why."""


def image_refusal(image: str) -> str | None:
    """Why this is no name of an image; None when it may be one."""
    return None if _IMAGE.fullmatch(image) else f"`{image[:80]}` is not the name of an image"


class Engine:
    """Docker or Podman, by its command line."""

    def __init__(self, program: str, environment: Mapping[str, str]) -> None:
        self.program = program
        self.name = "Podman" if program.endswith("podman") else "Docker"
        self.environment = dict(environment)

    def call(self, *words: str) -> str:
        """The output of one command. Raises ContainerError."""
        try:
            done = subprocess.run(
                [self.program, *words], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
                text=True, errors="replace", timeout=_CALL_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ContainerError(f"{self.name} does not answer within {_CALL_SECONDS:.0f} s") from error
        except OSError as error:
            raise ContainerError(f"{self.program}: {error.strerror}") from error
        if done.returncode != 0:
            raise ContainerError(self.explained(done.stderr))
        return done.stdout

    def follow(
        self,
        words: Sequence[str],
        stopping: Sequence[int],
        environment: Mapping[str, str] = _NOTHING,
        *,
        quiet: bool = False,
    ) -> str:
        """Run a command that prints to our own output (`quiet`: nothing); why it failed, empty where it did not.

        The supervisor signals it as it signals us, but for one that starts in the same moment: `stopping` has those.
        """
        own = {name: value for name, value in environment.items() if _CLIENTS_OWN.fullmatch(name)}
        for name, value in own.items():
            if "\n" in value:
                raise ContainerError(f"the variable `{name}` of a container has one line")
        # A file in memory: no other process finds it, and it ends with this one.
        memory = os.memfd_create("variables")
        try:
            os.write(memory, "".join(f"{name}={value}\n" for name, value in own.items()).encode())
            flags = [f"--env-file=/proc/self/fd/{memory}"] if own else []
            flags += [f"--env={name}" for name in environment if name not in own]
            command = [self.program, words[0], *flags, *words[1:]]
            client = {name: value for name, value in environment.items() if name not in own}
            client.update(self.environment)
            with subprocess.Popen(
                command, env=client, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL if quiet else None,
                stderr=subprocess.PIPE, pass_fds=[memory],
            ) as process:  # fmt: skip
                if stopping:
                    process.send_signal(signal.SIGTERM)
                last = _relay(process)
        finally:
            os.close(memory)
        return self.explained(last) if process.returncode != 0 else ""

    def remove(self, container: str) -> None:
        """End a container at once and remove it; nothing happens when there is none. Raises ContainerError."""
        try:
            self.call("rm", "--force", "--volumes", container)
        except ContainerError as error:
            if "no such container" not in str(error).casefold():
                raise

    def explained(self, text: str) -> str:
        """The reason in what a failed command wrote to its standard error."""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        # Docker's client ends its errors with a hint of its own.
        lines = [line for line in lines if "--help" not in line] or ["it failed without a word"]
        words = lines[-1][:_LONGEST]
        for mark, sentence in _PROBLEMS:
            if mark in words.casefold():
                return sentence.format(user=f"user {os.getuid()}", name=self.name, words=words)
        return f"{self.name}: {words}"


def installed(search: str | None) -> str:
    """The path of the machine's engine, Docker first; empty where `search`, a PATH, leads to none."""
    found = (shutil.which(program, path=search) for program in ("docker", "podman"))
    return next((path for path in found if path is not None), "")


def find(environment: Mapping[str, str]) -> Engine:
    """The machine's engine, Docker first. Raises ContainerError where there is none."""
    if path := installed(environment.get("PATH")):
        return Engine(path, environment)
    raise ContainerError("this machine has neither Docker nor Podman: a run with an `image` needs one of them")


def run(folder: Folder, job: Mapping[str, Any], variables: Mapping[str, str]) -> int:
    """Run a job's container to its end; its exit code. A failed start writes why to the job's folder."""
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    processes.end_with_parent()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, stop)
    try:
        engine = find(job["client"])
        workdir = _pull(engine, folder, job["container"], stopping)
        words = _words(engine, workdir, folder, job)
        if stopping:
            return _STOPPED
        copy = None
        if job.get("files"):
            from atoll.agent.container_files import copy_in

            copy = partial(copy_in, engine, _name(folder), workdir, folder, job)
        return _run(engine, folder, words, variables, stopping, copy)
    except (ContainerError, OSError) as error:
        if stopping:
            return _STOPPED
        write(folder.problem, {"message": str(error)})
        return _START_FAILED


def remove(folder: Folder, client: Mapping[str, str]) -> str:
    """Remove what is left of a job's container; why it is still there, empty once it is gone."""
    shutil.rmtree(folder.login, ignore_errors=True)
    made = read(folder.container)
    if made is None:
        return ""
    try:
        Engine(made["program"], client).remove(made["name"])
    except ContainerError as error:
        return f"its container {made['name']} cannot be removed: {error}"
    folder.container.unlink()
    return ""


def _run(
    engine: Engine,
    folder: Folder,
    words: Sequence[str],
    variables: Mapping[str, str],
    stopping: Sequence[int],
    copy: Callable[[], None] | None,
) -> int:
    """Run the container to its end, after `copy`; its exit code. Raises ContainerError where it does not start."""
    container = _name(folder)
    write(folder.container, {"program": engine.program, "name": container})
    engine.remove(container)
    if copy is None:
        failed = engine.follow(["run", *words], stopping, variables)
    else:
        if failed := engine.follow(["create", *words], stopping, variables, quiet=True):
            raise ContainerError(failed)
        copy()
        if stopping:
            return _STOPPED
        failed = engine.follow(["start", "--attach", container], stopping)
    try:
        state = json.loads(engine.call("inspect", "--format", "{{json .State}}", container))
    except ContainerError as error:
        raise ContainerError(failed or str(error)) from error
    if state.get("Error"):
        raise ContainerError(f"{engine.name}: {state['Error'][:_LONGEST]}")
    if state.get("OOMKilled"):
        os.write(2, b"the container ran out of memory\n")
    return int(state["ExitCode"])


def _name(folder: Folder) -> str:
    return f"atoll-{folder.path.name}"


def _relay(process: subprocess.Popen[bytes]) -> str:
    """Write what a command writes to its standard error to ours, until it ends; the end of that."""
    assert process.stderr is not None
    last = b""
    while data := os.read(process.stderr.fileno(), 1 << 16):
        view = memoryview(data)
        while view:
            view = view[os.write(2, view) :]
        last = (last + data)[-4 * _LONGEST :]
    return last.decode(errors="replace")


def _pull(engine: Engine, folder: Folder, wanted: Mapping[str, Any], stopping: Sequence[int]) -> str:
    """Fetch the image where it is missing, or newer ones of its tag may exist; its working directory."""
    image = wanted["image"]
    known = _directory(engine, image)
    if known is None or (_moves(image) and (wanted["password"] or _latest(image))):
        try:
            words = _signed_in(engine, folder, wanted) if wanted["password"] else ["pull", image]
            failed = engine.follow(words, stopping)
        finally:
            shutil.rmtree(folder.login, ignore_errors=True)
        if failed and known is None:
            raise ContainerError(f"the image {image} cannot be pulled: {failed}")
        known = _directory(engine, image)
    return known or "/"


def _moves(image: str) -> bool:
    """Whether the name may mean another image later: it has no digest."""
    return "@" not in image


def _latest(image: str) -> bool:
    name = image.rpartition("/")[2]
    return ":" not in name or name.endswith(":latest")


def _directory(engine: Engine, image: str) -> str | None:
    """The working directory of an image that the machine has; None where it has none of this name."""
    try:
        return str(json.loads(engine.call("image", "inspect", "--format", "{{json .Config.WorkingDir}}", image)) or "/")
    except ContainerError as error:
        if "no such image" in str(error).casefold() or "not known" in str(error):
            return None
        raise


def _signed_in(engine: Engine, folder: Folder, wanted: Mapping[str, Any]) -> list[str]:
    """The words that pull an image with its user's name and password, which are in a private file until then."""
    pair = base64.b64encode(f"{wanted['username']}:{wanted['password']}".encode()).decode()
    folder.login.mkdir(mode=0o700, exist_ok=True)
    file = folder.login / "config.json"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        json.dump({"auths": {registry(wanted["image"]): {"auth": pair}}}, opened)
    if engine.name == "Podman":
        return ["pull", f"--authfile={file}", wanted["image"]]
    return [f"--config={folder.login}", "pull", wanted["image"]]


def registry(image: str) -> str:
    """The registry of an image as `config.json` of Docker names it."""
    first, slash, _ = image.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost") or first == "docker.io":
        return "https://index.docker.io/v1/"
    return first


def _words(engine: Engine, workdir: str, folder: Folder, job: Mapping[str, Any]) -> list[str]:
    """The words that describe the container, up to the image's own arguments."""
    wanted = job["container"]
    words = [
        f"--name={_name(folder)}",
        f"--label=atoll.job={folder.path.name}",
        "--pull=never",
        "--network=host",
    ]
    # The job's log is kept by its supervisor; the labels of SELinux would hide volumes.
    words += ["--log-driver=none", "--security-opt=label=disable"]
    if any(shutil.which(init, path=job["client"].get("PATH")) for init in ("docker-init", "catatonit")):
        words.append("--init")  # so that a shell which is process 1 ends at SIGTERM
    words += [f"--workdir={posixpath.join(workdir, job['working_dir'] or '')}"]
    words += [f"--user={wanted['user']}"] if wanted["user"] else []
    words += ["--privileged"] if wanted["privileged"] else []
    words += [f"--shm-size={wanted['shm_bytes']}b"] if wanted["shm_bytes"] else []
    words += gpu_flags(engine.name, Path("/dev"))
    for each in job["mounts"]:
        words.append(f"--mount={_row('type=bind', 'source=' + each['source'], 'target=' + each['path'])}")
    image = wanted["image"]
    if wanted["entrypoint"]:
        return [*words, f"--entrypoint={wanted['entrypoint'][0]}", image, *wanted["entrypoint"][1:], *job["commands"]]
    if not job["commands"]:
        return [*words, image]
    words.append(f"--mount={_row('type=bind', f'source={folder.script}', f'target={SCRIPT}', 'readonly')}")
    return [*words, f"--entrypoint={job['shell']}", image, SCRIPT]


def gpu_flags(engine: str, devices: Path) -> list[str]:
    """The flags that give a container all GPUs of the machine whose device files are in `devices`."""
    if (devices / "nvidiactl").exists():
        return ["--device=nvidia.com/gpu=all"] if engine == "Podman" else ["--gpus=all"]
    if (devices / "kfd").exists():
        return ["--device=/dev/kfd", "--device=/dev/dri", "--group-add=video"]
    return []


def _row(*fields: str) -> str:
    """Fields as one row of CSV, which both engines read."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)
    return text.getvalue()
