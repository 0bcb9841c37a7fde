from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_pai.client.packaging.source import (
    LARGE,
    read_source,
    source_problems,
    source_requirements,
)
from airflow_provider_pai.errors import PAIError
from tests.support.source_code import archive, digest, only_problem, write


@contextmanager
def opened(folder: Path) -> Iterator[tarfile.TarFile]:
    with read_source(str(folder)).packed() as (content, _), tarfile.open(fileobj=content, mode="r:gz") as files:
        yield files


def unpacked(folder: Path) -> dict[str, str]:
    """Text of each packed file by its name."""
    with opened(folder) as files:
        members = files.getmembers()
        assert all(member.isreg() or member.isdir() for member in members)
        return {member.name: read(files, member) for member in members if member.isreg()}


def read(files: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = files.extractfile(member)
    assert file is not None
    return file.read().decode()


def test_a_folders_files_lie_at_the_archives_root(folder: Path) -> None:
    assert unpacked(folder) == {
        "train.py": "print('training')\n",
        "package/__init__.py": "",
        "package/model.py": "x = 1\n",
    }


def test_a_relative_folder_is_packed_like_an_absolute_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absolute = digest(folder)
    monkeypatch.chdir(folder.parent)
    assert digest(Path("source")) == digest(Path("./source/")) == digest(Path("source/package/..")) == absolute


def test_the_same_files_give_the_same_bytes_whenever_they_changed(folder: Path) -> None:
    before = archive(folder)
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))
    assert archive(folder) == before


def test_what_others_may_do_with_a_file_does_not_matter(folder: Path) -> None:
    (folder / "train.py").chmod(0o644)
    before = archive(folder)
    (folder / "train.py").chmod(0o600)
    assert archive(folder) == before


def test_whether_its_owner_may_run_a_file_matters(folder: Path) -> None:
    before = digest(folder)
    (folder / "train.py").chmod(0o744)
    assert digest(folder) != before
    with opened(folder) as files:
        assert {member.name: member.mode for member in files}["train.py"] == 0o755


def test_the_order_in_which_files_were_made_does_not_matter(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for path in sorted((path for path in folder.rglob("*") if path.is_file()), reverse=True):
        write(copy / path.relative_to(folder), path.read_text())
    assert archive(copy) == archive(folder)


def test_files_lie_in_the_archive_in_the_order_of_their_names(folder: Path) -> None:
    for number in range(30):
        write(folder / f"{number * 7 % 30:02}.py")
    names = list(unpacked(folder))
    assert names == sorted(names)


def test_an_archive_has_no_owner_and_no_time(folder: Path) -> None:
    with opened(folder) as files:
        owners = {(member.uid, member.gid, member.uname, member.gname, member.mtime) for member in files}
    assert owners == {(0, 0, "", "", 0)}
    # The time in gzip's own header.
    assert archive(folder)[4:8] == bytes(4)


def test_a_change_of_content_or_name_changes_the_digest(folder: Path) -> None:
    digests = {digest(folder)}
    write(folder / "train.py", "print('other')\n")
    digests.add(digest(folder))
    (folder / "train.py").rename(folder / "other.py")
    digests.add(digest(folder))
    write(folder / "empty.txt", "")
    digests.add(digest(folder))
    assert len(digests) == 4


def test_hidden_files_are_source_code(folder: Path) -> None:
    write(folder / ".config" / "model.yaml")
    write(folder / ".netrc.example")
    assert {".config/model.yaml", ".netrc.example"} <= set(unpacked(folder))


@pytest.mark.parametrize("name", ["ü b.txt", "训练.py", "a" * 150 + ".py", "x'y\"z$.py", "new\nline.py"])
def test_a_name_of_any_alphabet_and_length_is_kept(folder: Path, name: str) -> None:
    write(folder / "deep" / name, name)
    assert unpacked(folder)[f"deep/{name}"] == name


def test_a_big_file_is_packed_whole(folder: Path) -> None:
    content = os.urandom(1 << 20) * 12
    (folder / "weights.bin").write_bytes(content)
    with opened(folder) as files:
        file = files.extractfile("weights.bin")
        assert file is not None
        assert file.read() == content


def test_a_link_to_a_file_inside_counts_as_that_file(folder: Path) -> None:
    (folder / "link.py").symlink_to("package/model.py")
    assert unpacked(folder)["link.py"] == "x = 1\n"


def test_a_link_to_a_folder_inside_counts_as_that_folder(folder: Path) -> None:
    (folder / "alias").symlink_to("package", target_is_directory=True)
    assert unpacked(folder)["alias/model.py"] == "x = 1\n"


def test_the_source_folder_may_be_a_link_itself(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    assert digest(tmp_path / "link") == digest(folder)
    assert source_problems(str(tmp_path / "link")) == []


@pytest.mark.parametrize("target", ["../secret.txt", "/etc/hostname", "../sibling", "../nowhere"])
@pytest.mark.parametrize("place", ["link", "package/link", "package/zzz"])
def test_a_link_that_leads_out_is_refused_and_named(folder: Path, tmp_path: Path, target: str, place: str) -> None:
    write(tmp_path / "secret.txt")
    write(tmp_path / "sibling" / "x")
    link = folder / place
    link.symlink_to(os.path.relpath(tmp_path / target[3:], link.parent) if target.startswith("..") else target)
    assert f": the symbolic link {place} leads out of the folder; copy the file in" in only_problem(folder)
    with pytest.raises(ValueError, match=place):
        read_source(str(folder))


def test_a_folder_with_the_same_prefix_is_not_inside(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "source-secret" / "x")
    (folder / "link").symlink_to("../source-secret")
    assert "leads out" in only_problem(folder)


def test_a_link_in_an_ignored_folder_may_lead_anywhere(folder: Path) -> None:
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").symlink_to("/usr/bin/env")
    assert source_problems(str(folder)) == []


@pytest.mark.parametrize("target", [".", "..", "../package"])
def test_links_in_a_circle_are_refused_and_do_not_hang(folder: Path, target: str) -> None:
    (folder / "package" / "loop").symlink_to(target, target_is_directory=True)
    assert "package/loop leads to a folder that holds it" in only_problem(folder)


def test_a_link_to_itself_or_to_nothing_inside_is_left_out(folder: Path) -> None:
    # Editors leave such links beside files that are being edited.
    before = archive(folder)
    (folder / ".#train.py").symlink_to("me@host.1234:5678")
    (folder / "self").symlink_to("self")
    assert source_problems(str(folder)) == []
    assert archive(folder) == before


def test_a_pipe_alone_is_no_source_code(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "train.py")
    os.mkfifo(tmp_path / "requirements.txt")
    assert "has no files" in only_problem(tmp_path)
    assert source_requirements(str(tmp_path)) == ()


def test_a_good_folder_has_no_problems(folder: Path) -> None:
    assert source_problems(str(folder)) == []


@pytest.mark.parametrize("source_dir", [None, "", "oss://bucket/source/"])
def test_without_a_local_folder_there_is_nothing_to_say(source_dir: str | None) -> None:
    assert source_problems(source_dir) == []
    assert source_requirements(source_dir) == ()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    problem = only_problem(tmp_path / "nowhere")
    assert "does not exist on this worker; give an absolute path or an oss:// URI" in problem


def test_a_file_is_packed_alone_under_its_name(folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    write(alone / "train.py", "print('training')\n")
    assert unpacked(folder / "train.py") == {"train.py": "print('training')\n"}
    assert archive(folder / "train.py") == archive(alone)
    assert source_problems(str(folder / "train.py")) == []
    assert source_requirements(str(folder / "train.py")) == ()


def test_a_link_to_a_file_is_packed_under_its_own_name(folder: Path, tmp_path: Path) -> None:
    # It was named itself, so nothing leads anywhere unseen.
    (tmp_path / "latest.py").symlink_to(folder / "train.py")
    assert unpacked(tmp_path / "latest.py") == {"latest.py": "print('training')\n"}


@pytest.mark.parametrize("special", [os.mkfifo, lambda path: path.symlink_to("/dev/null")], ids=["pipe", "device"])
def test_what_is_neither_a_file_nor_a_folder_is_no_source_code(tmp_path: Path, special: Callable[[Path], None]) -> None:
    special(tmp_path / "train.py")
    assert "is neither a file nor a folder; give the folder that holds the script" in only_problem(
        tmp_path / "train.py"
    )
    with pytest.raises(FileNotFoundError):
        read_source(str(tmp_path / "train.py"))


@pytest.mark.parametrize("contents", [[], ["__pycache__/x.py"], ["a.pyc"], [".git/config"]], ids=str)
def test_a_folder_without_source_code_has_no_files(tmp_path: Path, contents: list[str]) -> None:
    for name in contents:
        write(tmp_path / name)
    (tmp_path / "empty").mkdir()
    words = "has no files but such as are left out" if contents else "has no files; give the folder"
    assert words in only_problem(tmp_path)


@pytest.mark.parametrize("source_dir", ["x" * 5000, "x" * 300, "a/\0b"], ids=["long path", "long name", "NUL"])
def test_a_path_that_cannot_be_is_a_problem_and_no_crash(source_dir: str) -> None:
    only_problem(source_dir)


FILES = st.dictionaries(
    st.sampled_from(["train.py", "é.py", "a/x", "a/b/x", "a b", "z" * 200, "data/1"]),
    st.tuples(st.binary(max_size=5), st.booleans()),
    min_size=1,
)


@settings(deadline=None)
@given(FILES, FILES, st.randoms(use_true_random=False))
def test_archives_are_equal_when_names_contents_and_executable_bits_are(
    tmp_path_factory: pytest.TempPathFactory,
    one: dict[str, tuple[bytes, bool]],
    two: dict[str, tuple[bytes, bool]],
    random: Random,
) -> None:
    shuffled = list(one.items())
    random.shuffle(shuffled)
    first, again, other = (tmp_path_factory.mktemp(name) for name in ("first", "again", "other"))
    for folder, files, others in ((first, one, 0), (again, dict(shuffled), 0o55), (other, two, 0)):
        for name, (content, executable) in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod((0o700 if executable else 0o600) | others)
            os.utime(path, (random.randrange(1 << 30),) * 2)
    assert archive(first) == archive(again)
    assert (archive(first) == archive(other)) == (one == two)


@pytest.mark.parametrize("name", [b"caf\xe9.txt", "训练/".encode() + b"\xff" * 120, b"x" * 250, b"d/" * 200 + b"x"])
def test_a_name_comes_out_of_the_archive_byte_by_byte(folder: Path, tmp_path: Path, name: bytes) -> None:
    write(folder / os.fsdecode(name))
    target = tmp_path / "unpacked"
    with opened(folder) as files:
        # Python 3.11.2, which is Debian's, has no such argument; 3.12 warns without it.
        files.extractall(target, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    assert (target / os.fsdecode(name)).is_file()


def test_a_package_has_its_sizes(folder: Path) -> None:
    write(folder / "notes.txt", "x" * 1_000_000)
    source = read_source(str(folder))
    assert str(source) == "4 file(s), 1,000,024 bytes"
    assert {file.name: size for file, size in zip(source.files, source.sizes, strict=True)} == {
        "notes.txt": 1_000_000,
        "train.py": 18,
        "package/__init__.py": 0,
        "package/model.py": 6,
    }
    with source.packed() as (_, size):
        assert size < 10_000
        assert source.hints(size) == []


def test_a_large_package_names_its_largest_files(folder: Path) -> None:
    for number in range(1, 8):
        write(folder / f"weights {number}", "x" * number * 1000)
    source = read_source(str(folder))
    (hint,) = source.hints(LARGE)
    assert source.hints(LARGE - 1) == []
    assert hint == (
        "The source code is large; a file .paiignore can leave out the largest: 'weights 7' (7,000 bytes), "
        "'weights 6' (6,000 bytes), 'weights 5' (5,000 bytes), 'weights 4' (4,000 bytes), 'weights 3' (3,000 bytes)"
    )


def test_what_can_not_be_packed_is_named(folder: Path) -> None:
    os.mkfifo(folder / "package" / "pipe")
    (folder / ".#train.py").symlink_to("me@host.1234:5678")
    assert read_source(str(folder)).hints(0) == [
        "Not packed, for they are neither files nor folders: '.#train.py', 'package/pipe'"
    ]


def test_a_file_that_changes_after_it_was_read_is_noticed(folder: Path) -> None:
    source = read_source(str(folder))
    status = (folder / "train.py").stat()
    write(folder / "train.py", "print('TRAINING')\n")
    # Its size and time tell nothing.
    os.utime(folder / "train.py", ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(PAIError, match=rf"a file of {folder} changed while it was packed"), source.packed():
        pass


def test_reading_ends_when_its_check_raises(folder: Path) -> None:
    def check() -> None:
        raise PAIError("enough")

    with pytest.raises(PAIError, match="enough"):
        read_source(str(folder), check)


def test_an_empty_folder_is_kept(folder: Path) -> None:
    (folder / "cache" / "deep").mkdir(parents=True)
    (folder / "logs").mkdir()
    (folder / "logs" / "old.log").write_text("x")
    (folder / "__pycache__").mkdir()
    (folder / ".paiignore").write_text("*.log\n")
    with read_source(str(folder)).packed() as (content, _), tarfile.open(fileobj=content, mode="r:gz") as files:
        made = [member.name for member in files.getmembers() if member.isdir()]
    assert made == ["cache/deep", "logs"]


def test_an_empty_folder_more_is_another_archive(folder: Path) -> None:
    before = read_source(str(folder)).digest
    (folder / "checkpoints").mkdir()
    assert read_source(str(folder)).digest != before


@pytest.mark.parametrize("name", ["code.tar.gz", "code.TGZ", "code.zip", "code.tar"])
def test_an_archive_is_refused_with_advice(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    (problem,) = source_problems(str(tmp_path / name))
    assert problem.argument == "source_dir"
    assert "is an archive" in str(problem)
    assert "give the folder, or upload it and give its oss:// URI" in str(problem)
