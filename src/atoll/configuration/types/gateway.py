"""The gateway: the machine that requests for services come through."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from atoll.configuration.types.base import Flag, Model, Name, Options, Positive, Text, wrong_value
from atoll.configuration.types.service import Router
from atoll.configuration.types.support import Later


class Certificate(Model):
    """Where the certificate of a gateway comes from."""

    type: Literal["lets-encrypt", "acm", "gcp-certificate-manager"] = "lets-encrypt"
    arn: Text | None = None
    name: Text | None = None

    @model_validator(mode="after")
    def _complete(self) -> "Certificate":
        needed = {"lets-encrypt": None, "acm": "arn", "gcp-certificate-manager": "name"}[self.type]
        for key in ("arn", "name"):
            if (getattr(self, key) is not None) != (key == needed):
                raise wrong_value(f"`{key}` {'beside' if key == needed else 'not beside'} `type: {self.type}`")
        return self


class LoadBalancer(Model):
    """What stands before the replicas of a gateway."""

    type: Literal["alb"] = "alb"


class Gateway(Model):
    """The machine that requests for services come through."""

    later: ClassVar[Later | None] = Later("this release has no services")

    type: Literal["gateway"]
    name: Name | None = None
    backend: Text
    region: Text
    availability_zone: Text | None = None
    instance_type: Text | None = None
    domain: Text | None = None
    public_ip: Flag = True
    load_balancer: LoadBalancer | None = None
    certificate: Certificate | None = Field(default_factory=Certificate)
    replicas: Positive | None = None
    router: Router | None = None
    default: Flag | None = None
    tags: dict[str, Text] | None = None
    backend_options: Options = None
