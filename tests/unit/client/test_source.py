from __future__ import annotations

import gzip
import hashlib
import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_pai.client.source import (
    LARGE,
    SMALL,
    read_source,
    source_location,
    source_problems,
    source_requirements,
)
from airflow_provider_pai.errors import ConflictError, PAIError, TransportError
from airflow_provider_pai.local.gate.faults import FaultKind
from airflow_provider_pai.model.spec import CodeLocation
from airflow_provider_pai.model.uri import OssUri
from tests.unit.client.conftest import PART, PASSING, OssBench


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    write(source / "train.py", "print('training')\n")
    write(source / "package" / "__init__.py", "")
    write(source / "package" / "model.py", "x = 1\n")
    return source


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def archive(folder: Path) -> bytes:
    source = read_source(str(folder))
    with source.packed() as (packed, size):
        content = packed.read()
    assert size == len(content)
    assert source.digest == hashlib.sha256(gzip.decompress(content)).hexdigest()
    assert source.archived == len(gzip.decompress(content))
    return content


def digest(folder: Path) -> str:
    return read_source(str(folder)).digest


@contextmanager
def opened(folder: Path) -> Iterator[tarfile.TarFile]:
    with read_source(str(folder)).packed() as (content, _), tarfile.open(fileobj=content, mode="r:gz") as files:
        yield files


def unpacked(folder: Path) -> dict[str, str]:
    """Text of each packed file by its name."""
    with opened(folder) as files:
        members = files.getmembers()
        assert all(member.isreg() for member in members)
        return {member.name: read(files, member) for member in members}


def read(files: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = files.extractfile(member)
    assert file is not None
    return file.read().decode()


def only_problem(folder: Path | str) -> str:
    (problem,) = source_problems(str(folder))
    assert problem.startswith("source_dir ")
    assert repr(str(folder)) in problem
    return problem


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


def test_an_archive_names_nobody(folder: Path) -> None:
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


def test_empty_folders_change_nothing(folder: Path) -> None:
    before = archive(folder)
    (folder / "empty" / "deeper").mkdir(parents=True)
    assert archive(folder) == before


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


def test_a_folder_whose_name_begins_alike_is_not_inside(folder: Path, tmp_path: Path) -> None:
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


def test_pipes_and_sockets_are_left_out_and_do_not_hang(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(folder)
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to("pipe")
    monkeypatch.chdir(folder)
    program = (
        "from airflow_provider_pai.client.source import read_source, source_problems\n"
        "assert source_problems('.') == []\n"
        "print(read_source('.').digest)"
    )
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        # Reading a pipe would wait for ever, so it is done where it can be given up.
        answer = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True, timeout=30)
    assert answer.stdout.strip() == before


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
    assert "has no files; give the folder" in only_problem(tmp_path)


@pytest.mark.parametrize("source_dir", ["x" * 5000, "x" * 300, "a/\0b"], ids=["long path", "long name", "NUL"])
def test_a_path_that_cannot_be_is_a_problem_and_no_crash(source_dir: str) -> None:
    only_problem(source_dir)


def requirements(folder: Path, text: str | bytes, name: str = "requirements.txt") -> tuple[str, ...]:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return source_requirements(str(folder))


def test_without_a_file_there_are_no_requirements(folder: Path) -> None:
    assert source_requirements(str(folder)) == ()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ()),
        ("numpy==2.1.0\ntorch>=2", ("numpy==2.1.0", "torch>=2")),
        ("numpy\n\n  \n# all of it\n   # indented\ntorch # why\npandas\t# tab\n", ("numpy", "torch", "pandas")),
        ("pkg @ https://x.y/z.whl#sha256=0123 # why\n", ("pkg @ https://x.y/z.whl#sha256=0123",)),
        ("torch>=2; python_version < '3.13'\n", ("torch>=2; python_version < '3.13'",)),
        ("numpy \\\n  --hash=sha256:01 \\\n  --hash=x\ntorch", ("numpy   --hash=sha256:01   --hash=x", "torch")),
        ("num\\\npy\n", ("numpy",)),
        ("numpy \\", ("numpy",)),
        ("# old: \\\nnumpy\n", ("numpy",)),
        ("numpy \\\n# not torch\npandas\n", ("numpy", "pandas")),
        ("numpy\r\ntorch \\\r\n  >=2\r\n", ("numpy", "torch   >=2")),
        ("\ufeffnumpy\n", ("numpy",)),
        ("名前 @ file:///x\n", ("名前 @ file:///x",)),
        ("-i https://index/simple\nnumpy\n", ("numpy",)),
        ("--index-url=https://index\n--extra-index-url https://x\n--trusted-host x\nnumpy", ("numpy",)),
        ("--pre\n--prefer-binary # faster\nnumpy", ("numpy",)),
    ],
)
def test_requirements_are_read_as_pip_reads_them(tmp_path: Path, text: str, lines: tuple[str, ...]) -> None:
    assert requirements(tmp_path / "source", text) == lines
    assert source_problems(str(tmp_path / "source")) == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_that_powershell_wrote_is_read(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding.startswith("utf-16-") else ""
    assert requirements(tmp_path, f"{mark}numpy\r\ntorch\r\n".encode(encoding)) == ("numpy", "torch")


def test_a_file_of_another_encoding_is_named(tmp_path: Path) -> None:
    requirements(tmp_path, "numpy # für alle\n".encode("latin-1"))
    assert only_problem(tmp_path).endswith(": requirements.txt is no text in UTF-8; save it as such")


@pytest.mark.parametrize("option", ["-r ", "-r", "--requirement ", "--requirement="])
def test_an_included_file_counts_in_its_place(tmp_path: Path, option: str) -> None:
    write(tmp_path / "more" / "base.txt", "numpy\n-r deeper.txt\n")
    write(tmp_path / "more" / "deeper.txt", "pandas\n")
    assert requirements(tmp_path, f"torch\n{option}more/base.txt # why\nscipy\n") == (
        "torch",
        "numpy",
        "pandas",
        "scipy",
    )
    assert source_problems(str(tmp_path)) == []


def test_a_file_that_is_included_twice_or_by_itself_counts_once(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "numpy\n-r b.txt\n")
    write(tmp_path / "b.txt", "pandas\n-r a.txt\n-r requirements.txt\n")
    assert requirements(tmp_path, "-r a.txt\n-r b.txt\n-r ./a.txt\ntorch\n") == ("numpy", "pandas", "torch")
    assert source_problems(str(tmp_path)) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("-r ../other.txt", "requirements.txt line 2 includes a file outside the folder; copy it in"),
        ("-r /etc/hostname", "requirements.txt line 2 includes a file outside the folder; copy it in"),
        ("-r missing.txt", "requirements.txt line 2 includes missing.txt, which does not exist; create it"),
        ("-e .", "requirements.txt line 2: PAI takes requirement lines, not pip's option -e; remove it"),
        ("-c constraints.txt", "requirements.txt line 2: PAI takes requirement lines, not pip's option -c; remove it"),
        ("--no-index", "requirements.txt line 2: PAI takes requirement lines, not pip's option --no-index; remove it"),
        ("--prefix x", "requirements.txt line 2: PAI takes requirement lines, not pip's option --prefix; remove it"),
    ],
)
def test_a_line_that_pai_cannot_take_is_named(tmp_path: Path, line: str, problem: str) -> None:
    assert requirements(tmp_path, f"numpy\n{line}\n") == ("numpy",)
    assert only_problem(tmp_path).endswith(f": {problem}")


def test_all_lines_that_pai_cannot_take_are_found_at_once(tmp_path: Path) -> None:
    write(tmp_path / "more" / "base.txt", "numpy \\\n  >2\n-e .\n")
    requirements(tmp_path, "-c x\n-r more/base.txt\n-r none.txt\n")
    assert [problem.split(": ", 1)[1].split(":")[0] for problem in source_problems(str(tmp_path))] == [
        "requirements.txt line 1",
        "more/base.txt line 3",
        "requirements.txt line 3 includes none.txt, which does not exist; create it",
    ]


@pytest.mark.parametrize("option", ["--find-links ", "--find-links=", "-f ", "-f", "--something="])
def test_a_password_in_an_option_is_not_told(tmp_path: Path, option: str) -> None:
    requirements(tmp_path, f"{option}https://me:hunter2@host/\n")
    assert "hunter2" not in only_problem(tmp_path)


def test_requirements_behind_a_link_that_leads_out_are_refused(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "requirements.txt", "numpy\n")
    (folder / "requirements.txt").symlink_to("../requirements.txt")
    assert "leads out" in only_problem(folder)


LINES = st.lists(st.from_regex(r"[a-z]{1,5}([=<>]=[0-9.]{1,3})?", fullmatch=True), max_size=5)


@settings(deadline=None)
@given(LINES, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", " # why", "\t# why"]), st.booleans())
def test_plain_lines_arrive_unchanged(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str, comment: str, last: bool
) -> None:
    text = end.join(line + comment for line in lines) + (end if last else "")
    assert requirements(tmp_path_factory.mktemp("source"), text) == tuple(lines)


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
        files.extractall(target, filter="data")
    assert (target / os.fsdecode(name)).is_file()


def test_a_package_tells_its_sizes(folder: Path) -> None:
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


def test_a_file_that_is_written_to_while_it_is_packed_is_named(folder: Path) -> None:
    log = folder / "run.log"
    log.write_bytes(os.urandom(8 << 20))
    over = threading.Event()

    def append() -> None:
        with log.open("ab", buffering=0) as stream:
            while not over.is_set():
                stream.write(b"line\n")
                time.sleep(0.001)

    writer = threading.Thread(target=append)
    writer.start()
    try:
        with pytest.raises(PAIError, match=r"run\.log changed while it was read.*\.paiignore"):
            read_source(str(folder))
    finally:
        over.set()
        writer.join()


def upload(bench: OssBench, folder: Path) -> CodeLocation:
    return bench.storage.upload_source(read_source(str(folder)), bench.home, bench.log)


def test_a_file_that_changes_after_it_was_read_is_noticed(folder: Path) -> None:
    source = read_source(str(folder))
    status = (folder / "train.py").stat()
    write(folder / "train.py", "print('TRAINING')\n")
    # Its size and time tell nothing.
    os.utime(folder / "train.py", ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(PAIError, match=rf"a file of {folder} changed while it was packed"), source.packed():
        pass


def test_reading_ends_when_nobody_needs_it(folder: Path) -> None:
    def check() -> None:
        raise PAIError("enough")

    with pytest.raises(PAIError, match="enough"):
        read_source(str(folder), check)


class TestUpload:
    def test_the_archive_lies_under_the_digest(self, bench: OssBench, folder: Path) -> None:
        code = upload(bench, folder)
        name = f"pai/training_src/{digest(folder)}/source.tar.gz"
        assert (code.bucket, code.key) == (bench.home.bucket, bench.home.key + name)
        assert bench.there() == {name: archive(folder)}
        assert len(bench.lines) == 1
        assert bench.lines[0].startswith(f"Uploaded source code of {folder} (3 file(s), 24 bytes, packed ")

    def test_the_place_is_known_before_anything_is_sent(self, bench: OssBench, folder: Path) -> None:
        location = source_location(str(folder), bench.home, bench.config.code_endpoint)
        assert bench.counts() == {}
        assert upload(bench, folder) == location

    def test_unchanged_code_sends_no_body(self, bench: OssBench, folder: Path) -> None:
        (folder / "table.bin").write_bytes(os.urandom(SMALL))
        code = upload(bench, folder)
        bench.counts()
        os.utime(folder / "train.py", (1, 1))
        assert upload(bench, folder) == code
        assert bench.counts() == {"HEAD": 1}
        assert bench.lines[-1].startswith(f"Source code of {folder} is in OSS already (4 file(s), ")

    def test_very_little_code_takes_one_request_whether_it_is_there_or_not(self, bench: OssBench, folder: Path) -> None:
        code = upload(bench, folder)
        assert bench.counts() == {"PUT": 1}
        assert upload(bench, folder) == code
        assert bench.counts() == {"PUT": 1}
        assert bench.lines[-1].startswith(f"Source code of {folder} is in OSS already (3 file(s), 24 bytes, packed ")
        assert list(bench.there().values()) == [archive(folder)]

    def test_a_large_archive_is_sent_in_parts(self, bench: OssBench, folder: Path) -> None:
        (folder / "weights.bin").write_bytes(os.urandom(3 * PART))
        code = upload(bench, folder)
        assert bench.counts() == {"HEAD": 1, "PUT": 4, "POST": 2}
        assert bench.storage.read(OssUri(code.bucket, code.key)) == archive(folder)

    @pytest.mark.parametrize("size", [0, 3 * PART])
    def test_somebody_else_who_was_first_is_as_good(self, bench: OssBench, folder: Path, size: int) -> None:
        (folder / "weights.bin").write_bytes(os.urandom(size))
        target = bench.home.child("pai", "training_src", digest(folder), "source.tar.gz")
        bench.storage.write(target, b"theirs")
        if size:
            # The look that came before they were done.
            bench.fail("HEAD", FaultKind.ERROR, status=404, code="NoSuchKey")
        upload(bench, folder)
        assert bench.storage.read(target) == b"theirs"
        assert bench.unfinished() == []

    @pytest.mark.parametrize("size", [0, 3 * PART])
    def test_another_conflict_is_an_error(self, bench: OssBench, folder: Path, size: int) -> None:
        (folder / "weights.bin").write_bytes(os.urandom(size))
        bench.fail("PUT", FaultKind.ERROR, status=409, code="FileImmutable")
        with pytest.raises(ConflictError, match="FileImmutable"):
            upload(bench, folder)

    @pytest.mark.parametrize("kind", PASSING)
    @pytest.mark.parametrize("method", ["HEAD", "PUT", "POST"])
    def test_a_passing_failure_stops_nothing(self, bench: OssBench, folder: Path, kind: FaultKind, method: str) -> None:
        (folder / "weights.bin").write_bytes(os.urandom(3 * PART))
        bench.fail(method, kind, times=2)
        code = upload(bench, folder)
        assert len(bench.waits) == 2
        assert bench.storage.read(OssUri(code.bucket, code.key)) == archive(folder)

    def test_an_upload_that_fails_half_way_does_not_count(self, bench: OssBench, folder: Path) -> None:
        (folder / "weights.bin").write_bytes(os.urandom(3 * PART))
        bench.pass_by("PUT", 2)
        # As many as the parts that are sent at a time can meet before one of them is given up.
        bench.fail("PUT", FaultKind.DROP_BEFORE, times=16)
        with pytest.raises(TransportError):
            upload(bench, folder)
        bench.pai.faults.clear()
        assert bench.there() == {}
        code = upload(bench, folder)
        assert bench.storage.read(OssUri(code.bucket, code.key)) == archive(folder)

    def test_hints_are_logged_before_the_upload(self, bench: OssBench, folder: Path) -> None:
        os.mkfifo(folder / "pipe")
        (folder / "table.bin").write_bytes(os.urandom(SMALL))
        upload(bench, folder)
        assert [line.split()[0] for line in bench.lines] == ["Not", "Uploading"]
