"""The machine images: Ubuntu, with NVIDIA's driver where the type has such GPUs, unless others are configured."""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass

from atoll.backends.aws.clients import Clients
from atoll.backends.aws.config import Image
from atoll.backends.base import InvalidRequest

KEEP_SECONDS = 3600.0

_CANONICAL = "/aws/service/canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id"
_DEEP_LEARNING = "/aws/service/deeplearning/ami/{}/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id"
_PARAMETERS = {
    ("x86", False): _CANONICAL.format("amd64"),
    ("arm", False): _CANONICAL.format("arm64"),
    ("x86", True): _DEEP_LEARNING.format("x86_64"),
    ("arm", True): _DEEP_LEARNING.format("arm64"),
}
"""The public parameters by architecture, and whether there is an NVIDIA GPU. Sources: Canonical's "Find Ubuntu images
with the SSM Parameter Store", and the release notes of the AWS Deep Learning AMIs."""


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image, the name of its root device, and the size of that in GB."""

    id: str
    root_device: str
    root_gb: float


class Images:
    """The images of an account, looked up once an hour."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._found: dict[tuple[str, Image], tuple[float, FoundImage]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of(self, region: str, arch: str, *, nvidia: bool) -> FoundImage:
        """The image for a type in a region. Raises BackendError, InvalidRequest where none exists."""
        config = self._clients.config
        image = (config.nvidia_image if nvidia else config.cpu_image) or Image(parameter=_PARAMETERS[arch, nvidia])
        async with self._locks[region]:  # launches at the same time need one look-up
            known = self._found.get((region, image))
            if known is None or known[0] < time.monotonic():
                known = time.monotonic() + KEEP_SECONDS, await self._find(region, image)
                self._found[region, image] = known
        return known[1]

    async def _find(self, region: str, image: Image) -> FoundImage:
        id, name = image.id, image.id or image.name
        if image.parameter:
            reply = await self._clients.call(region, "ssm", "get_parameters", Names=[image.parameter])
            if not reply["Parameters"]:
                raise InvalidRequest(f"{region} has no SSM parameter {image.parameter}: set `os_images`")
            id = name = reply["Parameters"][0]["Value"]
        if id:
            images = (await self._clients.call(region, "ec2", "describe_images", ImageIds=[id]))["Images"]
        else:
            filters = [{"Name": "name", "Values": [image.name]}]
            images = (await self._clients.call(
                region, "ec2", "describe_images", Filters=filters, Owners=[image.owner]
            ))["Images"]  # fmt: skip
        if not images:
            raise InvalidRequest(f"{region} has no image {name}: set `os_images`")
        newest = max(images, key=lambda each: each.get("CreationDate", ""))
        root = newest.get("RootDeviceName") or "/dev/sda1"
        sizes = [
            float(each["Ebs"].get("VolumeSize", 0))
            for each in newest.get("BlockDeviceMappings", [])
            if each.get("DeviceName") == root and "Ebs" in each
        ]
        return FoundImage(newest["ImageId"], root, max(sizes, default=0))
