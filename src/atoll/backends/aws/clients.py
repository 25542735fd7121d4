"""Calls to AWS: one client a region and service, in threads of the region's own, each tried once within time limits.

The engine repeats calls and pauses a region that does not answer; only throttled reads of many pages are repeated here.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from atoll.backends.aws import models
from atoll.backends.aws.config import AwsConfig
from atoll.backends.aws.errors import Subject, translate
from atoll.backends.aws.permissions import ACTIONS, Action
from atoll.backends.base import AuthFailed, InvalidRequest, Throttled, Unavailable
from atoll.model.failure import Scope

CONNECT_SECONDS, READ_SECONDS = 5, 25
THREADS = 8
"""For each region: a region that does not answer holds up its own calls alone."""
READ_ATTEMPTS = 3
"""How often one page of a long read is tried while AWS throttles it."""
PRICING_REGION = "us-east-1"
"""The Pricing API has endpoints in few regions; this one has the prices of all."""

Reply = dict[str, Any]
T = TypeVar("T")
Read = Callable[[list[Any]], list[Any]]
"""Makes the items that are kept of one page's items."""


class Clients:
    """The clients of one account."""

    def __init__(self, config: AwsConfig) -> None:
        self.config = config
        self._session: Any = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._lock = Lock()

    async def call(
        self, region: str, service: str, operation: str, subject: Subject | None = None, **params: Any
    ) -> Reply:
        """One call. Raises BackendError, with the scope that `subject` gives it."""
        about = subject or Subject(region)
        return await self._run(region, partial(self._call, region, service, operation, about, params))

    async def pages(
        self, region: str, service: str, operation: str, key: str, read: Read = list, **params: Any
    ) -> list[Any]:
        """What `read` makes of the items under `key`, page by page, in one turn of a thread. Raises BackendError.

        The pages of a region's instance types take many times the memory of what is kept of them.
        """
        return await self._run(
            region, partial(self._pages, partial(self._patiently, region, service, operation), key, read, params)
        )

    def close(self) -> None:
        """Stop the threads; calls under way are not waited for."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        self._pools.clear()

    async def _run(self, region: str, call: Callable[[], T]) -> T:
        pool = self._pools.get(region)
        if pool is None:
            pool = self._pools[region] = ThreadPoolExecutor(THREADS, thread_name_prefix=f"aws-{region}")
        return await asyncio.get_running_loop().run_in_executor(pool, call)

    def _pages(self, call: Callable[[Reply], Reply], key: str, read: Read, params: Reply) -> list[Any]:
        found: list[Any] = []
        while True:
            reply = call(params)
            found += read(reply.get(key, []))
            token = reply.get("NextToken")
            if not token:
                return found
            params = params | {"NextToken": token}

    def _patiently(self, region: str, service: str, operation: str, params: Reply) -> Reply:
        for attempt in range(READ_ATTEMPTS):
            try:
                return self._call(region, service, operation, Subject(region), params)
            except Throttled:
                if attempt == READ_ATTEMPTS - 1:
                    raise
                time.sleep(random.uniform(0.2, 1.0) * 2**attempt)  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable")

    def _call(self, region: str, service: str, operation: str, subject: Subject, params: Reply) -> Reply:
        from botocore.exceptions import BotoCoreError, ClientError

        action = ACTIONS[(service, operation)]
        try:
            reply: Reply = getattr(self._client(region, service), operation)(**params)
            return reply
        except ClientError as error:
            if error.operation_name == "AssumeRole":  # the call needed new credentials first
                action = ACTIONS["sts", "assume_role"]
            details = error.response.get("Error", {})
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            code, message = str(details.get("Code", "")), str(details.get("Message", ""))
            raise translate(code, message, status, action.name, subject) from None
        except BotoCoreError as error:
            raise _unsent(error, action, region) from None

    def _client(self, region: str, service: str) -> Any:
        region = PRICING_REGION if service == "pricing" else region
        with self._lock:
            client = self._clients.get((region, service))
            if client is None:
                client = self._clients[(region, service)] = self._new(region, service)
            return client

    def _new(self, region: str, service: str) -> Any:
        if self._session is None:
            self._session = self._sign_in()
        return self._session.client(service, **self._options(region))

    def _options(self, region: str) -> dict[str, Any]:
        """What every client gets: its region, time limits, one attempt."""
        from botocore.config import Config

        settings = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=THREADS,
            user_agent_extra="atoll",
        )
        return {"region_name": region, "config": settings, "endpoint_url": self.config.endpoint_url or None}

    def _sign_in(self) -> Any:
        import boto3

        creds = self.config.credentials
        keys = {"aws_access_key_id": creds.access_key, "aws_secret_access_key": creds.secret_key}
        if creds.session_token:
            keys["aws_session_token"] = creds.session_token
        given = keys if creds.access_key else {}
        session = boto3.Session(
            profile_name=creds.profile or None,
            region_name=self.config.regions[0],
            botocore_session=models.session(),
            **given,
        )
        return self._in_role(session) if creds.role_arn else session

    def _in_role(self, session: Any) -> Any:
        """A session of the configured role, whose credentials renew themselves."""
        import boto3
        from botocore.credentials import RefreshableCredentials

        creds = self.config.credentials
        sts = session.client("sts", **self._options(self.config.regions[0]))
        options = {"RoleArn": creds.role_arn, "RoleSessionName": "atoll"}
        if creds.external_id:
            options["ExternalId"] = creds.external_id

        def renew() -> dict[str, str]:
            found = sts.assume_role(**options)["Credentials"]
            return {
                "access_key": found["AccessKeyId"],
                "secret_key": found["SecretAccessKey"],
                "token": found["SessionToken"],
                "expiry_time": found["Expiration"].isoformat(),
            }

        inner = models.session()
        inner._credentials = RefreshableCredentials.create_from_metadata(renew(), renew, "sts-assume-role")
        return boto3.Session(botocore_session=inner)


def library() -> None:
    """Raise ValueError where boto3 is not installed."""
    from importlib.util import find_spec

    if find_spec("boto3") is None or find_spec("asyncssh") is None:
        raise ValueError("the aws backend needs `pip install 'atoll[aws]'` on the server")


def _unsent(error: Exception, action: Action, region: str) -> AuthFailed | InvalidRequest | Unavailable:
    """An error of botocore itself: no credentials, a wrong parameter, or no answer."""
    name = type(error).__name__
    if name in ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "CredentialRetrievalError",
                "TokenRetrievalError", "UnauthorizedSSOTokenError", "SSOTokenLoadError"):  # fmt: skip
        return AuthFailed(f"no credentials for AWS: {_first_line(error)}", Scope("aws"))
    if name in ("ParamValidationError", "InvalidRegionError", "NoRegionError"):
        return InvalidRequest(f"{action.name}: {_first_line(error)}")
    return Unavailable(f"{action.name} in {region}: {_first_line(error)}", Scope("aws", region))


def _first_line(error: Exception) -> str:
    lines: Sequence[str] = str(error).splitlines()
    return lines[0][:300] if lines else type(error).__name__
