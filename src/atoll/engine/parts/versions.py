"""Versions of records: what a user saw is compared with what is, by a short text."""

import json
from hashlib import blake2b

from atoll.model.records import Fleet, Run, Volume

DIGEST_BYTES = 16


def version_of(record: Fleet | Volume | Run) -> str:
    """Identifies a record with its configuration: another record of the name, or a changed one, has another version."""
    facts = (record.kind, record.id, record.config)
    return blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=DIGEST_BYTES).hexdigest()
