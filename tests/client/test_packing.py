"""What an entry of `files` becomes: the same archive of the same content, and what is left out or refused."""

import io
import os
import socket
import tarfile
from pathlib import Path

import pytest

from atoll.client import packing
from atoll.client.packing import PackError, digest_of, pack, survey


def names(root: Path) -> list[str]:
    return [member.name for member in survey(root, "x")]


def written(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_same_content_gives_the_same_digest_wherever_and_whenever(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a", b="2", a="1"), written(tmp_path / "elsewhere", a="1", b="2")
    os.utime(second / "a", (1, 1))
    assert digest_of(survey(first, "x"), "x") == digest_of(survey(second, "y"), "y")
    (second / "a").chmod(0o755)
    assert digest_of(survey(first, "x"), "x") != digest_of(survey(second, "y"), "y")


def test_an_archive_keeps_permissions_and_links_but_no_times_and_owners(tmp_path: Path) -> None:
    root = written(tmp_path / "a", run="1", sub__data="2")
    (root / "run").chmod(0o750)
    (root / "link").symlink_to("sub/data")
    file = io.BytesIO()
    pack(survey(root, "x"), file, "x")
    file.seek(0)
    with tarfile.open(fileobj=file) as tar:
        members = {one.name: one for one in tar}
        assert [*members] == [".", "link", "run", "sub", "sub/data"]
        assert (members["run"].mode, members["link"].linkname) == (0o750, "sub/data")
        assert {(one.mtime, one.uid, one.gid, one.uname) for one in members.values()} == {(946_684_800, 0, 0, "")}


def test_a_file_alone_is_the_entry_itself(tmp_path: Path) -> None:
    written(tmp_path, a="1", b="1")
    assert names(tmp_path / "a") == ["."]
    assert digest_of(survey(tmp_path / "a", "a"), "a") == digest_of(survey(tmp_path / "b", "b"), "b")


def test_ignore_files_of_every_folder_hold_below_it_and_the_nearest_decides(tmp_path: Path) -> None:
    root = written(tmp_path, a__log="", a__keep__log="", b__log="", b__x="", build__y="", c__build="", **{"z.tmp": ""})
    written(
        root, **{".gitignore": "log\n/build/\n*.tmp\n", ".dstackignore": "!z.tmp\n", "a__keep__.gitignore": "!log\n"}
    )
    written(root, **{"b__.atollignore": "x\n", ".git__config": "token"})
    assert names(root) == [
        *(".", ".dstackignore", ".gitignore", "a", "a/keep", "a/keep/.gitignore", "a/keep/log"),
        *("b", "b/.atollignore", "c", "c/build", "z.tmp"),
    ]


def test_an_entry_that_is_named_is_taken_although_the_folder_above_ignores_it(tmp_path: Path) -> None:
    written(tmp_path, **{".gitignore": "*\n", "data__x": "1"})
    assert names(tmp_path / "data") == [".", "x"]


@pytest.mark.parametrize("target", ["/etc/hostname", "../../other", "../sub/../../other"])
def test_a_link_that_leads_outside_is_refused(tmp_path: Path, target: str) -> None:
    root = written(tmp_path / "a", sub__x="")
    (root / "sub" / "link").symlink_to(target)
    with pytest.raises(PackError, match=r"`x/sub/link` is a link to .* outside") as refused:
        survey(root, "x")
    assert refused.value.code == "link-outside"


def test_what_cannot_be_packed_has_its_own_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PackError, match="there is no `x`") as missing:
        survey(tmp_path / "none", "x")
    root = written(tmp_path / "a", one="1" * 600, two="2")
    monkeypatch.setattr(packing, "ARCHIVE_MEMBERS", 2)
    with pytest.raises(PackError, match="`x` has more than 2 files") as many:
        survey(root, "x")
    monkeypatch.setattr(packing, "ARCHIVE_MEMBERS", 9)
    monkeypatch.setattr(packing, "ARCHIVE_BYTES", 512)
    with pytest.raises(PackError, match="an entry of `files` has at most") as large:
        survey(root, "x")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "s"))
        with pytest.raises(PackError, match="`x/s` is a socket") as odd:
            survey(root, "x")
    codes = [each.value.code for each in (missing, many, large, odd)]
    assert codes == ["missing-file", "file-too-large", "file-too-large", "unreadable-file"]
    (root / "s").unlink()
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may read everything
    with pytest.raises(PackError, match="cannot be read: you may not"):
        survey(root, "x")


def test_a_file_that_shrinks_between_the_survey_and_the_packing_is_refused(tmp_path: Path) -> None:
    members = survey(written(tmp_path / "a", one="12345"), "x")
    (tmp_path / "a" / "one").write_text("1")
    with pytest.raises(PackError, match="`x` cannot be"):
        digest_of(members, "x")
