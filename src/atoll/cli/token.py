"""`atoll token`: credentials of users."""

import re
from datetime import datetime

import click

from atoll.cli import terminal, units
from atoll.cli.errors import CommandError
from atoll.cli.noun import NounGroup, json_option
from atoll.cli.output import Output, output_options, print_json
from atoll.cli.table import Table
from atoll.client import connect
from atoll.wire.access import TokenView

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@click.group(cls=NounGroup)
def token() -> None:
    """Manage tokens. Default: list."""


@token.command("list")
@click.option("--all", "everybody", is_flag=True, help="List the tokens of all users. Admins only.")
@output_options
def list_tokens(everybody: bool, output: Output) -> None:
    """List your tokens by prefix."""
    output.show_all(connect().tokens(all=everybody), _token_table)


def _token_table(tokens: list[TokenView], at: datetime, _: bool) -> Table:
    table = Table(("PREFIX", "NAME", "USER", "CREATED", "EXPIRES", "STATE"))
    for one in tokens:
        created = units.ago(one.created_at, at)
        table.add(one.prefix, one.name, one.user, created, units.until(one.expires_at) or "never", _state(one))
    return table


@token.command("create")
@click.argument("name")
@click.option("--expires", metavar="TIME", help="Lifetime from now: `12h`, `30d`. Default: no end.")
@click.option("--user", metavar="NAME", help="Create the token for this user. Admins only.")
@json_option
def create_token(name: str, expires: str | None, user: str | None, as_json: bool) -> None:
    """Create a token and print it. It is shown only once."""
    made = connect().create_token(name, seconds=_seconds(expires), user=user)
    if as_json:
        print_json(made)
        return
    terminal.note(f"token {name} ({made.view.prefix}…) of {made.view.user}; it will not be shown again:")
    terminal.out(made.token)


@token.command("revoke")
@click.argument("token", metavar="PREFIX|NAME")
def revoke_token(token: str) -> None:
    """Revoke a token, by prefix or name."""
    client = connect()
    mine = [one for one in client.tokens() if one.revoked_at is None and token in (one.prefix, one.name)]
    if len(mine) > 1:
        prefixes = ", ".join(one.prefix for one in mine)
        raise CommandError(f"several tokens are named `{token}`: {prefixes}", "name one by its prefix")
    gone = client.revoke_token(mine[0].prefix if mine else token)
    terminal.out(f"token {gone.name} ({gone.prefix}…) of {gone.user} is revoked")


def _state(one: TokenView) -> str:
    if one.revoked_at is not None:
        return "revoked"
    return "expired" if one.expires_at is not None and one.expires_at <= units.now() else "active"


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    if found is None:
        raise click.BadParameter("expected a time such as `12h` or `30d`", param_hint="--expires")
    return float(found[1]) * _UNITS[found[2]]
