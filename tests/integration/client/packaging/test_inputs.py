"""Local input data on local PAI's OSS: under a name that tells its content, once."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.packaging.inputs import input_problems, read_input
from airflow_provider_pai.errors import AuthError, PAIError, ServerError, SpecError, TransportError
from airflow_provider_pai.local.http.faults import FaultKind
from airflow_provider_pai.model.uri import OssUri
from tests.support.oss_bench import PAGE, PART, PASSING, OssBench

STORAGE = OssUri("bucket", "")
DATA = {"a.csv": b"1,2\n", "deep/er/b.csv": b"", "deep/ü ö.bin": os.urandom(3 * PART), "z": b"1,2\n"}


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "data", DATA)


def place(bench: OssBench, uri: OssUri) -> str:
    assert uri.key.startswith(bench.home.key)
    return uri.key.removeprefix(bench.home.key)


def only_problem(path: Path) -> str:
    (problem,) = map(str, input_problems("train", str(path)))
    assert problem.startswith(f"inputs['train'] {str(path)!r}")
    return problem.removeprefix(f"inputs['train'] {str(path)!r}")


class TestUpload:
    @pytest.mark.parametrize("size", [0, 5, 3 * PART])
    def test_a_file_lies_under_its_own_name_below_its_digest(self, bench: OssBench, tmp_path: Path, size: int) -> None:
        content = os.urandom(size)
        (tmp_path / "train data.csv").write_bytes(content)
        uri = bench.storage.upload_input(tmp_path / "train data.csv", bench.home, bench.log)
        assert place(bench, uri) == f"pai/input_data/{hashlib.sha256(content).hexdigest()}/train data.csv"
        assert bench.storage.read(uri) == content

    def test_a_folders_files_lie_below_its_digest_as_they_are(self, bench: OssBench, folder: Path) -> None:
        uri = bench.storage.upload_input(folder, bench.home, bench.log)
        assert place(bench, uri) == f"pai/input_data/{read_input(folder).digest}/"
        assert bench.there() == {place(bench, uri) + name: content for name, content in DATA.items()}
        assert bench.unfinished() == []
        assert bench.lines == [f"Uploading 4 of the 4 file(s), {3 * PART + 8:,} bytes of {folder} to {uri}"]

    @pytest.mark.parametrize("what", ["", "deep/ü ö.bin"])
    def test_the_same_content_is_not_sent_again(self, bench: OssBench, folder: Path, tmp_path: Path, what: str) -> None:
        first = bench.storage.upload_input(folder / what, bench.home, bench.log)
        copy = fill(tmp_path / "elsewhere", DATA)
        bench.counts()
        assert bench.storage.upload_input(copy / what, bench.home, bench.log) == first
        assert bench.counts() == {"GET": 1}
        assert "is in OSS already" in bench.lines[-1]

    @pytest.mark.parametrize("kind", [FaultKind.ERROR, FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER])
    def test_an_upload_that_was_cut_is_completed_by_the_next(
        self, bench: OssBench, tmp_path: Path, kind: FaultKind
    ) -> None:
        files = {f"{number:02}": os.urandom(PART) for number in range(40)}
        folder = fill(tmp_path / "many", files)
        bench.pass_by("PUT", 10)
        bench.fail("PUT", kind, times=1000)
        with pytest.raises((ServerError, TransportError)):
            bench.storage.upload_input(folder, bench.home, bench.log)
        bench.pai.faults.clear()
        there = len(bench.there())
        assert 10 <= there < 40
        bench.counts()
        uri = bench.storage.upload_input(folder, bench.home, bench.log)
        assert bench.counts()["PUT"] == 40 - there
        assert bench.there() == {place(bench, uri) + name: content for name, content in files.items()}
        assert bench.lines[-1].startswith(f"Uploading {40 - there} of the 40 file(s)")

    @pytest.mark.parametrize("kind", PASSING)
    @pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
    def test_a_passing_failure_stops_nothing(self, bench: OssBench, folder: Path, kind: FaultKind, method: str) -> None:
        bench.fail(method, kind, times=2)
        uri = bench.storage.upload_input(folder, bench.home, bench.log)
        assert bench.waits
        assert bench.there() == {place(bench, uri) + name: content for name, content in DATA.items()}

    def test_after_a_refusal_no_further_file_is_begun(self, bench: OssBench, tmp_path: Path) -> None:
        folder = fill(tmp_path / "many", {f"{number:03}": b"x" for number in range(400)})
        bench.fail("PUT", FaultKind.ERROR, status=403, code="AccessDenied")
        with pytest.raises(AuthError, match="AccessDenied"):
            bench.storage.upload_input(folder, bench.home, bench.log)
        assert len(bench.there()) < 200

    def test_a_truncated_stored_file_is_uploaded_again(self, bench: OssBench, folder: Path) -> None:
        uri = bench.storage.upload_input(folder, bench.home, bench.log)
        bench.storage.write(uri.child("z"), b"1,")
        assert bench.storage.upload_input(folder, bench.home, bench.log) == uri
        assert bench.storage.read(uri.child("z")) == DATA["z"]

    @pytest.mark.parametrize(("files", "pages"), [(PAGE, 1), (PAGE + 1, 2), (3 * PAGE, 3)])
    def test_a_folder_may_have_more_files_than_a_page_of_the_list(
        self, bench: OssBench, tmp_path: Path, files: int, pages: int
    ) -> None:
        folder = fill(tmp_path / "many", {f"{number:04}": b"" for number in range(files)})
        bench.storage.upload_input(folder, bench.home, bench.log)
        assert len(list(bench.storage.objects(bench.home))) == files
        bench.counts()
        bench.storage.upload_input(folder, bench.home, bench.log)
        assert bench.counts() == {"GET": pages}

    @pytest.mark.parametrize("size", [100, 3 * PART])
    def test_a_file_that_changes_before_it_is_sent_is_not_stored_under_the_old_digest(
        self, bench: OssBench, tmp_path: Path, size: int
    ) -> None:
        file = tmp_path / "train.bin"
        file.write_bytes(os.urandom(size))

        def log(*_: object) -> None:
            # The data is known by now, and nothing of it is sent.
            file.write_bytes(os.urandom(size))

        with pytest.raises(PAIError, match="changed while it was uploaded"):
            bench.storage.upload_input(file, bench.home, log)
        assert bench.there() == {}
        assert bench.unfinished() == []

    def test_a_file_that_is_gone_before_it_is_sent_is_named(self, bench: OssBench, folder: Path) -> None:
        with pytest.raises(PAIError, match=r"a\.csv changed while it was read"):
            bench.storage.upload_input(folder, bench.home, lambda *_: (folder / "a.csv").unlink())
        assert not any(name.endswith("a.csv") for name in bench.there())

    def test_names_that_oss_can_not_have_are_refused_before_anything_is_sent(
        self, bench: OssBench, folder: Path
    ) -> None:
        fill(folder, {os.fsdecode(b"caf\xe9.txt"): b"x"})
        deep = OssUri(bench.home.bucket, bench.home.key + 4 * f"{'x' * 220}/")
        fill(folder, {"y" * 100: b"x"})
        with pytest.raises(SpecError) as failure:
            bench.storage.upload_input(folder, deep, bench.log)
        assert len(failure.value.problems) == 2
        assert "is no UTF-8, as names in OSS must be; rename it" in str(failure.value.problems[0])
        assert "is too long for OSS; shorten it" in str(failure.value.problems[1])
        assert "PUT" not in bench.counts()

    def test_the_upload_of_large_data_logs_its_progress(self, bench: OssBench, tmp_path: Path) -> None:
        for number in range(4):
            with (tmp_path / str(number)).open("wb") as file:
                file.truncate(10 << 20)
        with closing(ObjectStorage(bench.config)) as storage:
            storage.upload_input(tmp_path, bench.home, bench.log)
        percentages = [int(line.split()[1]) for line in bench.lines[1:]]
        assert 4 <= len(percentages) == len(set(percentages))
        assert percentages == sorted(percentages)
        assert bench.lines[-1] == "Uploaded 100 % of the input data (41,943,040 of 41,943,040 bytes)"


NAMES = st.text("ab/é", min_size=1, max_size=4).map(lambda name: name.strip("/").replace("//", "/")).filter(bool)
FILES = st.dictionaries(NAMES, st.binary(max_size=3), min_size=1, max_size=5).filter(
    lambda files: not any(other.startswith(f"{name}/") for name in files for other in files)
)


class TestDigest:
    @settings(deadline=None)
    @given(FILES, FILES, st.randoms(use_true_random=False))
    def test_it_is_equal_when_names_and_contents_are(
        self, tmp_path_factory: pytest.TempPathFactory, one: dict[str, bytes], two: dict[str, bytes], random: Random
    ) -> None:
        shuffled = list(one.items())
        random.shuffle(shuffled)
        first = fill(tmp_path_factory.mktemp("first"), one)
        again = fill(tmp_path_factory.mktemp("again"), dict(shuffled))
        other = fill(tmp_path_factory.mktemp("other"), two)
        for path in again.rglob("*"):
            os.utime(path, (1, 1))
            path.chmod(0o700)
        (again / "empty").mkdir()
        assert read_input(first).digest == read_input(again).digest
        assert (read_input(first).digest == read_input(other).digest) == (one == two)

    def test_a_file_alone_and_in_a_folder_are_kept_apart(self, tmp_path: Path) -> None:
        fill(tmp_path, {"x": b"1"})
        assert read_input(tmp_path).uri(STORAGE).is_folder
        assert read_input(tmp_path).digest != read_input(tmp_path / "x").digest


class TestFiles:
    def test_all_of_a_folder_is_data(self, tmp_path: Path) -> None:
        files = {".git/HEAD": b"", "__pycache__/x.pyc": b"", "venv/pyvenv.cfg": b"", ".DS_Store": b""}
        assert {item.file.name for item in read_input(fill(tmp_path, files)).files} == set(files)

    def test_a_paiignore_leaves_out_what_it_names_and_itself(self, tmp_path: Path) -> None:
        fill(tmp_path, {".paiignore": b"*.tmp\n/raw/\n", "a.csv": b"", "b.tmp": b"", "raw/x": b"", "deep/raw/y": b""})
        assert [item.file.name for item in read_input(tmp_path).files] == ["a.csv", "deep/raw/y"]

    def test_links_inside_count_as_what_they_point_to(self, folder: Path) -> None:
        (folder / "link").symlink_to("deep")
        names = [item.file.name for item in read_input(folder).files]
        assert "link/er/b.csv" in names
        assert input_problems("train", str(folder)) == []

    def test_special_files_are_left_out_and_named(
        self, bench: OssBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(tmp_path, {"a.csv": b"1"})
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "self").symlink_to("self")
        monkeypatch.chdir(tmp_path)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("socket")
            assert input_problems("train", str(tmp_path)) == []
            bench.storage.upload_input(tmp_path, bench.home, bench.log)
        assert bench.lines[0] == "Not uploaded, for they are neither files nor folders: 'pipe', 'self', 'socket'"
        assert len(bench.there()) == 1


class TestProblems:
    @pytest.mark.parametrize("name", ["", "a.csv", "deep"])
    def test_good_data_has_none(self, folder: Path, name: str) -> None:
        assert input_problems("train", str(folder / name)) == []

    def test_a_path_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        problem = only_problem(tmp_path / "nowhere")
        assert problem == " does not exist on this worker; give an absolute path or an oss:// URI"

    @pytest.mark.parametrize(
        ("files", "words"),
        [
            ({}, " has no files; "),
            (
                {".paiignore": b"*\n", "a.csv": b""},
                " has no files but such as are left out (.paiignore, caches, pipes); ",
            ),
        ],
        ids=["empty", "all left out"],
    )
    def test_a_folder_without_data_is_named(self, tmp_path: Path, files: dict[str, bytes], words: str) -> None:
        (fill(tmp_path, files) / "empty").mkdir()
        assert only_problem(tmp_path) == f"{words}give a file, or a folder with data"
        with pytest.raises(ValueError, match="there are no files"):
            read_input(tmp_path)

    @pytest.mark.parametrize("special", [os.mkfifo, lambda path: path.symlink_to("/dev/null")], ids=["pipe", "device"])
    def test_what_is_neither_a_file_nor_a_folder_is_named(
        self, tmp_path: Path, special: Callable[[Path], None]
    ) -> None:
        special(tmp_path / "data")
        assert only_problem(tmp_path / "data") == " is neither a file nor a folder; give a file, or a folder with data"

    @pytest.mark.parametrize(
        ("target", "words"), [("/etc", "leads out of the folder"), ("..", "leads out"), (".", "holds it")]
    )
    def test_a_link_that_leads_out_or_in_a_circle_is_named(self, folder: Path, target: str, words: str) -> None:
        (folder / "deep" / "link").symlink_to(target)
        problem = only_problem(folder)
        assert problem.startswith(": the symbolic link deep/link leads ")
        with pytest.raises(ValueError, match="deep/link"):
            read_input(folder)

    def test_names_that_oss_can_not_have_are_all_named(self, folder: Path) -> None:
        long = "/".join(["x" * 240] * 4)
        fill(folder, {os.fsdecode(b"caf\xe9.txt"): b"x", long: b"x"})
        problems = [str(problem) for problem in input_problems("train", str(folder))]
        assert ["'caf\\udce9.txt' is no UTF-8" in problems[0], "is too long" in problems[1]] == [True, True]

    @pytest.mark.parametrize("path", ["x" * 5000, "a/\0b"], ids=["long", "NUL"])
    def test_a_path_that_cannot_be_is_a_problem_and_no_crash(self, path: str) -> None:
        assert len(input_problems("train", path)) == 1
