"""The agents on hosts, in a file that outlives the server."""

from pathlib import Path

import pytest

from atoll.backends.ssh.agents import KeptAgents
from atoll.tunnels.host import Host, Login

HOST = Host(Login("10.0.0.1", "me", 2222, "/keys/one"), Login("jump", "me"), "rack-1", "10.1.0.1", "10.1.0.0/16")


async def test_agents_are_found_again_with_their_log_ins_until_they_have_ended(tmp_path: Path) -> None:
    path = tmp_path / "agents.json"
    agents = KeptAgents(path)
    await agents.keep("one", HOST)
    await agents.keep("two", HOST)
    await agents.ending("one")
    await agents.drop("two")
    await agents.ending("never kept")
    assert path.stat().st_mode & 0o777 == 0o600
    [(token, kept)] = KeptAgents(path).all().items()
    assert (token, kept.host) == ("one", HOST)
    assert kept.ending_since is not None


async def test_a_new_log_in_of_an_agent_replaces_the_former_one_and_keeps_when_it_was_to_end(tmp_path: Path) -> None:
    agents = KeptAgents(tmp_path / "agents.json")
    await agents.keep("one", HOST)
    await agents.ending("one")
    before = agents.all()["one"].ending_since
    other = Host(Login("10.0.0.1", "me", 2222, "/keys/two"))
    await agents.keep("one", other)
    assert (agents.all()["one"].host, agents.all()["one"].ending_since) == (other, before)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"one": {}}', '{"one": {"host": {"login": 1, "jump": null}}}'])
def test_a_file_that_cannot_be_read_counts_as_empty_and_is_logged(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "agents.json"
    path.write_text(content)
    assert KeptAgents(path).all() == {}
    assert "cannot be read" in caplog.text
