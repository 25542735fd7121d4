"""`python -m atoll.server.check --home DIR [--backend NAME]`: what the configured accounts lack, in its own process.

No server needs to run, so that a configuration can be checked before it is used. Exits 1 where something is missing.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from atoll.backends.base import Finding
from atoll.backends.registry import open_backend
from atoll.server.home import HomeError, configured


def main() -> None:
    """Print the findings of the configured backends, one a line."""
    parser = argparse.ArgumentParser(prog="atoll.server.check")
    parser.add_argument("--home", type=Path, required=True, help="the data folder")
    parser.add_argument("--backend", default="", help="check this backend alone")
    arguments = parser.parse_args()
    try:
        failed = asyncio.run(_check(arguments.home, arguments.backend))
    except (HomeError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    sys.exit(1 if failed else 0)


async def _check(home: Path, only: str) -> bool:
    """Whether a configured backend lacks something that is required."""
    entries = [entry for entry in configured(home).get("backends") or () if only in ("", entry["type"])]
    if not entries:
        raise ValueError(
            f"{home / 'config.yml'} has no backend {only}" if only else f"{home / 'config.yml'} has no backends"
        )
    failed = False
    for entry in entries:
        name = entry["type"]
        settings = {key: value for key, value in entry.items() if key != "type"}
        with tempfile.TemporaryDirectory() as folder:  # nothing of a running server is touched
            backend = open_backend(name, settings, Path(folder))
            try:
                findings: tuple[Finding, ...] = (Finding("", "needs no account", False, True),)
                if backend.checks is not None:
                    findings = await backend.checks.run()
            finally:
                await backend.close()
        for finding in findings:
            word = "ok" if finding.ready else "missing" if finding.required else "note"
            print(" ".join(filter(None, (name, finding.region, f"{word}: {finding.message}"))))  # noqa: T201
            failed = failed or (finding.required and not finding.ready)
    return failed


if __name__ == "__main__":
    main()
