"""What stands before strict-moto: it counts calls, fails them by rules, and answers what moto does not have.

Prices, quotas and Canonical's public parameters are answered here, in the reply shapes of botocore's service models.
Reads of instance types and offerings are narrowed to a few types, because moto takes seconds for all of them.
"""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode

TYPES = {"t3.medium": 0.0416, "m5.large": 0.096, "m5.xlarge": 0.192, "c5.2xlarge": 0.34, "g4dn.xlarge": 0.526}
"""The types of the narrowed tables, with their prices in USD an hour."""
QUOTAS = {"L-1216C47A": 640.0, "L-34B43A08": 640.0, "L-DB2E81BA": 0.0, "L-3819A6DF": 8.0}
MOTO_IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/")

Params = dict[str, str]


@dataclass
class Call:
    """One call as it came: region, service, operation, parameters of the Query protocol, and what was done with it."""

    region: str
    service: str
    operation: str
    params: Params
    done: str = "passed"


@dataclass
class Rule:
    """What happens to matching calls, `times` times (None: always).

    `error` is (code, HTTP status); `lost` lets moto do it and drops the reply; `hang` is seconds without a reply.
    """

    operation: str = "*"
    when: Callable[[Call], bool] = lambda _: True
    error: tuple[str, int] | None = None
    lost: bool = False
    hang: float = 0
    times: int | None = None


@dataclass
class Front:
    """The running front."""

    moto_port: int
    port: int = 0
    narrow: bool = True
    tests: int = 0
    calls: list[Call] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Forget calls, rules and client tokens; end what hangs."""
        self.released.set()
        self.released = threading.Event()
        with self.lock:
            self.calls, self.rules, self.narrow = [], [], True
            self.tests += 1

    def made(self, *operations: str) -> list[Call]:
        """The calls of these operations."""
        with self.lock:
            return [call for call in self.calls if call.operation in operations]

    def judge(self, call: Call) -> Rule | None:
        """The rule for a call, which is counted."""
        with self.lock:
            self.calls.append(call)
            for rule in self.rules:
                if rule.operation in ("*", call.operation) and rule.times != 0 and rule.when(call):
                    if rule.times is not None:
                        rule.times -= 1
                    call.done = rule.error[0] if rule.error else "lost" if rule.lost else "hung"
                    return rule
        return None


@contextmanager
def fronted(moto_port: int) -> Iterator[Front]:
    """A front on a free port of 127.0.0.1."""
    front = Front(moto_port)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"front": front}))
    server.daemon_threads = True
    front.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield front
    finally:
        front.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    front: Front
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        return

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        call = self._call(body)
        rule = self.front.judge(call)
        if rule is not None and rule.hang:
            self.front.released.wait(rule.hang)
            self.close_connection = True
            return
        if rule is not None and rule.error is not None:
            self._fail(call, *rule.error)
            return
        answer = self._own(call, body) or self._forward(call, body)
        if rule is not None and rule.lost:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self._send(*answer)

    def _call(self, body: bytes) -> Call:
        found = _SCOPE.search(self.headers.get("authorization", ""))
        region, service = found.groups() if found else ("", "")
        target = self.headers.get("x-amz-target", "")
        if target:
            return Call(region, service, target.rpartition(".")[2], {})
        params = {key: values[0] for key, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        return Call(region, service, params.get("Action", ""), params)

    def _own(self, call: Call, body: bytes) -> tuple[int, str, bytes] | None:
        kind = "application/x-amz-json-1.1"
        match call.operation:
            case "GetProducts":
                return 200, kind, json.dumps({"FormatVersion": "aws_v1", "PriceList": _price_list()}).encode()
            case "ListServiceQuotas":
                quotas = [{"QuotaCode": code, "Value": value} for code, value in QUOTAS.items()]
                return 200, kind, json.dumps({"Quotas": quotas}).encode()
            case "GetParameters" if b"/aws/service/canonical/" in body or b"/aws/service/deeplearning/" in body:
                return self._forward(call, json.dumps({"Names": [MOTO_IMAGE]}).encode())
        return None

    def _forward(self, call: Call, body: bytes) -> tuple[int, str, bytes]:
        if self.front.narrow and call.operation in ("DescribeInstanceTypes", "DescribeInstanceTypeOfferings"):
            body = urlencode(call.params | _narrowed(call.operation)).encode()
        if salted := self._salted(call.params):
            body = urlencode(call.params | salted).encode()
        headers = {name: value for name, value in self.headers.items() if name.lower() != "content-length"}
        connection = HTTPConnection("127.0.0.1", self.front.moto_port, timeout=120)
        try:
            connection.request("POST", self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get("content-type", "text/xml"), answer.read()
        finally:
            connection.close()

    def _salted(self, params: Params) -> Params:
        """The client tokens with the test's number, for moto remembers them for ever and tests use the same ones."""
        keys = ["ClientToken"] + [
            key.replace(".Name", ".Value.1") for key, value in params.items() if value == "client-token"
        ]
        return {key: f"{params[key]}.{self.front.tests}" for key in keys if key in params}

    def _fail(self, call: Call, code: str, status: int) -> None:
        if call.service in ("ec2", "sts"):
            text = (
                f"<Response><Errors><Error><Code>{code}</Code><Message>by a rule</Message></Error></Errors></Response>"
            )
            self._send(status, "text/xml", text.encode())
        else:
            self._send(
                status, "application/x-amz-json-1.1", json.dumps({"__type": code, "message": "by a rule"}).encode()
            )

    def _send(self, status: int, kind: str, content: bytes) -> None:
        with suppress(OSError):
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)


def _narrowed(operation: str) -> Params:
    if operation == "DescribeInstanceTypes":
        return {f"InstanceType.{number}": name for number, name in enumerate(TYPES, 1)}
    names = {f"Filter.1.Value.{number}": name for number, name in enumerate(TYPES, 1)}
    return {"Filter.1.Name": "instance-type", **names}


def _price_list() -> list[str]:
    return [
        json.dumps({
            "product": {"attributes": {"instanceType": name}},
            "terms": {"OnDemand": {"t": {"priceDimensions": {"d": {"pricePerUnit": {"USD": str(price)}}}}}},
        })
        for name, price in TYPES.items()
    ]  # fmt: skip


def wait_until(good: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something holds."""
    limit = time.monotonic() + seconds
    while not good():
        assert time.monotonic() < limit, "what was waited for did not happen"
        time.sleep(0.05)
