"""Plans one fleet in several sizes, creates nothing, and prints a row for each: its zones and its price an hour.

The same rows make a table in a notebook, with `pandas.DataFrame(rows)`.
"""

from collections import Counter
from typing import Any

from atoll.client import Client, connect
from atoll.wire.api import SourceFile, Submission

FLEET = "type: fleet\nname: compared\nnodes: {nodes}\nplacement: spread\nresources: {{cpu: 2}}\n"


def row(client: Client, nodes: int) -> dict[str, Any]:
    """The plan of a fleet of this size."""
    plan = client.plan(Submission((SourceFile("compared.atoll.yml", FLEET.format(nodes=nodes)),))).plan
    [fleet] = plan.documents
    zones = Counter(node.zone for node in fleet.nodes)
    shortfall = fleet.shortfall.message if fleet.shortfall else ""
    return {"nodes": nodes, "zones": dict(sorted(zones.items())), "USD/h": fleet.price, "shortfall": shortfall}


def main() -> None:
    client = connect()
    rows = [row(client, nodes) for nodes in (1, 3, 6, 60)]
    for one in rows:
        print("  ".join(f"{key}: {value}" for key, value in one.items()))


if __name__ == "__main__":
    main()
