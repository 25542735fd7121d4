"""A database that was emptied while machines exist: they are found, and the way out is named."""

import time
from pathlib import Path

from tests.server.process import ServerProcess
from tests.server.test_commands import Shell

FLEET = "type: fleet\nname: train\nnodes: 2\n"


def test_machines_of_an_emptied_database_are_listed_and_can_be_deleted(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with ServerProcess(home) as server:
        shell = Shell(tmp_path / "first", {"ATOLL_SERVER_URL": server.address, "ATOLL_TOKEN": server.token})
        (shell.folder / "f.atoll.yml").write_text(FLEET)
        shell("apply", "-y", "-d", "-f", "f.atoll.yml")
        limit = time.monotonic() + 60
        while server.client.fleet("train").status != "active":
            assert time.monotonic() < limit
            time.sleep(0.1)
        assert "note:" not in shell("server", "status")
    for file in home.glob("atoll.db*"):
        file.unlink()
    with ServerProcess(home) as server:
        shell = Shell(tmp_path / "user", {"ATOLL_SERVER_URL": server.address, "ATOLL_TOKEN": server.token})
        assert server.client.fleets() == []
        said = shell("server", "status")
        assert "note: the database was empty at" in said
        assert "2 machines and disks of before remain" in said
        assert "`atoll server restore` brings a backup back" in said
        orphans = server.client.orphans()
        assert len(orphans) == 2
        server.client.end_orphans(orphans)
        assert "note:" not in shell("server", "status")
