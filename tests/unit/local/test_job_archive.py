from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from airflow_provider_pai.local.running.archive import BadArchive, Limits, unpack


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def archive(folder: Path, *members: tarfile.TarInfo) -> Path:
    path = folder / "source.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for info in members:
            info.size = 4 if info.type == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(b"text"))
    return path


@pytest.mark.parametrize(
    "members",
    [
        [member("../evil")],
        [member("/evil")],
        [member("a/../../evil")],
        [member("pipe", tarfile.FIFOTYPE)],
        [member("device", tarfile.CHRTYPE)],
        [member("link", tarfile.SYMTYPE, "/etc/passwd")],
        [member("link", tarfile.SYMTYPE, "../outside")],
        [member("a/link", tarfile.SYMTYPE, "b/../../../outside")],
        [member("link", tarfile.SYMTYPE, "."), member("link/file")],
        [member("link/file"), member("link", tarfile.SYMTYPE, "elsewhere")],
        [member("./here", tarfile.SYMTYPE, "."), member("out", tarfile.SYMTYPE, "here/x")],
        [member("out", tarfile.SYMTYPE, "here/../x"), member("here", tarfile.SYMTYPE, "a/b")],
        [member("hard", tarfile.LNKTYPE, "/etc/passwd")],
        [member("hard", tarfile.LNKTYPE, "../outside")],
        [member("a/b/soft", tarfile.SYMTYPE, "../../c"), member("hard", tarfile.LNKTYPE, "a/b/soft")],
    ],
)
def test_members_that_could_reach_outside_are_refused_and_nothing_is_unpacked(
    tmp_path: Path, members: list[tarfile.TarInfo]
) -> None:
    folder = tmp_path / "in" / "folder"
    folder.mkdir(parents=True)
    with pytest.raises(BadArchive):
        unpack(archive(tmp_path, member("harmless"), *members), folder)
    assert list(folder.iterdir()) == []
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "in", "source.tar.gz"]


def test_files_folders_and_links_inside_are_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    good = [
        member("./a/b.txt"),
        member("a/soft", tarfile.SYMTYPE, "b.txt"),
        member("c/up", tarfile.SYMTYPE, "../a/b.txt"),
        member("hard", tarfile.LNKTYPE, "./a/b.txt"),
        member("empty", tarfile.DIRTYPE),
    ]
    unpack(archive(tmp_path, *good), folder)
    assert {(folder / name).read_text() for name in ("a/b.txt", "a/soft", "c/up", "hard")} == {"text"}
    assert (folder / "empty").is_dir()


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, member("a"), member("b"))
    content = path.read_bytes()
    for damaged in (b"", b"text", content[: len(content) // 2], content[:20] + b"\0" * 9 + content[29:]):
        path.write_bytes(damaged)
        with pytest.raises(BadArchive):
            unpack(path, tmp_path)


@pytest.mark.parametrize(
    ("members", "limits", "why"),
    [
        ([member(f"f{number}") for number in range(4)], Limits(members=3), "more than 3 members"),
        ([member("a/" * 3000 + "f")], Limits(), "more than 100 folders deep"),
        ([member("/".join(["d"] * depth), tarfile.DIRTYPE) for depth in range(1, 150)], Limits(), "folders deep"),
        ([member("a"), member("b")], Limits(size=7), "larger than 7 bytes when it is unpacked"),
    ],
)
def test_an_archive_that_is_too_much_is_refused_before_anything_is_unpacked(
    tmp_path: Path, members: list[tarfile.TarInfo], limits: Limits, why: str
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(BadArchive, match=why):
        unpack(archive(tmp_path, *members), folder, limits=limits)
    assert list(folder.iterdir()) == []


def test_a_job_that_is_to_end_gives_up_unpacking(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    answers = iter([False] * 12)
    unpack(archive(tmp_path, *[member(f"f{n}") for n in range(10)]), folder, lambda: next(answers, True))
    assert len(list(folder.iterdir())) == 2
