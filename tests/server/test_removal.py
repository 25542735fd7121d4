"""A data folder that is deleted: all that is a server's, and nothing else."""

import os
from pathlib import Path

import pytest

from atoll.server.home import Home, HomeError, private_socket
from atoll.server.removal import remove


def test_all_files_of_a_server_and_the_folder_are_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    home = Home(folder)
    assert home.token
    home.announce("unix:/x", "0")
    private_socket(home.socket).close()
    home.close()
    assert not home.socket.exists()
    assert remove(folder) == []
    assert not folder.exists()


def test_a_socket_in_a_folder_of_its_own_goes_with_the_server(tmp_path: Path) -> None:
    home = Home(tmp_path / ("long" * 30))
    private_socket(home.socket).close()
    assert home.socket.parent != home.folder
    place = home.socket.parent
    home.close()
    assert not place.exists()


def test_files_of_others_keep_the_folder_and_are_named(tmp_path: Path) -> None:
    Home(tmp_path).close()
    (tmp_path / "thesis.txt").write_text("mine")
    assert remove(tmp_path) == ["thesis.txt"]
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_the_folder_of_a_running_server_is_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    token = home.token
    with pytest.raises(HomeError, match=r"uses .* already"):
        remove(tmp_path)
    home.close()
    assert (tmp_path / "token").read_text() == token
