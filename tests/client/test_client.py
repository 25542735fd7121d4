"""The client and its transport, against a real socket."""

import socket
import threading
from pathlib import Path

import pytest

from atoll.client import ApiError, Client, NoServer, ServerGone
from atoll.wire.api import OfferQuery, Problem
from tests.cli import samples as s
from tests.cli.canned_server import TOKEN, Answer, CannedServer, refusal


def test_it_speaks_over_a_unix_socket(tmp_path: Path) -> None:
    with CannedServer(unix=tmp_path / "api.sock") as server:
        server.on("GET", "fleets", [s.fleet(s.instance(0, s.A))])
        (fleet,) = Client(server.address, TOKEN).fleets()
    assert fleet.instances[0].zone == s.A


def test_names_are_quoted_in_paths() -> None:
    with CannedServer() as server, pytest.raises(ApiError):
        Client(server.address, TOKEN).fleet("a/b ?")
    assert server.requests[0].path == "/api/projects/main/fleets/a%2Fb%20%3F"


def test_a_refusal_holds_the_problem_of_the_server() -> None:
    with CannedServer() as server:
        server.on("DELETE", "fleets/train", refusal(409, Problem("fleet-busy", "runs use it", "stop them")))
        with pytest.raises(ApiError) as caught:
            Client(server.address, TOKEN).delete_fleet("train")
    assert (caught.value.status, caught.value.problem.code, caught.value.help) == (409, "fleet-busy", "stop them")


@pytest.mark.parametrize("answer", [Answer(b"<html>", 502), Answer(b"<html>"), Answer({"name": 3})])
def test_an_answer_of_another_kind_is_a_problem_too(answer: Answer) -> None:
    with CannedServer() as server:
        server.on("GET", "fleets/train", answer)
        with pytest.raises(ApiError) as caught:
            Client(server.address, TOKEN).fleet("train")
    assert caught.value.problem.code == "unknown-answer"


def test_reading_is_tried_again_and_changing_is_not() -> None:
    with CannedServer() as server:
        client = Client(server.address, TOKEN)
        server.on("GET", "fleets", Answer(drop=True), [])
        assert client.fleets() == []
        server.on("POST", "runs/hello/stop", Answer(drop=True), s.run())
        with pytest.raises(ServerGone, match="went away while stopping run hello"):
            client.stop_run("hello")
    assert [request.method for request in server.requests] == ["GET", "GET", "POST"]


def test_no_server_at_the_address_is_reported_as_such(tmp_path: Path) -> None:
    with pytest.raises(ServerGone, match="cannot be reached"):
        Client(f"unix:{tmp_path}/none.sock", TOKEN).fleets()


@pytest.mark.parametrize("address", ["local", "ftp://x", "http://", "http://host:port"])
def test_a_wrong_address_is_explained(address: str) -> None:
    with pytest.raises(NoServer, match="is not the address of a server"):
        Client(address, TOKEN).fleets()


def test_a_silent_server_ends_with_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", TOKEN, timeout=0.1)
        with pytest.raises(ServerGone, match=r"no answer for 0\.1 s"):
            client.stop_run("hello")


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as broken:

        def half() -> None:
            connection, _ = broken.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[")
                connection.shutdown(socket.SHUT_WR)
                # A socket closed over unread bytes resets the connection: that is another end than the one meant here.
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=half)
        thread.start()
        with pytest.raises(ServerGone, match="in the middle of the answer"):
            Client(f"http://127.0.0.1:{broken.getsockname()[1]}", TOKEN).stop_run("hello")
        thread.join()


def test_a_query_leaves_out_unset_parameters() -> None:
    with CannedServer() as server:
        server.on("GET", "offers", [])
        Client(server.address, TOKEN).offers(OfferQuery(gpu="H100:8", zone=("a", "b")))
    assert server.requests[0].query == {"gpu": ["H100:8"], "zone": ["a", "b"], "limit": ["100"]}
