"""A job of the local backend does not see the server: neither its folder nor its variables or processes."""

import json
import os
from pathlib import Path

import pytest

from tests.e2e.conftest import Place, until

SECRET = "the-value-of-a-secret"
LOOK = """set +e
exec 2>&1
home={home}
ls -A $home; cat $home/token $home/secret.key $home/atoll.db
for up in .. ../.. ../../.. ../../../..; do cat $ATOLL_MACHINE_FOLDER/$up/token; done
for each in /proc/[0-9]*; do cat $each/root$home/token $each/cwd/token $each/environ; done | tr '\\0' '\\n'
umount $home; umount -l $home; unshare -Urm sh -c "umount $home; cat $home/token"
cat $home/token
mkdir -p /tmp/bind-$$; mount --bind {parent} /tmp/bind-$$; cat /tmp/bind-$$/home/token; rmdir /tmp/bind-$$
ls {sockets}
env
echo left > kept; cat kept /mnt/atoll-data/before"""


def run_to_end(place: Place, name: str, commands: str, more: str = "") -> str:
    script = "".join(f"  {line}\n" for line in commands.splitlines())
    text = f"type: task\nname: {name}\n{more}commands:\n- |\n{script}"
    done = place("apply", "-f", place.write(name, text), "-y")
    assert f"run {name}" in done.stderr, done.stderr
    return place.ok("logs", name)


def test_a_job_sees_its_own_folder_and_volumes_and_nothing_of_the_server(own: Place) -> None:
    leak = {"ATOLL_SECRET_KEY": "bGVhazAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=", "PGPASSWORD": "leak-1"}
    assert own("server", "start", environment=leak).returncode == 0
    volume = "type: volume\nname: v\nbackend: local\nregion: local\nsize: 1GB\n"
    own.ok("apply", "-y", "-f", own.write("v", volume))
    mount = 'volumes: ["v:/mnt/atoll-data"]\n'
    run_to_end(own, "first", "echo from-the-volume > /mnt/atoll-data/before", mount)
    sockets = sorted({str(Path(path).parent) for path in _sockets(own)})
    assert sockets
    seen = run_to_end(own, "second", LOOK.format(home=own.home, parent=own.folder, sockets=" ".join(sockets)), mount)
    assert "left\nfrom-the-volume" in seen, seen
    for hidden in ((own.home / "token").read_text().strip(), "SQLite format", *leak.values(), ".sock\n"):
        assert hidden not in seen


def _sockets(place: Place) -> list[str]:
    records = [path.read_text() for path in place.home.glob("backends/local/instances/*/machine.json")]
    return [json.loads(record)["socket"] for record in records]


def test_a_secret_is_in_no_file_once_its_job_runs_and_after_its_agent_was_killed(own: Place) -> None:
    own.ok("server", "start")
    client = own.client()
    client.set_secret("KEY", SECRET)
    text = "type: task\nname: t\nenv: {K: \"${{ secrets.KEY }}\"}\ncommands: ['echo up; sleep 600']\n"
    own.ok("apply", "-d", "-y", "-f", own.write("t", text))
    until(lambda: "up" in own("logs", "t").stdout, "the job to run")
    assert not _files_with(own.home, SECRET)
    for pid in own.agents():
        os.kill(pid, 9)
    until(lambda: client.run("t").finished_at is not None, "the run to end")
    assert not _files_with(own.home, SECRET)


def _files_with(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.parametrize(("command", "kind"), [("user create ada", "user"), ("project create other", "project")])
def test_without_namespaces_another_user_or_project_is_refused_unless_all_are_trusted(
    own: Place, command: str, kind: str
) -> None:
    own.environment["ATOLL_AGENT_NO_NAMESPACES"] = "1"
    own.ok("server", "start")
    done = own(*command.split())
    assert done.returncode == 1
    assert f"a second {kind} needs jobs that cannot read the server's files" in done.stderr
    assert "trusted: true" in done.stderr
    own.ok("server", "stop")
    (own.home / "config.yml").write_text("backends:\n- type: local\n  trusted: true\n")
    own.ok("server", "start")
    own.ok(*command.split())
