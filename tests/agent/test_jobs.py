"""What an agent does with its jobs: starts, outputs, ends; with the real process over its socket."""

import threading
import time

import httpx
import pytest

from tests.agent.conftest import RealAgent


def test_a_job_runs_its_commands_in_turn_and_keeps_their_output(agent: RealAgent) -> None:
    state = agent.run("a-1", "echo one", "cd /", "pwd", "echo two >&2")
    assert (state["exit_code"], state["reason"], state["phase"]) == (0, "", "exited")
    assert sorted(agent.output("a-1").split()) == [b"/", b"one", b"two"]
    assert state["started_at"] <= state["exited_at"]
    assert state["log_bytes"] == len(agent.http.get("/jobs/a-1/logs").content)


def test_a_second_submission_of_an_id_returns_the_first_job(agent: RealAgent) -> None:
    agent.put("once", "echo $$ >> count; sleep 0.2")
    agent.put("once", "echo other")
    assert agent.wait("once")["exit_code"] == 0
    assert agent.put("once", "echo other")["phase"] == "exited"
    assert agent.output("once") == b""
    assert [job["id"] for job in agent.http.get("/jobs").json()] == ["once"]


@pytest.mark.parametrize(
    ("command", "code"), [("exit 7", 7), ("false; echo on", 1), ("no-such-command", 127), ("kill -9 $$", 137)]
)
def test_the_exit_code_is_the_shells(agent: RealAgent, command: str, code: int) -> None:
    assert agent.run("code", command)["exit_code"] == code


def test_a_job_gets_its_own_variables_and_few_others(stopped: RealAgent) -> None:
    stopped.environment = {"SECRET": "s", "LANG": "C.UTF-8"}
    agent = stopped.start()
    agent.run("env", "env", env={"MINE": "1 2"})
    names = {line.split(b"=")[0].decode() for line in agent.output("env").splitlines()}
    assert names - {"PATH", "HOME", "USER", "TMPDIR", "PWD", "SHLVL", "_", "OLDPWD"} == {"LANG", "MINE", "ATOLL_JOB"}


@pytest.mark.parametrize(
    ("vendor", "variables"),
    [
        ("nvidia", {"CUDA_VISIBLE_DEVICES"}),
        ("amd", {"ROCR_VISIBLE_DEVICES"}),
        ("", set()),
    ],
)
def test_a_job_that_shares_its_machine_sees_the_gpus_of_its_share_alone(
    agent: RealAgent, vendor: str, variables: set[str]
) -> None:
    share = {"cpus": 2.5, "memory_gb": 8, "gpus": [2, 3], "gpu_vendor": vendor}
    agent.run("shared", "env", env={"CUDA_VISIBLE_DEVICES": "0"} if vendor == "nvidia" else {}, share=share)
    seen = dict(line.split("=", 1) for line in agent.output("shared").decode().splitlines())
    assert {name for name, value in seen.items() if value == "2,3"} == variables
    assert (seen["ATOLL_CPUS"], seen["ATOLL_MEMORY_GB"]) == ("2.5", "8")


@pytest.mark.parametrize("share", [[], {"cpus": "2", "memory_gb": 8}, {"cpus": 1, "memory_gb": 1, "gpus": ["0"]}])
def test_a_wrong_share_is_refused(agent: RealAgent, share: object) -> None:
    answer = agent.http.put("/jobs/wrong", json={"commands": ["true"], "share": share})
    assert (answer.status_code, "share" in answer.text or "cpus" in answer.text) == (422, True)


def test_a_shell_that_is_not_there_fails_the_start(agent: RealAgent) -> None:
    state = agent.run("shell", "true", shell="/no/shell")
    assert (state["reason"], state["exit_code"]) == ("start-failed", None)
    assert "/no/shell" in state["message"]


def test_a_working_folder_that_is_not_there_fails_the_start(agent: RealAgent) -> None:
    state = agent.run("dir", "true", working_dir="/no/folder")
    assert (state["reason"], state["message"]) == ("start-failed", "/no/folder: No such file or directory")


def test_a_job_starts_in_its_working_dir(agent: RealAgent) -> None:
    agent.run("dir", "pwd", working_dir="/usr")
    assert agent.output("dir") == b"/usr\n"


def test_the_longest_time_ends_a_job(agent: RealAgent) -> None:
    state = agent.run("long", "sleep 60", max_duration=0.1)
    assert (state["reason"], state["exit_code"]) == ("max-duration-exceeded", 143)


def test_logs_are_read_from_any_offset_and_say_when_they_end(agent: RealAgent) -> None:
    agent.run("log", "echo one; echo two")
    whole = agent.http.get("/jobs/log/logs")
    assert whole.headers["atoll-log-end"] == "true"
    head = agent.http.get("/jobs/log/logs", params={"limit": 10})
    assert "atoll-log-end" not in head.headers
    tail = agent.http.get("/jobs/log/logs", params={"offset": 10})
    assert head.content + tail.content == whole.content
    past = agent.http.get("/jobs/log/logs", params={"offset": 10_000, "wait": 5})
    assert (past.content, past.headers["atoll-log-end"]) == (b"", "true")


def test_a_long_poll_for_logs_answers_when_there_are_some(agent: RealAgent) -> None:
    agent.put("poll", "sleep 0.3; echo now; sleep 30")
    since = time.monotonic()
    assert agent.http.get("/jobs/poll/logs", params={"wait": 10}).content.endswith(b"now\n")
    assert time.monotonic() - since < 5


def test_a_long_poll_for_the_phase_answers_at_a_change_and_else_when_its_time_is_over(agent: RealAgent) -> None:
    agent.put("poll", "sleep 30")
    agent.wait("poll", "running")
    since = time.monotonic()
    assert agent.http.get("/jobs/poll", params={"wait": 0.2}).json()["phase"] == "running"
    assert 0.2 <= time.monotonic() - since < 2
    timer = threading.Timer(0.1, agent.stop, ("poll", 30))
    timer.start()
    assert agent.http.get("/jobs/poll", params={"wait": 10}).json()["phase"] in ("stopping", "exited")
    timer.join()


def test_a_line_without_its_end_is_seen_soon_and_whole_at_the_end(agent: RealAgent) -> None:
    agent.put("part", "printf begin; sleep 2; printf ning")
    agent.says("part", b"begin")
    agent.wait("part")
    assert agent.output("part") == b"beginning\n"


def test_a_long_line_is_cut_into_parts_and_whole_again(agent: RealAgent) -> None:
    agent.run("line", "head -c 100000 /dev/zero | tr '\\0' x; echo; echo next")
    assert agent.output("line") == b"x" * 100000 + b"\nnext\n"
    assert agent.http.get("/jobs/line/logs").content.count(b" P ") == 6


def test_binary_output_is_kept_byte_for_byte(agent: RealAgent) -> None:
    agent.run("binary", "printf '\\000\\377\\r\\033[1m\\n \\n'")
    assert agent.output("binary") == b"\0\xff\r\x1b[1m\n \n"


def test_an_exited_job_is_forgotten_with_its_files_and_a_running_one_is_not(agent: RealAgent) -> None:
    agent.put("gone", "sleep 30")
    assert agent.http.delete("/jobs/gone").status_code == 409
    agent.stop("gone", 0)
    agent.wait("gone")
    assert agent.http.delete("/jobs/gone").status_code == 204
    assert agent.http.delete("/jobs/gone").status_code == 204
    assert agent.http.get("/jobs/gone").status_code == 404
    assert list((agent.state / "jobs").iterdir()) == []


def test_health_names_the_instance(agent: RealAgent) -> None:
    agent.put("one", "sleep 30")
    health = agent.http.get("/healthz").json()
    assert (health["instance"], health["jobs_running"]) == ("i-1", 1)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/jobs/UPPER", {"commands": ["true"]}, 422),
        ("/jobs/" + "a" * 65, {"commands": ["true"]}, 422),
        ("/jobs/a", {"commands": []}, 422),
        ("/jobs/a", {"commands": "true"}, 422),
        ("/jobs/a", {}, 422),
        ("/jobs/a", {"commands": ["a\0b"]}, 422),
        ("/jobs/a", {"commands": ["true"], "env": {"A=B": "1"}}, 422),
        ("/jobs/a", {"commands": ["true"], "max_duration": 0}, 422),
        ("/jobs/a", {"commands": ["x" * (1 << 20)]}, 413),
    ],
)
def test_bad_submissions_are_refused_with_a_message(
    agent: RealAgent, path: str, body: dict[str, object], status: int
) -> None:
    answer = agent.http.put(path, json=body)
    assert (answer.status_code, bool(answer.json()["message"])) == (status, True)
    assert agent.http.get("/jobs").json() == []


def test_bad_questions_are_refused_with_a_message(agent: RealAgent) -> None:
    answers: list[httpx.Response] = [
        agent.http.get("/jobs/none"),
        agent.http.get("/jobs/..%2f..%2fx/logs"),
        agent.http.post("/jobs/none/stop", json={"grace": 1}),
        agent.http.put("/jobs/a", content=b"{"),
        agent.http.patch("/jobs/a"),
    ]
    agent.put("there", "true")
    answers += [
        agent.http.get("/jobs/there?wait=nan"),
        agent.http.get("/jobs/there/logs?offset=-1"),
        agent.http.post("/jobs/there/stop", json={"grace": -1}),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 422, 405, 422, 422, 422]
    assert all(answer.json()["message"] for answer in answers)
