"""The codes of snapshot files, which `atoll plan --snapshot` reads. Their examples are JSON.

The engine makes these diagnostics; the registry explains them.
"""

from atoll.configuration.codes.code import Code

_OFFER = (
    '[{"backend": "aws", "region": "us-east-1", "zone": "us-east-1a", "instance_type": "m7i.large",\n'
    '  "cpus": 2, "memory_gb": 8, "price": 0.1008}]\n'
)

REPLAYED = (
    Code(
        "not-json",
        "The snapshot is not JSON",
        "The file after `--snapshot` cannot be read as JSON. `atoll plan --save-snapshot FILE` writes one that can.",
        _OFFER.replace('"price": 0.1008', '"price": $0.1008'),
        _OFFER,
        snapshot=True,
    ),
    Code(
        "wrong-snapshot",
        "The snapshot has a value that is not possible",
        "The message names the place in the JSON, such as `offers[3].price`, counted from 0, and what is expected "
        "there. `atoll export schema --snapshot` prints the whole form.",
        _OFFER.replace("0.1008", '"$0.1008"'),
        _OFFER,
        snapshot=True,
    ),
    Code(
        "snapshot-too-large",
        "The snapshot is too large",
        "A snapshot may have 64 MiB. Many offers take a tenth of the room as a table, which is what `atoll plan "
        "--save-snapshot` writes.",
        snapshot=True,
    ),
)
