"""Each code of EC2 has an error and a scope, and what is in no table is judged by its status."""

import pytest

from atoll.backends.aws.errors import CODES, Subject, rule, translate
from atoll.backends.base import (
    AuthFailed,
    BackendError,
    CapacityUnavailable,
    InvalidRequest,
    NotFound,
    NotOffered,
    QuotaExceeded,
    Throttled,
    Unavailable,
    ZoneMismatch,
)
from atoll.model.failure import Scope
from atoll.model.offer import Market
from atoll.model.zone import Zone

WHERE = Zone("aws", "us-east-1", "us-east-1a")
SUBJECT = Subject("us-east-1", WHERE, "m5.large", Market.SPOT)


@pytest.mark.parametrize(
    ("code", "kind", "scope"),
    [
        ("InsufficientInstanceCapacity", CapacityUnavailable,
         Scope("aws", "us-east-1", "us-east-1a", "m5.large", Market.SPOT)),
        ("Unsupported", NotOffered, Scope("aws", "us-east-1", "us-east-1a", "m5.large")),
        ("InsufficientFreeAddressesInSubnet", CapacityUnavailable, Scope("aws", "us-east-1", "us-east-1a")),
        ("VcpuLimitExceeded", QuotaExceeded, Scope("aws", "us-east-1", market=Market.SPOT)),
        ("MaxSpotInstanceCountExceeded", QuotaExceeded, Scope("aws", "us-east-1", market=Market.SPOT)),
        ("VolumeLimitExceeded", QuotaExceeded, Scope("aws", "us-east-1")),
        ("InvalidVolume.ZoneMismatch", ZoneMismatch, None),
        ("RequestLimitExceeded", Throttled, Scope("aws", "us-east-1")),
        ("AuthFailure", AuthFailed, Scope("aws")),
        ("UnauthorizedOperation", AuthFailed, Scope("aws")),
        ("InvalidParameterValue", InvalidRequest, None),
        ("InvalidInstanceID.NotFound", NotFound, None),
        ("InternalError", Unavailable, Scope("aws", "us-east-1")),
    ],
)  # fmt: skip
def test_a_code_has_its_error_and_its_scope(code: str, kind: type[BackendError], scope: Scope | None) -> None:
    error = translate(code, "words of AWS", 400, "ec2:RunInstances", SUBJECT)
    assert type(error) is kind
    assert error.scope == scope
    assert code in error.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (403, AuthFailed),
        (429, Throttled),
        (500, Unavailable),
        (503, Unavailable),
        (0, Unavailable),
    ],
)
def test_an_unknown_code_is_judged_by_its_status(status: int, kind: type[BackendError]) -> None:
    assert "BrandNewCode" not in CODES
    assert rule("BrandNewCode", status)[0] is kind


def test_a_missing_permission_is_named_without_the_encoded_message() -> None:
    words = "You are not authorized to perform this operation. Encoded authorization failure message: abcDEF123"
    error = translate("UnauthorizedOperation", words, 403, "ec2:CreateVolume", SUBJECT)
    assert error.message.startswith("AWS refuses ec2:CreateVolume in us-east-1: UnauthorizedOperation")
    assert "abcDEF123" not in error.message
