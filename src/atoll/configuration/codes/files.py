"""The codes of configuration files, which are found without a server."""

from atoll.configuration.codes.code import Code

_FLEET = "type: fleet\nname: train\n"
_AWS = _FLEET + "nodes: 2\nbackends: [aws]\n"
_EAST = _AWS + "regions: [us-east-1]\n"
_TASK = "type: task\nname: train\n"
_RUN = _TASK + "commands: [./train.sh]\n"
_VOLUME = "type: volume\nname: data\nbackend: aws\nregion: us-east-1\nsize: 100GB\n"
_BESIDE = "availability_zone: us-east-1b\n---\n"
_MORE = _VOLUME.replace("name: data", "name: more")
_MOUNTS = _RUN + 'volumes: ["data:/data"]\n'
_BOTH = 'volumes: ["data:/data", "more:/more"]\n'
_EITHER = "volumes: [{name: [data, more], path: /data}]\n"
_IN_A = "backends: [aws]\navailability_zones: [us-east-1a]\n"

FILES = (
    Code(
        "missing-file",
        "There is no such file",
        "A path given to the command, or an entry of `files`, leads nowhere. Nothing was sent.",
    ),
    Code(
        "unreadable-file",
        "The file cannot be read",
        "The file is not text in UTF-8, is a folder where a file is needed, or may not be read by you. An entry of "
        "`files` holds files, folders and links alone, all of which you may read.",
    ),
    Code("empty-file", "The file is empty", "A file holds at least one document with a `type`.", "# later\n", _RUN),
    Code(
        "not-yaml",
        "The text is not YAML",
        "Quotes, brackets or indentation do not match, a tab indents a line, or a text begins with a character that "
        "means something in YAML: an exclusion such as `!us-east-1e` must stand in quotes.",
        _AWS + "availability_zones: [!us-east-1e]\n",
        _AWS + 'availability_zones: ["!us-east-1e"]\n',
    ),
    Code(
        "file-too-large",
        "The file is too large",
        "A configuration may have 1 MiB, and each of its documents 20,000 values. Data and scripts "
        "belong into files of their own. An entry of `files` may have 128 MiB and 20,000 files: `.gitignore`, "
        "`.dstackignore` and `.atollignore` leave parts of it out, and large data belongs on a volume.",
    ),
    Code(
        "link-outside",
        "A link leads out of the folder",
        "An entry of `files` is copied as it is. A symbolic link in it leads to a place outside, which the job does "
        "not have. List that place as an entry of its own, or leave the link out with `.dstackignore`.",
    ),
    Code(
        "unsent-files",
        "The content of files was not sent",
        "An entry of `files` needs its content, which `atoll plan` and `atoll apply` send. What was submitted "
        "has none.",
    ),
    Code(
        "too-deep",
        "The file is nested too deeply",
        "A configuration may have 50 levels, and its aliases may add 10,000 values.",
        _FLEET + "nodes: 1\nresources: " + "[" * 51 + "]" * 51 + "\n",
        _FLEET + "nodes: 1\nresources: {cpu: 4}\n",
    ),
)

SHAPE = (
    Code(
        "unknown-type",
        "No such type",
        "`type` is one of `fleet`, `volume`, `task`, `service`, `dev-environment`, `gateway`, `preset`.",
        "type: flet\nnodes: 1\n",
        "type: fleet\nnodes: 1\n",
    ),
    Code(
        "unknown-key",
        "No such key",
        "The key is none of this place; it is mostly misspelled or indented wrongly. Nothing is ignored in silence.",
        _FLEET + "nodez: 2\n",
        _FLEET + "nodes: 2\n",
    ),
    Code(
        "wrong-type",
        "A value of another kind",
        "The key takes another kind of value: a list where there is text, text where there is a number.",
        _TASK + "commands: ./train.sh\n",
        _RUN,
    ),
    Code(
        "wrong-value",
        "A value that is not possible",
        "The value is of the right kind, but none that the key can have. The message says what is expected.",
        _FLEET + "nodes: 2\nmax_price: -1\n",
        _FLEET + "nodes: 2\nmax_price: 1\n",
    ),
    Code(
        "missing-key",
        "A key is missing",
        "The document cannot mean anything without this key.",
        _TASK,
        _RUN,
    ),
    Code(
        "duplicate-key",
        "A key is set twice",
        "YAML readers differ in which of the two they take, so neither is taken.",
        _FLEET + "nodes: 2\nnodes: 3\n",
        _FLEET + "nodes: 3\n",
    ),
    Code(
        "duplicate-name",
        "Two documents have one name",
        "Names are unique among the fleets, the volumes, the runs and the gateways of a submission.",
        _RUN + "---\n" + _RUN,
        _RUN + "---\n" + _RUN.replace("name: train", "name: evaluate"),
    ),
    Code(
        "bad-name",
        "Not a name",
        "A name has small letters, digits and hyphens, begins with a letter, and has at most 41 characters.",
        "type: fleet\nname: My_Fleet\nnodes: 1\n",
        "type: fleet\nname: my-fleet\nnodes: 1\n",
    ),
    Code(
        "unset-variable",
        "A variable has no value",
        "`env` names a variable without a value, so its value is taken from where the command runs; there is none. "
        "`atoll plan` and `atoll apply` refuse it.",
        _RUN + "env: [ATOLL_EXAMPLE_UNSET]\n",
        _RUN + "env: [ATOLL_EXAMPLE_UNSET=1]\n",
        warning=True,
    ),
    Code(
        "duplicate-mount",
        "Two mounts at one path",
        "Only one of the two would be seen.",
        _RUN + 'volumes: ["data:/data", "more:/data"]\n',
        _RUN + 'volumes: ["data:/data", "more:/more"]\n',
    ),
    Code(
        "too-many-findings",
        "More findings than are shown",
        "A hundred findings are shown, errors first; no further document is read then. It is a warning when no error "
        "is left out.",
    ),
    Code(
        "not-acted-on",
        "A key without effect",
        "The key is known and its value is checked, but this release does nothing with it. Where the key only tunes, "
        "the file works otherwise; where it needs a later release, `atoll apply` refuses it with `not-supported`.",
        _RUN + "priority: 50\n",
        _RUN,
        warning=True,
    ),
)

ZONES = (
    Code(
        "unknown-region",
        "No such region",
        "No allowed backend has a region of this name.",
        _AWS + "regions: [us-eest-1]\n",
        _AWS + "regions: [us-east-1]\n",
    ),
    Code(
        "unknown-zone",
        "No such zone",
        "No zone of the allowed backends and regions has this name or id. The zones that there are, and the nearest "
        "name, are shown.",
        _EAST + "availability_zones: [us-east-1z]\n",
        _EAST + "availability_zones: [us-east-1a]\n",
    ),
    Code(
        "zone-of-other-region",
        "A zone of another region",
        "The zone exists, but outside the document's `regions`.",
        _EAST + "availability_zones: [us-west-2a]\n",
        _AWS + "regions: [us-east-1, us-west-2]\navailability_zones: [us-west-2a]\n",
    ),
    Code(
        "zone-of-other-backend",
        "A zone of another backend",
        "The zone exists, but in a backend that the document does not allow.",
        _AWS + "availability_zones: [us-central1-a]\n",
        _FLEET + "nodes: 2\nbackends: [aws, gcp]\navailability_zones: [us-central1-a]\n",
    ),
    Code(
        "ambiguous-zone",
        "A zone's name that several places have",
        "Two backends use this name, or Azure's number stands without a region: every one of them is allowed.",
        _FLEET + "nodes: 2\nbackends: [azure]\navailability_zones: ['1']\n",
        _FLEET + "nodes: 2\nbackends: [azure]\nregions: [eastus]\navailability_zones: ['1']\n",
        warning=True,
    ),
    Code(
        "zones-all-excluded",
        "No zone is left",
        "The entries with `!` exclude every zone that the other entries allow.",
        _EAST + 'availability_zones: [us-east-1a, "!us-east-1a"]\n',
        _EAST + 'availability_zones: [us-east-1a, us-east-1b, "!us-east-1a"]\n',
    ),
    Code(
        "volume-zone",
        "A run cannot reach its volume",
        "A network volume attaches only within its own zone, and the run's `availability_zones`, `regions` or "
        "`backends` leave that zone out.",
        _VOLUME + _BESIDE + _MOUNTS + _IN_A,
        _VOLUME + _BESIDE + _MOUNTS + _IN_A.replace("1a]", "1a, us-east-1b]"),
    ),
    Code(
        "volumes-share-no-zone",
        "Volumes in different zones",
        "A node mounts several volumes, and a volume attaches only in its own zone: no zone has them all. Copy one of "
        "them to the other's zone, or mount them on different nodes.",
        _VOLUME + _BESIDE + _MORE + "availability_zone: us-east-1a\n---\n" + _RUN + _BOTH,
        _VOLUME + _BESIDE + _MORE + _BESIDE + _RUN + _BOTH,
    ),
    Code(
        "no-volume-fits",
        "None of the volumes can be used",
        "The mount lists several volumes of which one is enough, but each lies where the run may not go.",
        _VOLUME + _BESIDE + _MORE + _BESIDE + _RUN + _EITHER + _IN_A,
        _VOLUME + _BESIDE + _MORE + "availability_zone: us-east-1a\n---\n" + _RUN + _EITHER + _IN_A,
    ),
)
