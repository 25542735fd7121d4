"""The entry point of `atoll`."""


def main() -> None:
    """Run the command line."""
