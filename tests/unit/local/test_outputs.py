"""Outputs of jobs: what of a channel's folder is stored, what is left out and named, what fails and names itself."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from airflow_provider_pai.local.jobs.files import WorkFolder
from airflow_provider_pai.local.oss.objects import ObjectStore
from airflow_provider_pai.local.oss.trees import download
from airflow_provider_pai.local.running.bound_storage import BoundObjects, LocalFolder
from airflow_provider_pai.local.running.output_files import JobRoot, find_output_files
from airflow_provider_pai.local.running.outputs import OutputsLost, save_stamps, store_outputs
from airflow_provider_pai.model.training.container import ROOT, Mount, RunPlan
from airflow_provider_pai.model.uri import OssUri


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    folder = WorkFolder(tmp_path / "job" / "work")
    folder.create()
    (folder.ml / "output" / "model").mkdir(parents=True)
    return folder


@pytest.fixture
def out(work: WorkFolder) -> Path:
    return work.ml / "output" / "model"


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[ObjectStore]:
    store = ObjectStore(tmp_path / "oss")
    store.create_bucket("bkt")
    yield store
    store.close()


class Channel:
    """One output channel of a job, and where it goes."""

    def __init__(self, work: WorkFolder, store: BoundObjects, uri: str) -> None:
        mount = Mount("model", "output/model", OssUri.parse(uri))
        self.plan = RunPlan(ROOT, "true", None, {}, {}, outputs=(mount,))
        self.said: list[str] = []
        self._work, self._store = work, store

    def begin(self) -> None:
        save_stamps(self.plan, self._work)

    def store(self) -> list[str]:
        return list(store_outputs(self.plan, self._work, self._store, self.said.append))


@pytest.fixture
def channel(work: WorkFolder, objects: ObjectStore) -> Channel:
    return Channel(work, BoundObjects(objects, {}), "oss://bkt/m/")


def kept(objects: ObjectStore) -> dict[str, bytes]:
    return {stored.key: objects.read("bkt", stored.key) for stored in objects.list_objects("bkt").objects}


def fill(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_a_folder_is_stored_below_its_prefix(channel: Channel, out: Path, objects: ObjectStore) -> None:
    fill(out, {"a b": "1", "sub/.hidden": "2"})
    assert channel.store() == ["Output channel model: 2 files stored in oss://bkt/m/"]
    assert kept(objects) == {"m/a b": b"1", "m/sub/.hidden": b"2"}
    assert channel.said == []


def test_a_missing_folder_has_no_files(channel: Channel, out: Path, objects: ObjectStore) -> None:
    out.rmdir()
    assert channel.store() == ["Output channel model: 0 files stored in oss://bkt/m/"]
    assert kept(objects) == {}


# Links ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "target", "stored"),
    [
        ("last", "ck-5", {"m/last/w": b"5"}),
        ("last", "/ml/output/model/ck-5", {"m/last/w": b"5"}),
        ("best", "/ml/output/model/ck-5/w", {"m/best": b"5"}),
        ("up/last", "../ck-5/w", {"m/up/last": b"5"}),
        ("around", "/ml/output/checkpoints/../model/ck-5", {"m/around/w": b"5"}),
        ("chain", "first", {"m/chain": b"5", "m/first": b"5"}),
    ],
)
def test_links_within_the_channel_are_stored_as_what_they_point_to(
    channel: Channel, out: Path, objects: ObjectStore, name: str, target: str, stored: dict[str, bytes]
) -> None:
    fill(out, {"ck-5/w": "5"})
    (out.parent / "checkpoints").mkdir()
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).symlink_to(target)
    if target == "first":
        (out / "first").symlink_to("/ml/output/model/ck-5/w")
    channel.store()
    assert kept(objects) == {"m/ck-5/w": b"5", **stored}
    assert channel.said == []


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("/etc/passwd", "it is a link that leads out of the channel's folder, or to itself"),
        ("../other/file", "it is a link that leads out of the channel's folder, or to itself"),
        ("/ml/output/other/file", "it is a link that leads out of the channel's folder, or to itself"),
        ("../../../../../etc/passwd", "it is a link that leads out of the channel's folder, or to itself"),
        ("zlink", "it is a link that leads out of the channel's folder, or to itself"),
        ("nowhere", "it is a link to nothing"),
        (".", "it is a link to a folder that holds it"),
    ],
)
def test_other_links_are_left_out_and_named_in_the_log_and_what_is_behind_them_is_stored(
    channel: Channel, out: Path, objects: ObjectStore, target: str, why: str
) -> None:
    fill(out, {"a": "1", "zz": "2"})
    fill(out.parent / "other", {"file": "3"})
    (out / "zlink").symlink_to(target)
    channel.store()
    assert kept(objects) == {"m/a": b"1", "m/zz": b"2"}
    assert channel.said == [f"Output channel model: zlink is not stored: {why}"]


def test_links_among_folders_are_not_followed_for_ever(out: Path, work: WorkFolder) -> None:
    for number in range(30):
        (out / f"f{number}").mkdir()
        for side in "ab":
            (out / f"f{number}" / side).symlink_to(f"../f{number + 1}" if number < 29 else "../f0")
    fill(out, {"f29/w": "1"})
    found = find_output_files(out, JobRoot(work.ml, ROOT, work.path))
    assert "f29/w" in found.files
    assert any("links lead to folders" in why for why in found.left_out.values())


def test_pipes_and_names_that_are_no_utf8_are_left_out_and_named(
    channel: Channel, out: Path, objects: ObjectStore
) -> None:
    fill(out, {"a": "1", "z": "2"})
    os.mkfifo(out / "pipe")
    os.close(os.open(os.fsencode(out) + b"/b\xff\n", os.O_CREAT | os.O_WRONLY))
    channel.store()
    assert kept(objects) == {"m/a": b"1", "m/z": b"2"}
    assert channel.said == [
        r"Output channel model: b\xff\n is not stored: its name is no UTF-8",
        "Output channel model: pipe is not stored: it is a pipe",
    ]


@pytest.mark.parametrize("replaced", ["", "ml", "ml/output", "ml/output/model"])
@pytest.mark.parametrize("target", ["secrets", "/", "/proc"])
def test_a_folder_that_became_a_link_is_not_stored(
    channel: Channel, work: WorkFolder, tmp_path: Path, objects: ObjectStore, replaced: str, target: str
) -> None:
    fill(tmp_path / "secrets" / "ml" / "output" / "model", {"key": "secret"})
    link = work.path / replaced
    shutil.rmtree(link)
    link.symlink_to(tmp_path / target)
    with pytest.raises(OutputsLost, match="replaced by a link"):
        channel.store()
    assert kept(objects) == {}


# What fails -----------------------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_stored_keeps_no_other_from_being_stored_and_names_itself(
    channel: Channel, out: Path, objects: ObjectStore
) -> None:
    deep = "/".join(["d" * 200] * 6)
    fill(out, {"a": "1", f"m/{deep}/long": "2", "z": "3"})
    with pytest.raises(OutputsLost, match=r"The output channel model lacks m/d+.*long"):
        channel.store()
    assert kept(objects) == {"m/a": b"1", "m/z": b"3"}
    assert [line for line in channel.said if "can't be stored" in line and deep in line]


def test_of_many_files_that_fail_the_message_names_some_and_the_log_all(channel: Channel, out: Path) -> None:
    deep = "/".join(["d" * 200] * 6)
    fill(out, {f"{deep}/{number}": "" for number in range(7)})
    with pytest.raises(OutputsLost, match="and 4 more files, which the log names"):
        channel.store()
    assert len(channel.said) == 7


def test_nothing_is_deleted_when_something_could_not_be_stored(
    channel: Channel, out: Path, objects: ObjectStore
) -> None:
    objects.put("bkt", "m/old", Path(__file__))
    download(objects, "bkt", "m/", out)
    channel.begin()
    (out / "old").rename(out / "new")
    fill(out, {"/".join(["d" * 200] * 6): "x"})
    with pytest.raises(OutputsLost):
        channel.store()
    assert set(kept(objects)) == {"m/old", "m/new"}


# What changed ---------------------------------------------------------------------------------------------------------


def test_only_what_changed_is_stored_and_only_what_was_there_and_is_gone_is_deleted(
    channel: Channel, out: Path, objects: ObjectStore, tmp_path: Path
) -> None:
    fill(tmp_path, {"s": "first"})
    for name in ("same", "changed", "deep/gone", "became_folder", "was_folder/x"):
        objects.put("bkt", f"m/{name}", tmp_path / "s")
    download(objects, "bkt", "m/", out)
    channel.begin()
    fill(tmp_path, {"s": "of another job"})
    for name in ("same", "late"):
        objects.put("bkt", f"m/{name}", tmp_path / "s")
    fill(out, {"changed": "changed twice", "new": "new"})
    (out / "deep" / "gone").unlink()
    (out / "became_folder").unlink()
    shutil.rmtree(out / "was_folder")
    fill(out, {"became_folder/y": "y", "was_folder": "z"})
    assert channel.store() == ["Output channel model: 4 files stored in oss://bkt/m/"]
    assert kept(objects) == {
        "m/same": b"of another job",
        "m/late": b"of another job",
        "m/changed": b"changed twice",
        "m/new": b"new",
        "m/became_folder/y": b"y",
        "m/was_folder": b"z",
    }


def test_a_file_that_became_a_link_to_elsewhere_keeps_its_object(
    channel: Channel, out: Path, objects: ObjectStore, tmp_path: Path
) -> None:
    fill(tmp_path, {"s": "kept"})
    objects.put("bkt", "m/a", tmp_path / "s")
    download(objects, "bkt", "m/", out)
    channel.begin()
    (out / "a").unlink()
    (out / "a").symlink_to("/proc/self/environ")
    channel.store()
    assert kept(objects) == {"m/a": b"kept"}


# A folder of this machine ---------------------------------------------------------------------------------------------


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


@pytest.fixture
def to_folder(work: WorkFolder, objects: ObjectStore, target: Path) -> Channel:
    return Channel(work, BoundObjects(objects, {"here": LocalFolder(target)}), "oss://here/")


def texts(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_this_machine_is_brought_up_to_date(to_folder: Channel, out: Path, target: Path) -> None:
    fill(target, {"same": "1", "changed": "1", "gone": "1", "became_folder": "1", "was_folder/x": "1"})
    shutil.copytree(target, out, dirs_exist_ok=True)
    to_folder.begin()
    fill(target, {"same": "by another job", "late": "by another job"})
    fill(out, {"changed": "changed twice", "deep/new": "made"})
    for name in ("gone", "became_folder", "was_folder/x"):
        (out / name).unlink()
    (out / "was_folder").rmdir()
    fill(out, {"became_folder/y": "y", "was_folder": "z"})
    to_folder.store()
    assert texts(target) == {
        "same": "by another job",
        "late": "by another job",
        "changed": "changed twice",
        "deep/new": "made",
        "became_folder/y": "y",
        "was_folder": "z",
    }


def test_what_another_has_written_since_is_neither_overwritten_nor_deleted(
    to_folder: Channel, out: Path, target: Path
) -> None:
    fill(target, {"gone": "old", "last": "old"})
    shutil.copytree(target, out, dirs_exist_ok=True)
    to_folder.begin()
    fill(out, {"last": "ours"})
    (out / "gone").unlink()
    later = time.time() + 60
    for name in ("gone", "last"):
        fill(target, {name: "theirs"})
        os.utime(target / name, (later, later))
    to_folder.store()
    assert texts(target) == {"gone": "theirs", "last": "theirs"}
    assert to_folder.said == [
        "Output channel model: last is not stored: it was changed elsewhere since this job got it"
    ]


def test_a_file_that_looks_like_half_a_copy_is_left_alone(to_folder: Channel, out: Path, target: Path) -> None:
    fill(target, {"m.bin.part": "mine"})
    fill(out, {"m.bin": "new"})
    to_folder.store()
    assert texts(target) == {"m.bin.part": "mine", "m.bin": "new"}
