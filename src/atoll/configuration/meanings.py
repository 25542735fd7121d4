"""What each key means, in a sentence. The JSON Schema and the page of the configuration are made from it.

Keyed by the model that defines the key. It stands apart from the models because only editors and readers need it.
"""

from collections.abc import Mapping

from pydantic import BaseModel

_ZONES = "Zones where it may go: names or zone ids, globs (`us-east-1*`), and exclusions (`!us-east-1e`)."
_SSH_USER = "The user that SSH signs in as."
_SSH_PORT = "The port of SSH; 22 unless told."
_SSH_KEY = "The private key, as a path on this machine."

MEANINGS: Mapping[str, Mapping[str, str]] = {
    "Selection": {
        "backends": "Backends where it may go; every configured one unless told.",
        "regions": "Regions where it may go.",
        "availability_zones": _ZONES,
        "instance_types": "Instance types that may be used, by the provider's names.",
        "reservation": "A capacity reservation to take the machines from.",
        "spot_policy": "Spot machines, on-demand ones, or whichever is cheaper (`auto`).",
        "max_price": "The most that one machine may cost, in USD an hour.",
        "tags": "Tags for the machines at the provider.",
        "backend_options": "Options of single backends.",
    },
    "ProfileParameters": {
        "retry": "When to try again: `true` for every event, or the mapping.",
        "max_duration": "How long a job may run before it is stopped.",
        "stop_duration": "How long a stopped job has for ending by itself.",
        "creation_policy": "Whether machines may be created, or only those of fleets used (`reuse`).",
        "idle_duration": "How long a machine is kept after its last job.",
        "utilization_policy": "End the run when its GPUs are hardly used.",
        "startup_order": "Whether the first node starts before the others, or after them.",
        "stop_criteria": "Whether the run ends with its first node (`master-done`) or with all.",
        "schedule": "When to start again.",
        "fleets": "The only fleets whose machines the run gets: `name`, `project/name`, or `{project, name}`.",
        "instances": "Machines that may be used: `name`, `{hostname}`, or `{fleet, instance}`.",
    },
    "Fleet": {
        "type": "`fleet`.",
        "name": "The fleet's name; made from the file's name unless told.",
        "nodes": "How many machines: `3`, `2..8`, or `{min, target, max}`; a range grows for runs.",
        "placement": "How they lie over zones: `any`, `cluster`, `spread`, or the mapping.",
        "resources": "What each machine has at least.",
        "idle_duration": "How long a machine beyond `min` is kept after its last job.",
        "blocks": "Into how many parts a machine is divided, so that several jobs share it.",
        "retry": "Whether a fleet that cannot be filled now is accepted and waits.",
        "env": "Variables of the machines.",
        "ssh_config": "Machines of one's own, reached by SSH.",
    },
    "Nodes": {
        "min": "Machines that are kept even when idle.",
        "target": "Machines that there are at first; `min` unless told.",
        "max": "The most machines; no limit unless set. A fleet grows up to it when runs need machines.",
    },
    "Placement": {
        "strategy": "`any`: wherever it is cheapest. `cluster`: one zone, all or nothing. `spread`: evenly over zones.",
        "max_skew": "With `spread`: the largest difference of node counts between eligible zones.",
        "min_zones": "With `spread`: fewer eligible zones than this are refused.",
        "on_shortage": "With `spread`: `reject`, or `best-effort` for unbalanced rather than fewer.",
        "survive_zones": "With `spread`: enough machines that `nodes` are left after the loss of so many zones.",
    },
    "Resources": {
        "cpu": "CPUs.",
        "memory": "Memory.",
        "shm_size": "Shared memory (`/dev/shm`). Checked only.",
        "gpu": "GPUs.",
        "disk": "The machine's own disk; unless told, of any size.",
    },
    "Cpu": {"arch": "The architecture.", "count": "How many."},
    "Disk": {"size": "Its size."},
    "Gpu": {
        "vendor": "Who makes them.",
        "name": "Their name, or several of which any will do.",
        "count": "How many.",
        "memory": "Memory of each.",
        "total_memory": "Memory of all together.",
        "compute_capability": "The least CUDA compute capability.",
    },
    "Retry": {
        "on_events": "The events after which to try again.",
        "duration": "For how long to go on trying; for ever unless told.",
    },
    "Ssh": {
        "user": _SSH_USER,
        "port": _SSH_PORT,
        "identity_file": _SSH_KEY,
        "proxy_jump": "A host that SSH goes through.",
        "hosts": "The machines.",
        "network": "Their private network, such as `10.0.0.0/16`.",
    },
    "Jump": {
        "hostname": "Its host name or address.",
        "port": _SSH_PORT,
        "user": _SSH_USER,
        "identity_file": _SSH_KEY,
    },
    "Host": {
        "hostname": "Its host name or address.",
        "port": _SSH_PORT,
        "user": _SSH_USER,
        "identity_file": _SSH_KEY,
        "proxy_jump": "A host that SSH goes through to this one.",
        "internal_ip": "Its address in `network`.",
        "blocks": "Into how many parts it is divided.",
        "availability_zone": "The site where it stands; placing treats it as its zone.",
    },
    "Volume": {
        "type": "`volume`.",
        "name": "The volume's name; made from the file's name unless told.",
        "backend": "The backend that holds it.",
        "region": "Its region.",
        "availability_zone": "Its zone, by name or id; left out, it is chosen together with what uses the volume.",
        "size": "Its size.",
        "binding_mode": "When it is created: at once, or with the first run or fleet that uses it.",
        "volume_id": "The provider's id of a disk that exists already.",
        "auto_cleanup_duration": "How long it is kept without use.",
        "tags": "Tags for the disk at the provider.",
        "claim_name": "Kubernetes: the name of the claim.",
        "storage_class_name": "Kubernetes: the storage class.",
        "access_modes": "Kubernetes: the access modes; `[ReadWriteOnce]` unless told.",
        "read_only": "Kubernetes: mount it read-only.",
        "backend_options": "Options of single backends.",
    },
    "Run": {
        "name": "The run's name; made from the file's name unless told.",
        "commands": "Lines for the shell, run one after the other.",
        "env": "Variables: a mapping, or a list of `NAME=value`. A name alone takes its value from where `atoll` runs.",
        "image": "The container image.",
        "user": "The user in the container.",
        "privileged": "Run the container privileged.",
        "entrypoint": "The container's entry point.",
        "working_dir": "Where the commands begin.",
        "home_dir": "The home folder in the container.",
        "registry_auth": "How to sign in to the image's registry.",
        "python": "The version of Python in the default image.",
        "nvcc": "Put the CUDA compiler into the default image.",
        "single_branch": "Clone one branch alone.",
        "shell": "The shell; `/bin/sh` unless told.",
        "resources": "What each node has at least.",
        "priority": "Which of several waiting runs goes first; the highest.",
        "volumes": "Volumes and folders to mount: `name:/path`, `/instance/path:/path`, or a mapping.",
        "docker": "Provide Docker inside the container.",
        "repos": "Repositories to clone: an address, a folder, or a mapping.",
        "files": "Files and folders to copy: `path`, `local:remote`, or a mapping.",
        "setup": "Lines to run before the commands.",
        "ports": "Ports to be reached at: `8000`, `80:8000`, `*:8000`, or a mapping.",
    },
    "Utilization": {
        "min_gpu_utilization": "The least use of each GPU, in percent.",
        "time_window": "For how long it must have been below.",
    },
    "Schedule": {"cron": "A cron expression in UTC, or several."},
    "InstanceReference": {
        "name": "Its name, FLEET-NODE.",
        "hostname": "Its host name, for machines reached by SSH.",
        "fleet": "Its fleet.",
        "instance": "Its number in the fleet.",
    },
    "FleetReference": {"project": "The project of the fleet.", "name": "Its name."},
    "RegistryAuth": {"username": "The user.", "password": "The password or token."},
    "VolumeMount": {
        "name": "The volume, or several of which any will do. `${{ dstack.node_rank }}` stands for the node's rank.",
        "path": "Where it appears.",
    },
    "InstanceMount": {
        "instance_path": "The folder of the machine. Checked only.",
        "path": "Where it appears.",
        "optional": "Go on without it where the machine has no such folder.",
    },
    "Repository": {
        "url": "Its address.",
        "local_path": "A folder of this machine instead.",
        "branch": "The branch.",
        "hash": "The commit.",
        "path": "Where it is put.",
        "if_exists": "What to do where the folder exists already.",
    },
    "FileMapping": {"local_path": "The file or folder on this machine.", "path": "Where it is put."},
    "Port": {
        "local_port": "The port on this machine; any free one for `*`.",
        "container_port": "The port of the job.",
    },
    "Task": {
        "type": "`task`.",
        "nodes": "How many machines run the commands together.",
        "groups": "Nodes that are not all alike.",
    },
    "Group": {
        "name": "The group's name.",
        "nodes": "How many nodes it has.",
        "resources": "What each of them has at least.",
        "commands": "Their commands.",
        "ports": "Their ports.",
    },
    "Service": {
        "type": "`service`.",
        "port": "The port that answers requests.",
        "gateway": "The gateway that requests come through; `false` for none.",
        "strip_prefix": "Leave the path's prefix out of what the service sees.",
        "model": "The model that is served, for an OpenAI-compatible address.",
        "https": "Whether requests come over HTTPS.",
        "auth": "Whether requests need a token.",
        "replicas": "How many replicas: `2`, `1..4`.",
        "scaling": "When there are more or fewer replicas.",
        "rate_limits": "How many requests are let through.",
        "probes": "How a replica is found to be ready.",
        "router": "How requests are spread over replicas.",
        "cors": "Which web pages may use the service.",
        "path_prefix": "The path under which the service answers.",
    },
    "Scaling": {
        "metric": "`rps`: requests in a second, for each replica.",
        "target": "The value to hold.",
        "scale_up_delay": "How long to wait between two replicas more.",
        "scale_down_delay": "How long to wait between two replicas fewer.",
    },
    "DevEnvironment": {
        "type": "`dev-environment`.",
        "ide": "The editor: `vscode`, `cursor`, and others.",
        "version": "The editor's version.",
        "init": "Lines to run at the start.",
        "inactivity_duration": "End it after so long without anybody connected.",
    },
    "Gateway": {
        "type": "`gateway`.",
        "name": "The gateway's name.",
        "backend": "The backend that runs it.",
        "region": "Its region.",
        "availability_zone": "Its zone, by name or id.",
        "instance_type": "Its instance type.",
        "domain": "The domain of the services behind it.",
        "public_ip": "Whether it has a public address.",
        "certificate": "Where its certificate is from.",
        "router": "How requests are spread over replicas.",
        "default": "Whether services use it unless they name another.",
        "tags": "Tags for it at the provider.",
        "backend_options": "Options of single backends.",
    },
    "Profile": {
        "name": "The profile's name, for `--profile`.",
        "default": "Whether it is used when none is named.",
    },
    "Profiles": {"profiles": "The profiles."},
}


def meaning(model: type[BaseModel], key: str) -> str:
    """What `key` means in `model`: the model's own sentence, or that of the nearest it derives from.

    Raises KeyError for a key that nobody has described.
    """
    for one in model.__mro__:
        found = MEANINGS.get(one.__name__, {}).get(key)
        if found is not None:
            return found
    raise KeyError(f"{model.__name__}.{key}")
