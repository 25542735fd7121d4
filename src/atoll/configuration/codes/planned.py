"""The codes that only the server can find: it knows the backends, the zones as they are now, and what exists.

The engine makes these diagnostics; the registry explains them. Their examples use the `local` backend, which everybody
has, and `fake`, the scripted one, for worlds that a laptop does not offer.
"""

from atoll.configuration.codes.code import Code

_LOCAL = "type: fleet\nname: train\nnodes: 1\nbackends: [local]\n"
_FAKE = _LOCAL.replace("[local]", "[fake]")
_TASK = "type: task\nname: evaluate\ncommands: [./evaluate.sh]\n"
_VOLUME = "type: volume\nname: data\nbackend: local\navailability_zone: local-a\nsize: 1GB\n"

PLANNED = (
    Code(
        "host-unusable",
        "A host that cannot be used",
        "The server connects to each host of `ssh_config` before anything is stored; the message says what is in "
        "the way: the address, the port, the user, the key, a host key that changed, no Python, another owner.",
        "type: fleet\nname: rack\nssh_config:\n  user: root\n  port: 1\n  hosts: [127.0.0.1]\n",
        _LOCAL,
        planned=True,
        given="nothing listens at port 1",
    ),
    Code(
        "disk-unusable",
        "An existing disk that cannot be used",
        "The disk of `volume_id` is looked up before anything is stored; the message says what is in the way: no such "
        "disk, another zone or size than the file says, an instance that has it, another volume that registers it.",
        "type: volume\nname: data\nbackend: local\nvolume_id: nothing\n",
        _VOLUME,
        planned=True,
        given="the backend has no disk of this id",
    ),
    Code(
        "not-opted-in",
        "A zone that the account has not opted into",
        "Providers list Local and Wavelength Zones, but refuse all work there until the account opts into the zone "
        "group. Opt in at the provider, or name other zones.",
        _FAKE + "availability_zones: [fake-1a, fake-1c]\n",
        _FAKE + "availability_zones: [fake-1a]\n",
        warning=True,
        planned=True,
        given="the account has not opted into `fake-1c`",
    ),
    Code(
        "zone-impaired",
        "A zone with trouble",
        "The provider says that the zone is impaired, or it has been failed by hand. It gets no work until it is well.",
        _LOCAL + "availability_zones: [local-b, local-c]\n",
        _LOCAL + "availability_zones: [local-b]\n",
        warning=True,
        planned=True,
        given="after `atoll zone fail local-c`",
    ),
    Code(
        "zone-drained",
        "A zone out of service",
        "Somebody has taken the zone out of service for a while; the message says why, and until when where that is "
        "known.",
        _FAKE + "availability_zones: [fake-1a, fake-1b]\n",
        _FAKE + "availability_zones: [fake-1a]\n",
        warning=True,
        planned=True,
        given="`fake-1b` is drained",
    ),
    Code(
        "zone-closed",
        "A closed zone",
        "An operator closed the zone for a time (`atoll zone cordon`); the message names the reason, the user and the "
        "end. `atoll zone open` ends it earlier.",
        _LOCAL + "availability_zones: [local-b, local-c]\n",
        _LOCAL + "availability_zones: [local-b]\n",
        warning=True,
        planned=True,
        given="after `atoll zone cordon local-c --reason patch`",
    ),
    Code(
        "type-not-offered",
        "An instance type that the zone does not offer",
        "No allowed zone offers any of the `instance_types`; us-east-1e of AWS is the classic. The plan beside it "
        "says what would fit; a run may still use an instance that exists.",
        _FAKE + "instance_types: [f.16x64]\navailability_zones: [fake-1a]\n",
        _FAKE + "instance_types: [f.8x32]\navailability_zones: [fake-1a]\n",
        warning=True,
        planned=True,
        given="`fake-1a` does not offer `f.16x64`",
    ),
    Code(
        "unknown-instance-type",
        "No such instance type",
        "No allowed backend offers an instance type of this name in the allowed regions: most likely the "
        "name is misspelled.",
        _LOCAL + "instance_types: [local.4x15]\n",
        _LOCAL + "instance_types: [local.4x16]\n",
        warning=True,
        planned=True,
        given="the types are `local.2x8`, `local.4x16`, `local.8x32`",
    ),
    Code(
        "backend-without-zones",
        "A zone filter on a backend without zones",
        "The backend has regions only, so a filter that names zones leaves all its offers out. Name its regions beside "
        "the zones to keep them. A filter that only excludes keeps them.",
        "type: fleet\nname: train\nnodes: 1\nbackends: [local, fake]\navailability_zones: [local-a]\n",
        "type: fleet\nname: train\nnodes: 1\nbackends: [local, fake]\navailability_zones: [local-a, fake-1]\n",
        warning=True,
        planned=True,
        given="`fake` has a region `fake-1` and no zones",
    ),
    Code(
        "unknown-backend",
        "A backend that is not configured",
        "The server has no such backend; `atoll server status` shows those that it has. `atoll validate` knows every "
        "backend by name. It is a warning where other "
        "backends of the document are configured.",
        _LOCAL.replace("[local]", "[aws]"),
        _LOCAL,
        planned=True,
        given="the server has the backend `local`",
    ),
    Code(
        "unknown-volume",
        "No such volume",
        "The run mounts a volume that neither exists nor is in the same submission. It is a warning where the mount "
        "lists other volumes that exist.",
        _TASK + 'volumes: ["dta:/data"]\n',
        _VOLUME.replace("name: data", "name: dta") + "---\n" + _TASK + 'volumes: ["dta:/data"]\n',
        planned=True,
        given="there is no volume `dta` yet",
    ),
    Code(
        "unknown-fleet",
        "No such fleet",
        "`fleets` names a fleet that neither exists nor is in the same submission.",
        _TASK + "fleets: [trian]\n",
        _LOCAL + "---\n" + _TASK + "fleets: [train]\n",
        planned=True,
        given="there is no fleet `trian`",
    ),
    Code(
        "fleet-of-another-project",
        "A fleet that belongs to another project",
        "`fleets` names a fleet as `project/name`, and the project is not the run's own. Runs use the machines of "
        "their own project; `name` alone means a fleet of it, and so does its name written out.",
        _LOCAL + "---\n" + _TASK + "fleets: [research/train]\n",
        _LOCAL + "---\n" + _TASK + "fleets: [main/train]\n",
        planned=True,
        given="the run is applied in the project `main`",
    ),
    Code(
        "unknown-secret",
        "No such secret",
        "A variable refers to `${{ secrets.NAME }}`, and the project has no secret of this name. `atoll secret list` "
        "shows the names; a manager of the project sets one with `atoll secret set NAME`.",
        _TASK + "env:\n  TOKEN: ${{ secrets.TOKN }}\n",
        _TASK + "env:\n  TOKEN: ${{ secrets.TOKEN }}\n",
        planned=True,
        given="the project has the secret `TOKEN`",
    ),
    Code(
        "not-supported",
        "The backend or this release cannot do this",
        "The document requires something that its backend does not have, such as volumes, or something that needs "
        "a later release: applying it without would do something else than the file says.",
        _VOLUME.replace("backend: local\navailability_zone: local-a", "backend: fake"),
        _VOLUME,
        planned=True,
        given="`fake` has no volumes",
    ),
    Code(
        "volume-immutable",
        "A volume cannot be changed so",
        "The zone, backend and region of a volume that exists are fixed, and its size cannot shrink. Make a new volume "
        "and copy the data, or delete this one first.",
        _VOLUME.replace("name: data", "name: kept").replace("local-a", "local-b"),
        _VOLUME.replace("name: data", "name: kept"),
        planned=True,
        given="the volume `kept` exists in `local-a`",
    ),
    Code(
        "volume-failed",
        "The volume has no disk",
        "The provider refused to create the volume's disk, or the disk is gone. A refused disk is created when "
        "the volume's file is applied again; a lost one does not come back: delete the volume to use its name again.",
        _TASK + 'volumes: ["broken:/data"]\n',
        _TASK,
        planned=True,
        given="the provider refused to create the disk of `broken`",
    ),
    Code(
        "being-deleted",
        "The name is still taken",
        "The fleet or volume of this name is being deleted, and its name is free once that is done. Run the command "
        "again then, or choose another name.",
        _FAKE.replace("name: train", "name: leaving"),
        _FAKE.replace("name: train", "name: coming"),
        planned=True,
        given="after `atoll delete fleet leaving`, while its instances end",
    ),
    Code(
        "fleet-without-nodes",
        "A fleet that can never have a node",
        "A new fleet with `nodes: 0` would never have a machine. Give it nodes, or a range such as `0..4`: it grows "
        "when runs need it. A fleet that exists can be scaled to 0.",
        _FAKE.replace("nodes: 1", "nodes: 0").replace("name: train", "name: empty"),
        _FAKE.replace("nodes: 1", "nodes: 0..4").replace("name: train", "name: empty"),
        planned=True,
        given="there is no fleet `empty`",
    ),
)
