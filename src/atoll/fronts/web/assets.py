"""The page's files, read and compressed once. Their folder's name holds a digest of all, so that they never change."""

import gzip
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources

PREFIX = "/web/static/"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its media type, its bytes, and the same compressed."""

    type: str
    body: bytes
    compressed: bytes


@dataclass(frozen=True, slots=True)
class Assets:
    """All files by their path below `/web/static/`, and the page that loads them."""

    page: Asset
    files: Mapping[str, Asset]


def load() -> Assets:
    """Read the files of the package."""
    folder = resources.files("atoll.fronts.web") / "static"
    texts = {
        entry.name: entry.read_bytes()
        for entry in folder.iterdir()
        if entry.is_file() and entry.name[entry.name.rfind(".") :] in _TYPES
    }
    digest = hashlib.sha256(b"".join(texts[name] for name in sorted(texts))).hexdigest()[:12]
    page = texts.pop("index.html").replace(b"</head>", _preloads(texts) + b"</head>")
    page = page.replace(PREFIX.encode(), f"{PREFIX}{digest}/".encode())
    files = {f"{digest}/{name}": _asset(name, body) for name, body in texts.items()}
    return Assets(_asset("index.html", page), files)


def _preloads(names: Iterable[str]) -> bytes:
    """Links to all modules, so that a browser requests them at once and not one import after the other."""
    modules = [name for name in sorted(names) if name.endswith(".js")]
    return "".join(f'<link rel="modulepreload" href="{PREFIX}{name}">\n' for name in modules).encode()


def _asset(name: str, body: bytes) -> Asset:
    return Asset(_TYPES[name[name.rfind(".") :]], body, gzip.compress(body, 9, mtime=0))
