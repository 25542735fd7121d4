"""The files of a job: archives that arrive in parts, and where they are unpacked."""

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.agent.conftest import RealAgent


def archive(**members: str | None) -> bytes:
    """A folder's archive: texts are files, `->TARGET` is a link, None is a folder; `_` is the entry itself."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, text in ({"_": None} | members).items():
            info = tarfile.TarInfo("." if name == "_" else name.replace("__", "/"))
            info.mode = 0o755
            if text is None:
                info.type = tarfile.DIRTYPE
            elif text.startswith("->"):
                info.type, info.linkname = tarfile.SYMTYPE, text[2:]
            else:
                info.size = len(text)
            tar.addfile(info, io.BytesIO((text or "").encode()))
    return file.getvalue()


def send(agent: RealAgent, content: bytes, part: int = 4096) -> str:
    digest, state = hashlib.sha256(content).hexdigest(), {}
    for offset in range(0, len(content), part):
        data = content[offset : offset + part]
        query = {"offset": offset, "end": int(offset + part >= len(content))}
        state = agent.ok(agent.http.put(f"/archives/{digest}", params=query, content=data))
    assert state == {"digest": digest, "bytes": len(content), "complete": True}
    return digest


def test_files_are_in_the_jobs_folder_before_its_commands_and_leave_with_it(agent: RealAgent) -> None:
    digest, one = send(agent, archive(a="first", sub__b="second", link="->sub/b")), send(agent, archive(_="alone"))
    files = [{"digest": digest, "path": "src"}, {"digest": one, "path": "src/c"}, {"digest": digest, "path": "."}]
    state = agent.run("j", "cat src/a src/link src/c sub/b", "touch src/new", files=files)
    assert (state["exit_code"], state["message"]) == (0, "")
    assert agent.output("j") == b"firstsecondalonesecond\n"
    agent.http.delete("/jobs/j")
    assert agent.run("k", "ls src", files=files)["exit_code"] == 0
    assert b"new" not in agent.output("k"), "each job has its own"


def test_a_relative_working_directory_is_made_and_holds_relative_files(agent: RealAgent) -> None:
    digest = send(agent, archive(a="first"))
    state = agent.run("j", "cat a", "pwd", working_dir="x/y", files=[{"digest": digest, "path": "x/y"}])
    assert state["exit_code"] == 0, state
    assert agent.output("j").endswith(b"/jobs/j/work/x/y\n")


def test_absolute_paths_and_the_home_folder_show_files_that_the_machine_never_gets(stopped: RealAgent) -> None:
    home = stopped.base / "home"
    (home / "kept").mkdir(parents=True)
    (home / "old").write_text("old")
    stopped.environment = {"HOME": str(home)}
    agent = stopped.start()
    folder, file = send(agent, archive(a="first")), send(agent, archive(_="alone"))
    elsewhere = agent.base / "no" / "such"
    files = [
        {"digest": folder, "path": str(elsewhere)},
        {"digest": file, "path": "~/kept/key"},
        {"digest": file, "path": "~/old"},
    ]
    state = agent.run("j", f"cat {elsewhere}/a ~/kept/key ~/old; touch {elsewhere}/b", files=files)
    assert (state["exit_code"], state["message"]) == (0, "")
    assert agent.output("j") == b"firstalonealone\n"
    assert not elsewhere.parent.exists()
    assert [*(home / "kept").iterdir()] == []
    assert (home / "old").read_text() == "old"


def test_a_machine_that_cannot_mount_refuses_absolute_paths_and_takes_relative_ones(stopped: RealAgent) -> None:
    stopped.environment = {"ATOLL_AGENT_NO_NAMESPACES": "1"}
    agent = stopped.start()
    digest = send(agent, archive(a="first"))
    refused = agent.http.put("/jobs/j", json={"commands": ["true"], "files": [{"digest": digest, "path": "/x/y"}]})
    assert (refused.status_code, refused.json()["message"]) == (
        422,
        "this machine cannot show files at /x/y: give a path relative to the job's folder",
    )
    assert agent.run("k", "cat x/a", files=[{"digest": digest, "path": "x"}])["exit_code"] == 0


def test_an_interrupted_transfer_goes_on_where_it_ended_and_is_checked_as_a_whole(agent: RealAgent) -> None:
    content = archive(a="first")
    digest = hashlib.sha256(content).hexdigest()

    def put(offset: int, data: bytes, end: int = 0) -> Any:
        return agent.http.put(f"/archives/{digest}", params={"offset": offset, "end": end}, content=data)

    assert put(0, content[:100]).json()["bytes"] == 100
    assert put(50, content[50:200]).json()["bytes"] == 100, "what does not fit on is not kept"
    refused = agent.http.put("/jobs/j", json={"commands": ["true"], "files": [{"digest": digest, "path": "x"}]})
    assert (refused.status_code, "has not arrived" in refused.text) == (422, True)
    assert put(100, b"x" * 10, end=1).status_code == 422
    assert agent.http.get(f"/archives/{digest}").json() == {"digest": digest, "bytes": 0, "complete": False}
    send(agent, content)
    assert put(0, b"other", end=1).json()["complete"]
    assert {path.stat().st_mode & 0o777 for path in (agent.state / "archives").iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"..__out": "x"}, "a member outside of it: ../out"),
        ({"link": "->/etc", "link__x": "x"}, "a member outside of it: link"),
        ({"link": "->..", "link__x": "x"}, "a member outside of it: link"),
        ({"sub": None, "sub__up": "->..", "sub__up__up": "->.."}, "a member behind a link: sub/up/up"),
    ],
)
def test_an_archive_writes_nothing_outside_of_its_place(
    agent: RealAgent, members: dict[str, str | None], words: str
) -> None:
    digest = send(agent, archive(**members))
    state = agent.run("j", "true", files=[{"digest": digest, "path": "src"}])
    assert (state["reason"], words in state["message"]) == ("start-failed", True), state
    assert {path.name for path in (agent.state / "jobs" / "j" / "work").iterdir()} <= {"src"}


def test_a_link_of_one_entry_is_no_way_out_for_the_next_one(agent: RealAgent, base: Path) -> None:
    """The first is a link within its own archive; the second one is put behind it."""
    first, second = send(agent, archive(a__link="->../b", b=None)), send(agent, archive(x="x"))
    files = [{"digest": first, "path": "."}, {"digest": second, "path": "a/link"}]
    assert agent.run("j", "cat b/x", files=files)["exit_code"] == 0, "within the job's folder it may"
    for path in ("../out", "x/../../out", "~/../../etc/x"):
        answer = agent.http.put("/jobs/k", json={"commands": ["true"], "files": [{"digest": second, "path": path}]})
        assert answer.status_code == 422 or path.startswith("~"), answer.text
    assert not (base / "out").exists()
