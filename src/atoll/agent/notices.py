"""Notices that this machine is taken back, as EC2's metadata service gives them to the machine itself.

Source: Amazon EC2 user guide, "Spot Instance interruption notices" and "EC2 instance rebalance recommendations": both
are documents of the metadata service, absent until there is a notice, and to be read every 5 s.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

from atoll.wire.agent import Notice, NoticeKind

READ_SECONDS = 5.0
CALL_SECONDS = 2.0
LEAST_NOTICE = timedelta(minutes=2)
"""What EC2 gives, where the time in a notice cannot be read."""
_TOKEN, _TOKEN_SECONDS = "X-aws-ec2-metadata-token", "21600"
_INTERRUPTION = "/latest/meta-data/spot/instance-action"
_REBALANCE = "/latest/meta-data/events/recommendations/rebalance"


class Notices:
    """Reads the metadata service at `address`, a URL; `latest` is the gravest notice so far."""

    def __init__(self, address: str) -> None:
        self._host = urlsplit(address).netloc
        self._token = ""
        self.latest: Notice | None = None

    async def watch(self, seconds: float = READ_SECONDS) -> None:
        """Read it again and again, until there is an interruption or the task is cancelled."""
        while self.latest is None or self.latest.kind is not NoticeKind.INTERRUPTION:
            found = await asyncio.get_running_loop().run_in_executor(None, self._read)
            if found is not None:
                self.latest = found
            await asyncio.sleep(seconds)

    def _read(self) -> Notice | None:
        """The gravest notice there is now; None without one, or without an answer."""
        for kind, path in ((NoticeKind.INTERRUPTION, _INTERRUPTION), (NoticeKind.REBALANCE, _REBALANCE)):
            content = self._document(path)
            if content is not None:
                return Notice(kind, _time(content))
        return None

    def _document(self, path: str) -> dict[str, Any] | None:
        try:
            status, body = self._call("GET", path, {_TOKEN: self._token}) if self._token else (401, b"")
            if status == 401:  # the token has expired, or is the first
                status, token = self._call("PUT", "/latest/api/token", {f"{_TOKEN}-ttl-seconds": _TOKEN_SECONDS})
                if status != 200:
                    return None
                self._token = token.decode("ascii")
                status, body = self._call("GET", path, {_TOKEN: self._token})
            content = json.loads(body) if status == 200 else None
        except (OSError, ValueError, http.client.HTTPException):
            return None
        return content if isinstance(content, dict) else None

    def _call(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._host, timeout=CALL_SECONDS)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(1 << 16)
        finally:
            connection.close()


def _time(content: dict[str, Any]) -> datetime:
    """When the machine ends (`time`), or when the recommendation was made (`noticeTime`)."""
    text = content.get("time") or content.get("noticeTime")
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return datetime.now(timezone.utc) + LEAST_NOTICE
