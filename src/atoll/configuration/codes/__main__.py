"""Writes the page of the documentation to standard output."""

import sys

from atoll.configuration.codes import page

sys.stdout.write(page())
