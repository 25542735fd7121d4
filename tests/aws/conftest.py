"""An emulated EC2 in us-east-1: strict-moto, a front with rules, and a real SSH host for each running instance.

They need root, sshd, iproute2 and the tools beside this repository; without them these tests are skipped with a reason.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.aws.front import Front, fronted, wait_until
from tests.e2e.conftest import Place

TOOLS = Path(__file__).parents[3] / "shared" / "tools"
REGION = "us-east-1"


@dataclass(frozen=True)
class Cloud:
    """The emulated cloud: its front, its VPC with `letters` as zones, and moto's own view, past the front."""

    front: Front
    moto: str
    vpc: str
    bodies: Path
    letters: str = "abc"

    @property
    def config(self) -> dict[str, Any]:
        """The backend's configuration for it."""
        return {
            "creds": {"type": "access_key", "access_key": "AKIATESTONLY", "secret_key": "not-a-secret-of-anything"},
            "regions": [REGION],
            "vpc_ids": {REGION: self.vpc},
            "public_ips": False,
            "endpoint_url": self.front.url,
        }

    @property
    def zones(self) -> list[str]:
        return [f"{REGION}{letter}" for letter in self.letters]

    def client(self, service: str = "ec2", region: str = REGION) -> Any:
        """A client of moto itself: its calls are not counted."""
        import boto3

        return boto3.client(
            service, region_name=region, endpoint_url=self.moto, aws_access_key_id="a", aws_secret_access_key="b"
        )

    def instances(self) -> list[Any]:
        """What moto has of instances that are not terminated."""
        reply = self.client().describe_instances()
        every = [each for reservation in reply["Reservations"] for each in reservation["Instances"]]
        return [each for each in every if each["State"]["Name"] != "terminated"]

    def volumes(self) -> list[Any]:
        """What moto has of volumes."""
        return list(self.client().describe_volumes()["Volumes"])

    def snapshots(self) -> list[Any]:
        """What moto has of snapshots with a tag of Atoll."""
        filters = [{"Name": "tag-key", "Values": ["atoll-owner"]}]
        return list(self.client().describe_snapshots(Filters=filters)["Snapshots"])

    def subnet(self, zone: str) -> str:
        """The subnet of a zone."""
        filters = [{"Name": "vpc-id", "Values": [self.vpc]}, {"Name": "availability-zone", "Values": [zone]}]
        return str(self.client().describe_subnets(Filters=filters)["Subnets"][0]["SubnetId"])

    def body(self, verb: str, *arguments: str) -> str:
        """One command of vm-bodies."""
        done = subprocess.run(
            [TOOLS / "vm-bodies", verb, self.bodies, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def clear(self) -> None:
        """End all instances and volumes, and forget rules and calls."""
        self.front.reset()
        client = self.client()
        ids = [each["InstanceId"] for each in self.instances()]
        if ids:
            client.terminate_instances(InstanceIds=ids)
        for volume in self.volumes():
            for tie in volume["Attachments"]:
                with suppress(Exception):
                    client.detach_volume(VolumeId=volume["VolumeId"], InstanceId=tie["InstanceId"])
            with suppress(Exception):
                client.delete_volume(VolumeId=volume["VolumeId"])
        for snapshot in self.snapshots():
            client.delete_snapshot(SnapshotId=snapshot["SnapshotId"])


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The URL of a strict-moto of this test process."""
    with strict_moto() as url:
        yield url


@contextmanager
def strict_moto() -> Iterator[str]:
    """The URL of a strict-moto that ends with the block."""
    if not (TOOLS / "strict-moto").exists():
        pytest.skip("the tool strict-moto is not beside this repository")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(TOOLS / "strict-moto"), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: process.poll() is not None or _answers(f"{url}/moto-api/data.json"), 60)
        assert process.poll() is None, "strict-moto has ended"
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@pytest.fixture(scope="session")
def whole_cloud(moto: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with bodied(moto, tmp_path_factory.mktemp("bodies") / "state") as cloud:
        yield cloud


@contextmanager
def bodied(moto: str, folder: Path, letters: str = "abc") -> Iterator[Cloud]:
    """The cloud of a strict-moto with a host for each running instance; it ends with the block."""
    if os.geteuid() != 0:
        pytest.skip("hosts in network namespaces need root")
    missing = [name for name in ("/usr/sbin/sshd", "ip", "nsenter", "mkfs.ext4") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"missing: {', '.join(missing)}")
    tool, environment = (
        TOOLS / "vm-bodies",
        os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    command = [str(tool), "up", str(folder), "--moto", moto, "--region", REGION, "--zones", str(len(letters))]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        subprocess.run([tool, "down", folder], capture_output=True, check=False)
        pytest.skip(f"vm-bodies: {(done.stdout + done.stderr).strip()[-200:]}")
    try:
        zones = json.loads(subprocess.run([tool, "zones", folder, "--json"], capture_output=True, check=True).stdout)
        with fronted(int(moto.rpartition(":")[2])) as front:
            yield Cloud(front, moto, zones["vpc"], folder, letters)
    finally:
        subprocess.run([tool, "down", folder], capture_output=True, check=False)


@pytest.fixture
def cloud(whole_cloud: Cloud) -> Iterator[Cloud]:
    """The emulated cloud, empty before and after."""
    whole_cloud.clear()
    yield whole_cloud
    whole_cloud.clear()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        time.sleep(0.1)
        return False


class AwsPlace(Place):
    """A user's folder with a server whose only cloud is the emulated one."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        super().__init__(folder)
        self.cloud = cloud
        self.home.mkdir(mode=0o700)
        self.configure()

    def configure(self, **settings: object) -> None:
        """Write the server's configuration, with these settings of the backend too."""
        entry = {"type": "aws", **self.cloud.config, **settings}
        (self.home / "config.yml").write_text(json.dumps({"backends": [entry]}))

    def fleet(self, name: str, nodes: int, more: str = "") -> str:
        """A fleet's file: nodes of m5.large in the three zones."""
        text = f"type: fleet\nname: {name}\nnodes: {nodes}\ninstance_types: [m5.large]\n{more}"
        return self.write(name, text)

    def task(self, name: str, *commands: str, more: str = "") -> str:
        """A task's file."""
        lines = "".join(f"  - {json.dumps(command)}\n" for command in commands)
        text = f"type: task\nname: {name}\nresources: {{cpu: 1.., memory: 1GB.., disk: 20GB..}}\ncommands:\n{lines}"
        return self.write(name, text + more)


@pytest.fixture
def place(cloud: Cloud, tmp_path: Path) -> Iterator[AwsPlace]:
    place = AwsPlace(tmp_path, cloud)
    try:
        yield place
    finally:
        place.end()
