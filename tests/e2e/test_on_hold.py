"""A command that follows what a provider refuses ends, with the reason and the way out: on a real server."""

import pytest

from tests.e2e.conftest import Place

REFUSING = "backends:\n- type: fake\n  chances: {launch: {KIND: 1}}\n"
ALONE = "type: task\nname: t\ncommands: [work]\nresources: {cpu: 2}\n"
ELASTIC = "type: fleet\nname: f\nnodes: 0..2\nresources: {cpu: 2}\n---\n" + ALONE + "fleets: [f]\n"


def refusing(place: Place, kind: str) -> None:
    place.home.mkdir(mode=0o700)
    (place.home / "config.yml").write_text(REFUSING.replace("KIND", kind))


@pytest.mark.parametrize("kind", ["invalid-request", "not-found"])
def test_an_apply_of_a_run_on_hold_ends_with_the_reason_and_the_command_that_retries_it(own: Place, kind: str) -> None:
    refusing(own, kind)
    done = own("apply", "-y", "-f", own.write("t", ALONE))
    assert done.returncode == 1
    assert f"run t is on hold: fake refused the request: launch: {kind}" in done.stderr
    assert "`atoll run retry t`" in done.stderr


def test_a_run_of_an_elastic_fleet_is_on_hold_with_it_instead_of_failed(own: Place) -> None:
    refusing(own, "invalid-request")
    done = own("apply", "-y", "-f", own.write("t", ELASTIC))
    assert done.returncode == 1
    assert "fleet f is on hold: " in done.stderr
    assert "run t is on hold: " in done.stderr
    assert own.client().run("t").status == "on-hold"


def test_a_plan_that_does_not_fit_names_the_backend_whose_credentials_are_refused(own: Place) -> None:
    own.home.mkdir(mode=0o700)
    (own.home / "config.yml").write_text("backends:\n- type: fake\n  chances: {listing: {auth-failed: 1}}\n")
    planned = own("plan", "-f", own.write("t", ALONE))
    assert planned.returncode == 1
    assert "note: backend `fake` could not be listed: listing: auth-failed" in planned.stdout
