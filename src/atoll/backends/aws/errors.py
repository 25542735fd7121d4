"""AWS's error codes as Atoll's errors: one table, with the scope of each code.

Sources: the EC2 API reference, "Error codes for the Amazon EC2 API", and the service models of botocore. A code in
neither table is judged by its HTTP status: 4xx is InvalidRequest, 5xx Unavailable.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

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
from atoll.model.failure import Resource, Scope
from atoll.model.offer import Market
from atoll.model.zone import Zone

LONGEST = 300
"""Characters of AWS's own text that a message keeps."""


class Reach(Enum):
    """How far a code reaches."""

    OFFER = auto()
    TYPE = auto()
    ZONE = auto()
    MARKET = auto()
    REGION = auto()
    BACKEND = auto()
    REQUEST = auto()


_Rule = tuple[type[BackendError], Reach]

CODES: Mapping[str, _Rule] = {
    **dict.fromkeys(
        ("InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientCapacity",
         "InsufficientReservedInstanceCapacity", "InsufficientVolumeCapacity", "SpotMaxPriceTooLow"),
        (CapacityUnavailable, Reach.OFFER),
    ),
    "InsufficientFreeAddressesInSubnet": (CapacityUnavailable, Reach.ZONE),
    **dict.fromkeys(("Unsupported", "UnsupportedHibernationConfiguration"), (NotOffered, Reach.TYPE)),
    **dict.fromkeys(
        ("VcpuLimitExceeded", "InstanceLimitExceeded", "MaxSpotInstanceCountExceeded",
         "SpotInstanceCountExceeded"),
        (QuotaExceeded, Reach.MARKET),
    ),
    **dict.fromkeys(
        ("VolumeLimitExceeded", "MaxIOPSLimitExceeded", "AddressLimitExceeded", "ResourceLimitExceeded",
         "SnapshotLimitExceeded", "SecurityGroupLimitExceeded", "NetworkInterfaceLimitExceeded"),
        (QuotaExceeded, Reach.REGION),
    ),
    **dict.fromkeys(("InvalidVolume.ZoneMismatch", "InvalidInstance.ZoneMismatch"), (ZoneMismatch, Reach.REQUEST)),
    **dict.fromkeys(
        ("RequestLimitExceeded", "Throttling", "ThrottlingException", "EC2ThrottledException",
         "TooManyRequestsException", "RequestThrottled", "SlowDown", "BandwidthLimitExceeded",
         "RequestThrottledException"),
        (Throttled, Reach.REGION),
    ),
    **dict.fromkeys(
        ("AuthFailure", "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId",
         "SignatureDoesNotMatch", "UnrecognizedClientException", "MissingAuthenticationToken",
         "IncompleteSignature", "InvalidAccessKeyId", "RequestExpired", "UnauthorizedOperation",
         "AccessDenied", "AccessDeniedException", "OptInRequired", "PendingVerification", "Blocked",
         "SubscriptionRequiredException", "NotAuthorized"),
        (AuthFailed, Reach.BACKEND),
    ),
    **dict.fromkeys(
        ("InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotLinkable",
         "InvalidVolume.NotFound", "InvalidVolumeID.Malformed", "InvalidVolumeID.NotFound",
         "InvalidAttachment.NotFound", "InvalidSnapshot.NotFound", "InvalidParameterValue.InstanceId"),
        (NotFound, Reach.REQUEST),
    ),
    **dict.fromkeys(
        ("InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable", "RequestTimeout",
         "RequestTimeoutException", "ServerInternal"),
        (Unavailable, Reach.REGION),
    ),
    # The group was deleted between its creation and the launch: the next try creates it again.
    "InvalidPlacementGroup.Unknown": (Unavailable, Reach.REQUEST),
    **dict.fromkeys(
        ("InvalidParameterValue", "InvalidParameterCombination", "InvalidParameter", "MissingParameter",
         "InvalidInput", "InvalidZone.NotFound", "InvalidAvailabilityZone", "InvalidSubnetID.NotFound",
         "InvalidSubnet.Conflict", "InvalidVpcID.NotFound", "InvalidGroup.NotFound",
         "InvalidGroupId.Malformed", "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable",
         "InvalidAMIID.Malformed", "InvalidInstanceType.NotFound", "InvalidInstanceType",
         "InvalidKeyPair.NotFound", "InvalidBlockDeviceMapping",
         "InvalidTagKey.Malformed", "InvalidPlacementGroup.InUse", "InvalidPlacementGroup.Duplicate",
         "InvalidIamInstanceProfile",
         "IdempotentParameterMismatch", "VolumeInUse", "IncorrectState", "IncorrectInstanceState",
         "InvalidInstanceAttributeValue", "DryRunOperation", "InvalidVolume.InUse", "AttachmentLimitExceeded",
         "OperationNotPermitted", "UnsupportedOperation", "InvalidAction", "ValidationError",
         "TagLimitExceeded", "InvalidState", "UnknownParameter", "InvalidUserData.Malformed",
         "PrivilegedInstanceProfile", "EncryptedVolumesNotSupported", "UnknownVolumeType",
         "Client.InvalidParameterSize"),
        (InvalidRequest, Reach.REQUEST),
    ),
}  # fmt: skip
"""The codes with an error and a reach of their own."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a call concerns, for the scope of its error. `resource` tells disks from machines."""

    region: str
    zone: Zone | None = None
    instance_type: str | None = None
    market: Market | None = None
    resource: Resource = Resource.MACHINE


def rule(code: str, status: int) -> _Rule:
    """The error and reach of a code, by its HTTP status where the table does not have it."""
    if code in CODES:
        return CODES[code]
    if status >= 500 or status == 0:
        return Unavailable, Reach.REGION
    if status == 429:
        return Throttled, Reach.REGION
    if status in (401, 403):
        return AuthFailed, Reach.BACKEND
    return InvalidRequest, Reach.REQUEST


def translate(code: str, message: str, status: int, action: str, subject: Subject) -> BackendError:
    """The error for what AWS answered to `action`, the IAM action that the call needs."""
    kind, reach = rule(code, status)
    if code == "InvalidInstanceType.NotFound":  # also raised for a type that the region does not have
        kind, reach = NotOffered, Reach.TYPE
    words = message.split("Encoded authorization failure message", maxsplit=1)[0].strip()[:LONGEST]
    text = f"{code}: {words}" if words and words != "None" else code
    if kind is AuthFailed:
        text = f"AWS refuses {action} in {subject.region}: {text}"
    return kind(text, _scope(reach, subject))


def _scope(reach: Reach, subject: Subject) -> Scope | None:
    region, zone = subject.region, subject.zone.name if subject.zone else None
    match reach:
        case Reach.OFFER:
            return Scope("aws", region, zone, subject.instance_type, subject.market, subject.resource)
        case Reach.TYPE:
            return Scope("aws", region, zone, subject.instance_type, None, subject.resource)
        case Reach.ZONE:
            return Scope("aws", region, zone, resource=subject.resource)
        case Reach.MARKET:
            return Scope("aws", region, market=subject.market, resource=subject.resource)
        case Reach.REGION:
            return Scope("aws", region, resource=subject.resource)
        case Reach.BACKEND:
            return Scope("aws")
        case Reach.REQUEST:
            return None
