"""Jobs in containers, with a real Docker daemon; what needs none are the flags and texts at the end."""

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atoll.agent import containers
from tests.agent.conftest import RealAgent, alive
from tests.agent.test_files import archive, send
from tests.docker import IMAGE, Docker, daemon

# The daemon takes seconds to start, and each container a few tenths.
real = pytest.mark.long


@pytest.fixture(scope="module")
def docker() -> Iterator[Docker]:
    with daemon() as running:
        yield running


@pytest.fixture
def inside(docker: Docker, stopped: RealAgent) -> Iterator[RealAgent]:
    """An agent whose machine has the daemon."""
    stopped.environment = {"DOCKER_HOST": docker.address}
    yield stopped.start()
    assert docker.containers == []


def of(image: str = IMAGE, **more: Any) -> dict[str, Any]:
    return {"container": {"image": image, **more}}


@real
def test_commands_run_in_the_image_with_both_streams_and_the_exit_code(inside: RealAgent) -> None:
    state = inside.run("a", "pwd", "ls /bin/busybox", "test -e /usr/lib || echo alone", "exit 7", **of())
    assert (state["exit_code"], state["reason"]) == (7, "")
    assert inside.output("a") == b"/data\n/bin/busybox\nalone\n"


@real
def test_without_commands_the_image_runs_its_own_and_an_entrypoint_gets_them_as_arguments(inside: RealAgent) -> None:
    assert inside.run("own", **of())["exit_code"] == 0
    assert inside.output("own") == b"the default\n"
    inside.run("args", "one $HOME", "two", **of(entrypoint=["echo", "zero"]))
    assert inside.output("args") == b"zero one $HOME two\n"


@real
def test_files_are_copied_into_the_container_as_its_user_and_into_what_the_image_has(inside: RealAgent) -> None:
    digest, one = send(inside, archive(a="first", sub=None, sub__b="second")), send(inside, archive(_="alone"))
    files = [
        {"digest": digest, "path": "."},
        {"digest": digest, "path": "/bin/more"},
        {"digest": one, "path": "/root/key"},
    ]
    commands = ["cat a sub/b /bin/more/a /root/key", "ls /bin/busybox", "stat -c %u a", "touch sub/c"]
    state = inside.run("f", *commands, files=files, **of(user="1000"))
    assert (state["exit_code"], state["message"]) == (0, ""), inside.output("f")
    assert inside.output("f") == b"firstsecondfirstalone/bin/busybox\n1000\n"


@real
def test_variables_reach_the_container_and_no_process_arguments(inside: RealAgent, docker: Docker) -> None:
    env = {"TOKEN": "hunter2", "LINES": "a\nb", "DOCKER_HOST": "tcp://elsewhere:1", "PATH": "/bin:/nowhere"}
    shown = 'echo $TOKEN; echo "$LINES"; echo $DOCKER_HOST; echo $PATH'
    inside.put("e", shown, "echo ready", "sleep 60", env=env, **of())
    inside.says("e", b"ready")
    assert inside.output("e") == b"hunter2\na\nb\ntcp://elsewhere:1\n/bin:/nowhere\nready\n"
    arguments = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(b"hunter2" in line for line in arguments)
    assert "hunter2" not in (inside.state / "jobs/e/job.json").read_text()
    inside.stop("e", 0)
    inside.wait("e")


@real
def test_the_user_the_shared_memory_the_folder_and_volumes_are_as_wanted(inside: RealAgent, base: Path) -> None:
    source = base / "a, b"
    source.mkdir()
    mount = {"volume": "my-data", "source": str(source), "path": "/volume"}
    commands = ["id -u; pwd; stat -f -c '%b %S' /dev/shm", "touch /volume/made", "echo $ATOLL_VOLUME_MY_DATA"]
    wanted = of(user="0:5", shm_bytes=32 << 20)
    state = inside.run("u", *commands, mounts=[mount], working_dir="sub", **wanted)
    assert state["exit_code"] == 0, inside.output("u")
    uid, folder, blocks, size, volume = inside.output("u").decode().split()
    assert (uid, folder, volume) == ("0", "/data/sub", "/volume")
    assert int(blocks) * int(size) == 32 << 20
    assert (source / "made").exists()
    assert inside.run("n", "id -u", **of(user="1234"))["exit_code"] == 0
    assert inside.output("n") == b"1234\n"


@real
def test_only_a_privileged_container_may_change_the_system(inside: RealAgent, docker: Docker) -> None:
    mount = "mount -t tmpfs none /tmp"
    assert inside.run("plain", mount, **of())["exit_code"] == 1
    try:
        docker("run", "--rm", "--privileged", IMAGE, "true")
    except AssertionError as error:
        pytest.skip(f"this machine has no privileged containers: {error}")
    assert inside.run("strong", mount, **of(privileged=True))["exit_code"] == 0


@real
def test_sigterm_reaches_the_job_and_the_grace_ends_it(inside: RealAgent, docker: Docker) -> None:
    inside.put("kind", "trap 'echo bye; exit 0' TERM", "echo ready", "while true; do sleep 0.1; done", **of())
    inside.says("kind", b"ready")
    inside.stop("kind", 30)
    assert inside.wait("kind")["reason"] == "stopped"
    assert b"bye" in inside.output("kind")
    inside.put("firm", "trap '' TERM", "echo ready", "while true; do sleep 0.1; done", **of())
    inside.says("firm", b"ready")
    inside.stop("firm", 0.2)
    assert inside.wait("firm")["reason"] == "stopped"
    assert docker.containers == []


@real
def test_a_container_whose_supervisor_is_killed_is_removed(inside: RealAgent, docker: Docker) -> None:
    inside.put("lost", "echo ready", "sleep 600", **of())
    inside.says("lost", b"ready")
    supervisor = inside.supervisor("lost")
    os.kill(supervisor, signal.SIGKILL)
    state = inside.wait("lost")
    assert (state["reason"], state["message"]) == ("interrupted", "its supervisor or the machine went away under it")
    assert docker.containers == []
    assert not alive(supervisor)


@real
def test_a_container_outlives_its_agent(inside: RealAgent) -> None:
    inside.put("on", "echo ready", "while test ! -e /volume/go; do sleep 0.1; done", "echo done", **of(), mounts=[
        {"volume": "v", "source": str(inside.base), "path": "/volume"}])  # fmt: skip
    inside.says("on", b"ready")
    inside.end(signal.SIGTERM)
    inside.start()
    (inside.base / "go").touch()
    assert inside.wait("on")["exit_code"] == 0
    assert inside.output("on") == b"ready\ndone\n"


@real
def test_what_cannot_start_says_why(inside: RealAgent) -> None:
    shell = inside.run("shell", "true", shell="/bin/zsh", **of())
    assert shell["exit_code"] == 127 or shell["reason"] == "start-failed"
    assert "/bin/zsh" in shell["message"] + inside.output("shell").decode()
    # No registry is reached from here: the name is of this machine, and nothing listens there.
    image = inside.run("image", "true", **of("127.0.0.1:1/none:2", username="u", password="hunter2"))
    assert image["reason"] == "start-failed"
    assert image["message"].startswith("the image 127.0.0.1:1/none:2 cannot be pulled: Docker: ")
    assert image["message"].endswith("connection refused")
    assert b"hunter2" not in inside.output("image")
    assert not (inside.state / "jobs/image/login").exists()
    user = inside.run("user", "true", **of(user="nobody-there"))
    assert user["reason"] == "start-failed"
    assert "nobody-there" in user["message"]


@real
def test_a_stop_while_an_image_is_pulled_ends_the_pull(inside: RealAgent) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        inside.put("p", "true", **of(f"127.0.0.1:{silent.getsockname()[1]}/none:2"))
        connection, _ = silent.accept()
        with connection:
            since = time.monotonic()
            inside.stop("p", 5)
            assert inside.wait("p")["reason"] == "stopped"
            assert time.monotonic() - since < 5


def test_an_engine_that_does_not_run_is_named(stopped: RealAgent) -> None:
    if shutil.which("docker") is None:
        pytest.skip("there is no Docker client here")
    stopped.environment = {"DOCKER_HOST": f"unix://{stopped.base}/none.sock"}
    state = stopped.start().run("a", "true", **of())
    assert state["reason"] == "start-failed"
    assert state["message"].startswith("Docker does not run on this machine: ")


def test_a_machine_without_an_engine_and_a_bad_image_are_refused(stopped: RealAgent) -> None:
    stopped.environment = {"PATH": str(stopped.base)}
    stopped.start()
    for image, words in (("a", "neither Docker nor Podman"), ("-v/:/host", "is not the name of an image")):
        answer = stopped.http.put("/jobs/j", json={"commands": ["true"], **of(image)})
        assert answer.status_code == 422
        assert words in answer.text


def test_a_container_gets_the_gpus_of_its_machine(tmp_path: Path) -> None:
    assert containers.gpu_flags("Docker", tmp_path) == []
    (tmp_path / "kfd").touch()
    assert containers.gpu_flags("Podman", tmp_path) == ["--device=/dev/kfd", "--device=/dev/dri", "--group-add=video"]
    (tmp_path / "nvidiactl").touch()
    assert containers.gpu_flags("Docker", tmp_path) == ["--gpus=all"]
    assert containers.gpu_flags("Podman", tmp_path) == ["--device=nvidia.com/gpu=all"]


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("ubuntu", "https://index.docker.io/v1/"),
        ("org/image:1", "https://index.docker.io/v1/"),
        ("docker.io/org/image", "https://index.docker.io/v1/"),
        ("ghcr.io/org/image@sha256:0", "ghcr.io"),
        ("localhost/image", "localhost"),
        ("host:5000/image", "host:5000"),
    ],
)
def test_the_password_is_for_the_registry_of_the_image(image: str, registry: str) -> None:
    assert containers.registry(image) == registry
