"""Probes of AIWorkSpace: images, datasets, experiments and models; what they make costs nothing and is deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_pai.api.endpoints import AI_WORKSPACE
from airflow_provider_pai.local.verify.prober import Probe, Prober, Verdict, absent, is_error

_IMAGES, _EXPERIMENTS, _MODELS = "/api/v1/images", "/api/v1/experiments", "/api/v1/models"
_PLACE = "oss://pai-verify-absent/experiment/"
_CONFLICT = 409
_TWO = 2


def _experiment(prober: Prober, name: str, **members: Any) -> Mapping[str, Any]:
    return {"Name": name, "WorkspaceId": prober.workspace_id, "ArtifactUri": _PLACE, **members}


def _dataset(prober: Prober, name: str) -> Mapping[str, Any]:
    uri = f"oss://pai-verify-absent.oss-{prober.region_id}.aliyuncs.com/rows/"
    return {
        "Name": name,
        "WorkspaceId": prober.workspace_id,
        "Uri": uri,
        "Property": "DIRECTORY",
        "DataSourceType": "OSS",
    }


def _image(prober: Prober, name: str) -> Mapping[str, Any]:
    uri = f"registry.{prober.region_id}.aliyuncs.com/pai-verify-absent/{name}:1"
    return {"Name": name, "WorkspaceId": prober.workspace_id, "ImageUri": uri, "Accessibility": "PRIVATE"}


def _model(prober: Prober, name: str) -> Mapping[str, Any]:
    return {"ModelName": name, "WorkspaceId": prober.workspace_id}


def _is_taken_once(
    kind: str, action: str, code: str, body: Callable[[Prober, str], Mapping[str, Any]]
) -> Callable[[Prober], Verdict]:
    def run(prober: Prober) -> Verdict:
        name = prober.new_name()
        if not prober.make(kind, name, action, body(prober, name)).is_done:
            return None
        return is_error(prober.make(kind, name, action, body(prober, name)), _CONFLICT, code)

    return run


def _images_have_a_default_workspace(prober: Prober) -> Verdict:
    named = prober.ask(AI_WORKSPACE, "ListImages", _IMAGES, PageSize="1", WorkspaceId=prober.workspace_id)
    other = prober.ask(AI_WORKSPACE, "ListImages", _IMAGES, PageSize="1")
    return None if named.code else named.body.get("TotalCount") == other.body.get("TotalCount")


def _experiments_keep_logs_beside_artifacts(prober: Prober) -> Verdict:
    name = prober.new_name()
    made = prober.make("experiment", name, "CreateExperiment", _experiment(prober, name))
    if not made.is_done:
        return None
    found = prober.ask(AI_WORKSPACE, "GetExperiment", f"{_EXPERIMENTS}/{made.body.get('ExperimentId')}").body
    return found.get("TensorboardLogUri") == f"{_PLACE}tensorboard/"


def _an_experiment_without_a_place_gets_one(prober: Prober) -> Verdict:
    name = prober.new_name()
    body = {**_experiment(prober, name), "ArtifactUri": None}
    made = prober.make("experiment", name, "CreateExperiment", {k: v for k, v in body.items() if v is not None})
    if not made.is_done:
        # Where the workspace has no default storage there is no place to give.
        return False if made.code == "MissingParameter" else None
    found = prober.ask(AI_WORKSPACE, "GetExperiment", f"{_EXPERIMENTS}/{made.body.get('ExperimentId')}").body
    return str(found.get("ArtifactUri", "")).endswith("/experiments/")


def _tokens_are_numbers_of_rows(prober: Prober) -> Verdict:
    for _ in range(_TWO):
        name = prober.new_name()
        prober.make("experiment", name, "CreateExperiment", _experiment(prober, name))
    query = {"WorkspaceId": prober.workspace_id, "MaxResults": "1"}
    answer = prober.ask(AI_WORKSPACE, "ListExperiment", _EXPERIMENTS, **query)
    total = answer.body.get("TotalCount")
    if answer.code or not isinstance(total, int) or total < _TWO:
        return None
    return str(answer.body.get("NextPageToken")) == query["MaxResults"]


def _new_model(prober: Prober, name: str = "") -> str:
    name = name or prober.new_name()
    return str(prober.make("model", name, "CreateModel", _model(prober, name)).body.get("ModelId") or "")


def _model_names_are_matched_in_part(prober: Prober) -> Verdict:
    name = prober.new_name()
    if not (model_id := _new_model(prober, name)):
        return None
    asked = {"WorkspaceId": prober.workspace_id, "ModelName": name[4:].upper()}
    rows = prober.ask(AI_WORKSPACE, "ListModels", _MODELS, **asked).rows("Models")
    return model_id in [row.get("ModelId") for row in rows]


def _quotes_ask_for_the_whole_name(prober: Prober) -> Verdict:
    name = prober.new_name()
    longer = _new_model(prober, f"{name}-longer")
    if not (model_id := _new_model(prober, name)) or not longer:
        return None
    asked = {"WorkspaceId": prober.workspace_id, "ModelName": f'"{name}"'}
    rows = prober.ask(AI_WORKSPACE, "ListModels", _MODELS, **asked).rows("Models")
    return [row.get("ModelId") for row in rows] == [model_id]


def _a_model_may_have_127_characters(prober: Prober) -> Verdict:
    longest = prober.new_name().ljust(127, "x")
    if not _new_model(prober, longest):
        return False if prober.last and prober.last.code == "InvalidParameter" else None
    too_long = f"{longest[:100]}{'y' * 28}"
    return not _new_model(prober, too_long)


def _a_page_may_have_a_hundred_models(prober: Prober) -> Verdict:
    asked = {"WorkspaceId": prober.workspace_id, "PageSize": "100"}
    return prober.ask(AI_WORKSPACE, "ListModels", _MODELS, **asked).is_done


def _files_stay_when_a_version_is_deleted(prober: Prober) -> Verdict:
    if not prober.bucket or not prober.object("PUT", "model/weights", b"1").is_done:
        return None
    path = _version(prober, f"oss://{prober.bucket}/model/")
    if not path or not prober.ask(AI_WORKSPACE, "DeleteModelVersion", path, "DELETE").is_done:
        return None
    return prober.object("HEAD", "model/weights").is_done


def _version(prober: Prober, uri: str = "oss://pai-verify-absent/model/") -> str:
    """Return the path of a new version of a new model; empty when it could not be made."""
    if not (model_id := _new_model(prober)):
        return ""
    body = {"Uri": uri, "VersionName": "0.1.0"}
    path = f"{_MODELS}/{model_id}/versions"
    made = prober.ask(AI_WORKSPACE, "CreateModelVersion", path, "POST", body)
    return f"{path}/0.1.0" if made.is_done else ""


def _a_version_begins_as_pending(prober: Prober) -> Verdict:
    if not (path := _version(prober)):
        return None
    return prober.ask(AI_WORKSPACE, "GetModelVersion", path).body.get("ApprovalStatus") == "Pending"


def _a_version_is_made_once(prober: Prober) -> Verdict:
    if not (path := _version(prober)):
        return None
    body = {"Uri": "oss://pai-verify-absent/model/", "VersionName": "0.1.0"}
    again = prober.ask(AI_WORKSPACE, "CreateModelVersion", path.rpartition("/")[0], "POST", body)
    return is_error(again, _CONFLICT, "ModelVersionAlreadyExists")


def _an_absent_version_is_not_found(prober: Prober) -> Verdict:
    if not (model_id := _new_model(prober)):
        return None
    answer = prober.ask(AI_WORKSPACE, "GetModelVersion", f"{_MODELS}/{model_id}/versions/9.9.9")
    return is_error(answer, 404, "ModelVersionNotFound")


def _a_model_is_deleted_with_its_versions(prober: Prober) -> Verdict:
    if not (path := _version(prober)):
        return None
    return prober.ask(AI_WORKSPACE, "DeleteModel", path.partition("/versions")[0], "DELETE").is_done


def _an_absent_dataset_version_is_not_found(prober: Prober) -> Verdict:
    name = prober.new_name()
    made = prober.make("dataset", name, "CreateDataset", _dataset(prober, name)).body.get("DatasetId")
    if not made:
        return None
    answer = prober.ask(AI_WORKSPACE, "GetDatasetVersion", f"/api/v1/datasets/{made}/versions/v99")
    return is_error(answer, 404, "DatasetVersionNotFound")


WORKSPACE_PROBES = (
    Probe(
        "images.absent",
        "GetImage: an absent image is ImageNotFound with 404",
        absent(AI_WORKSPACE, "GetImage", f"{_IMAGES}/image-{{absent}}", "ImageNotFound"),
    ),
    Probe(
        "images.taken",
        "AddImage: a name is taken once, ImageAlreadyExists with 409",
        _is_taken_once("image", "AddImage", "ImageAlreadyExists", _image),
    ),
    Probe(
        "images.workspace",
        "ListImages: the default workspace is meant when none is named",
        _images_have_a_default_workspace,
    ),
    Probe(
        "datasets.absent",
        "GetDataset: an absent dataset is DatasetNotFound with 404",
        absent(AI_WORKSPACE, "GetDataset", "/api/v1/datasets/d-{absent}", "DatasetNotFound"),
    ),
    Probe(
        "datasets.taken",
        "CreateDataset: a name is taken once, DatasetAlreadyExists with 409",
        _is_taken_once("dataset", "CreateDataset", "DatasetAlreadyExists", _dataset),
    ),
    Probe(
        "datasets.version.absent",
        "GetDatasetVersion: an absent version is DatasetVersionNotFound with 404",
        _an_absent_dataset_version_is_not_found,
    ),
    Probe(
        "workspaces.absent",
        "GetWorkspace: an absent workspace is WorkspaceNotFound with 404",
        absent(AI_WORKSPACE, "GetWorkspace", "/api/v1/workspaces/1", "WorkspaceNotFound"),
    ),
    Probe(
        "experiments.absent",
        "GetExperiment: an absent experiment is ExperimentNotFound with 404",
        absent(AI_WORKSPACE, "GetExperiment", f"{_EXPERIMENTS}/exp-{{absent}}", "ExperimentNotFound"),
    ),
    Probe(
        "experiments.logs",
        "CreateExperiment: TensorBoard logs lie in the artifacts' folder",
        _experiments_keep_logs_beside_artifacts,
    ),
    Probe(
        "experiments.place",
        "CreateExperiment: without ArtifactUri it is the folder experiments of the default storage",
        _an_experiment_without_a_place_gets_one,
    ),
    Probe(
        "experiments.taken",
        "CreateExperiment: a name is taken once, ExperimentAlreadyExists with 409",
        _is_taken_once("experiment", "CreateExperiment", "ExperimentAlreadyExists", _experiment),
    ),
    Probe(
        "experiments.token",
        "ListExperiment: a token is the number of rows before the next page",
        _tokens_are_numbers_of_rows,
    ),
    Probe(
        "models.absent",
        "GetModel: an absent model is ModelNotFound with 404",
        absent(AI_WORKSPACE, "GetModel", f"{_MODELS}/model-{{absent}}", "ModelNotFound"),
    ),
    Probe(
        "models.taken",
        "CreateModel: a name is taken once, ModelAlreadyExists with 409",
        _is_taken_once("model", "CreateModel", "ModelAlreadyExists", _model),
    ),
    Probe(
        "models.name",
        "CreateModel: a name has 127 characters at most",
        _a_model_may_have_127_characters,
    ),
    Probe(
        "models.filter",
        "ListModels: ModelName is a part of the name in any case",
        _model_names_are_matched_in_part,
    ),
    Probe(
        "models.filter.whole",
        "ListModels: quotes around ModelName ask for the whole name",
        _quotes_ask_for_the_whole_name,
    ),
    Probe("models.page", "ListModels: a page may have 100 models", _a_page_may_have_a_hundred_models),
    Probe(
        "versions.files",
        "DeleteModelVersion: the files of the version stay",
        _files_stay_when_a_version_is_deleted,
    ),
    Probe(
        "models.delete",
        "DeleteModel: a model is deleted with its versions",
        _a_model_is_deleted_with_its_versions,
    ),
    Probe(
        "versions.absent",
        "GetModelVersion: an absent version is ModelVersionNotFound with 404",
        _an_absent_version_is_not_found,
    ),
    Probe(
        "versions.taken",
        "CreateModelVersion: a name is taken once, ModelVersionAlreadyExists with 409",
        _a_version_is_made_once,
    ),
    Probe(
        "versions.status",
        "CreateModelVersion: a version that is given no status is Pending",
        _a_version_begins_as_pending,
    ),
)
