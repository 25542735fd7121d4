"""Files of a run: sent once, the same for each attempt, and each fault with its shared."""

import os
import re

from tests.e2e.conftest import Place, until

TASK = """
type: task
name: train
backends: [local]
resources: {cpu: 1.., memory: 0.1GB..}
retry: {on_events: [error], duration: 1h}
files:
  - src
  - src/run.sh:bin/run.sh
  - notes.txt:/opt/atoll-test/notes.txt
working_dir: .
commands:
  - cat src/data bin/run.sh /opt/atoll-test/notes.txt
  - ls -A src
  - echo changed > src/data
  - test -e MARK || { touch MARK; exit 3; }
"""


def test_each_attempt_of_a_run_gets_its_files_and_the_server_is_sent_them_once(shared: Place) -> None:
    # Some seconds: a second attempt waits a moment, and each command is a process.
    source = shared.folder / "src"
    source.mkdir()
    (source / "data").write_text("the data\n")
    (source / "run.sh").write_text("the script\n")
    (source / ".env").write_text("secret")
    (source / ".gitignore").write_text(".env\n")
    (shared.folder / "notes.txt").write_text("a note\n")
    file = shared.write("train", TASK.replace("MARK", str(shared.folder / "mark")))
    shared.ok("apply", "-f", file, "-y", "-d")
    until(lambda: shared.client().run("train").status == "done", "the second attempt to succeed")
    for attempt in ("1", "2"):
        shown = shared.ok("logs", "train", "--attempt", attempt)
        assert shown == "the data\nthe script\na note\n.gitignore\ndata\nrun.sh\n"
    kept = sorted((shared.home / "archives" / "main").iterdir())
    assert len(kept) == 3
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    assert "nothing to change" in shared.ok("apply", "-f", file, "-y")
    (shared.folder / "notes.txt").write_text("another note\n")
    shown = shared.ok("plan", "-f", file)
    line = next(line for line in shown.splitlines() if "files:" in line)
    target = re.escape("notes.txt:/opt/atoll-test/notes.txt")
    assert re.search(rf"files: {target} \(\w{{8}}\) → {target} \(\w{{8}}\)", line), line
    assert sorted((shared.home / "archives" / "main").iterdir()) == kept, "a plan sends nothing"


def test_what_cannot_be_sent_is_refused_with_its_place(shared: Place) -> None:
    (shared.folder / "out").mkdir()
    (shared.folder / "out" / "link").symlink_to("/etc/hostname")
    os.truncate(os.open(shared.folder / "large", os.O_CREAT | os.O_RDWR), 129 << 20)
    file = shared.write("bad", "type: task\ncommands: [true]\nfiles:\n- none\n- out\n- large\n- ../x:x\n- a:../b\n")
    done = shared("validate", file)
    assert done.returncode == 1
    for line, code, words in (
        (4, "missing-file", "there is no `none`"),
        (5, "link-outside", "`out/link` is a link to `/etc/hostname`"),
        (6, "file-too-large", "`large` has 129 MiB"),
        (7, "missing-file", "there is no `../x`"),
        (8, "wrong-value", "`../b` leads out of the job's folder"),
    ):
        [found] = [each for each in done.stdout.split("\n\n") if f"bad.atoll.yml:{line}:" in each and code in each]
        assert words in found
    refused = shared("apply", "-f", file, "-y")
    assert (refused.returncode, "there is no `none`" in refused.stderr) == (1, True)
