"""`atoll web`: opens the zone map in a browser."""

import click

from atoll.cli import terminal
from atoll.client import connect, location


@click.command()
@click.option("--print", "only_print", is_flag=True, help="Print the address instead of opening a browser.")
def web(only_print: bool) -> None:
    """Open the zone map in a browser.

    The address works once, within a minute; the session that it opens ends after 12 hours without use.
    """
    client = connect()
    issued = client.web_code()
    place = location.remote()
    base = place.address if place is not None and place.address.startswith("http") else issued.address
    address = f"{base}/web/login#{issued.code}"
    if only_print:
        terminal.out(address)
        return
    import webbrowser

    if webbrowser.open(address):
        terminal.out(f"opened {base} in a browser")
    else:
        terminal.out(f"no browser was found; open this address in one within a minute:\n{address}")
