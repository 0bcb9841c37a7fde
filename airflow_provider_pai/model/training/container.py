"""What a container of a job sees: the one contract that everything which runs a job uses.

Facts are from PAI's "submit a training job" page and from logs of real runs; values marked [inferred] are ours.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from airflow_provider_pai.model.masking import MASK, looks_secret, masked_value
from airflow_provider_pai.model.training.spec import CodeLocation, TrainingJobSpec, variable_name
from airflow_provider_pai.model.uri import DataKind, OssUri, data_kind

ROOT = "/ml"
MASTER_PORT = "23456"
_PLATFORM_DEFAULTS = {"PYTHONUNBUFFERED": "0"}
"""Variables that the platform sets and an author may set otherwise [inferred: no public log shows one that does]."""


@dataclass(frozen=True)
class Mount:
    """A folder of the container and the place in OSS behind it.

    Attributes:
        channel: the channel's name.
        folder: path below the root, such as ``input/data/train``, without slashes at its ends.
        uri: an OSS folder, or for an input a single object.
    """

    channel: str
    folder: str
    uri: OssUri


@dataclass(frozen=True)
class RunPlan:
    """Everything that must be true around a job's command.

    Attributes:
        root: folder that everything lies under; ``/ml`` unless the runtime can't give the job its own.
        command: what to run, in a POSIX shell.
        working_dir: folder to run it in; None without source code.
        environment: variables of the contract and of the author; the author's never hide the contract's.
        files: texts to write before the start, by path below the root.
        code: where the source code lies; None without source code.
        inputs: input channels.
        outputs: output channels.
        requirements: lines for pip.
    """

    root: str
    command: str
    working_dir: str | None
    environment: Mapping[str, str]
    files: Mapping[str, str]
    code: CodeLocation | None = None
    inputs: tuple[Mount, ...] = ()
    outputs: tuple[Mount, ...] = ()
    requirements: tuple[str, ...] = field(default=())


def run_plan(
    spec: TrainingJobSpec, job_id: str, region_id: str, *, root: str = ROOT, rank: int = 0, gpus: int = 0
) -> RunPlan:
    """Compute what one instance of a job sees.

    Args:
        spec: the job; its outputs are known.
        job_id: PAI's id of the job.
        region_id: region the job runs in.
        root: folder that stands for ``/ml``.
        rank: number of the instance, from 0.
        gpus: GPUs of the instance.
    """
    return RunPlan(
        root=root,
        command=spec.command,
        working_dir=f"{root}/usercode/" if spec.code else None,
        environment={
            **_PLATFORM_DEFAULTS,
            **spec.environments,
            **hyperparameter_variables(spec),
            **_channel_variables(spec, root),
            **_platform_variables(spec, job_id, region_id, root=root, rank=rank, gpus=gpus),
        },
        files=_files(spec),
        code=spec.code,
        inputs=tuple(_inputs(spec)),
        outputs=tuple(_outputs(spec)),
        requirements=spec.requirements,
    )


def instance_name(job_id: str, rank: int) -> str:
    """Return the name of an instance, which is also its host name and the id of its log."""
    return f"{job_id}-master-0" if rank == 0 else f"{job_id}-worker-{rank - 1}"


def launch_lines(plan: RunPlan) -> Iterator[str]:
    """Yield the log lines before the requirements are installed, as PAI's launcher prints them.

    One difference: what is a secret by its name or its shape is left out.
    """
    yield "TrainingJob launch starting"
    secret = set(filter(looks_secret, plan.environment))
    if any(name.startswith("PAI_HPS_") for name in secret):
        secret |= {"PAI_HPS", "PAI_USER_ARGS"}
    for name, value in plan.environment.items():
        shown = MASK if name in secret else masked_value(name, value)
        yield from f"{name}={shown}".splitlines()
    if plan.working_dir:
        yield f"Change to Working Directory, {plan.working_dir}"
    if plan.requirements:
        yield f"Installing dependencies from {plan.root}/input/config//requirements.txt"


def start_lines() -> Iterator[str]:
    """Yield the log lines right before the command's own output."""
    yield "User program launching"
    yield "-" * 65


def user_args(hyperparameters: Mapping[str, str]) -> str:
    """Return ``PAI_USER_ARGS``: ``--name value ...``.

    PAI expands it without quotes in a POSIX shell. Values that need quoting are quoted here, so that
    ``eval "python train.py $PAI_USER_ARGS"`` gets any value unchanged [inferred: no public log shows one].
    """
    return " ".join(f"{shlex.quote('--' + name)} {shlex.quote(value)}" for name, value in hyperparameters.items())


def hyperparameter_variables(spec: TrainingJobSpec) -> dict[str, str]:
    """Return the variables that tell a job its hyperparameters."""
    each = {f"PAI_HPS_{variable_name(name)}": value for name, value in spec.hyperparameters.items()}
    return {**each, "PAI_HPS": _json(spec.hyperparameters), "PAI_USER_ARGS": user_args(spec.hyperparameters)}


def _channel_variables(spec: TrainingJobSpec, root: str) -> dict[str, str]:
    variables = {
        f"PAI_INPUT_{variable_name(name)}": f"{root}/input/data/{name}/{_file_name(uri)}"
        for name, uri in spec.inputs.items()
    }
    outputs = {f"PAI_OUTPUT_{variable_name(name)}": f"{root}/output/{name}/" for name in spec.outputs}
    return {**variables, **outputs}


def _platform_variables(
    spec: TrainingJobSpec, job_id: str, region_id: str, *, root: str, rank: int, gpus: int
) -> dict[str, str]:
    variables = {
        "PAI_CONFIG_DIR": f"{root}/input/config/",
        "PAI_TRAINING_JOB_ID": job_id,
        "REGION_ID": region_id,
        "MASTER_ADDR": instance_name(job_id, 0),
        "MASTER_PORT": MASTER_PORT,
        "WORLD_SIZE": str(spec.instance_count),
        "RANK": str(rank),
        "NPROC_PER_NODE": str(gpus),
        "HOSTNAME": instance_name(job_id, rank),
    }
    return {**variables, "PAI_WORKING_DIR": f"{root}/usercode/"} if spec.code else variables


def _files(spec: TrainingJobSpec) -> dict[str, str]:
    files = {"input/config/hyperparameters.json": _json(spec.hyperparameters)}
    if spec.requirements:
        files["input/config/requirements.txt"] = "".join(f"{line}\n" for line in spec.requirements)
    return files


def _inputs(spec: TrainingJobSpec) -> Iterator[Mount]:
    for name, uri in spec.inputs.items():
        if data_kind(uri) is DataKind.OSS:
            yield Mount(name, f"input/data/{name}", OssUri.parse(uri))


def _outputs(spec: TrainingJobSpec) -> Iterator[Mount]:
    for name, uri in spec.outputs.items():
        if data_kind(uri) is DataKind.OSS:
            yield Mount(name, f"output/{name}", OssUri.parse(uri).folder())


def _file_name(uri: str) -> str:
    return OssUri.parse(uri).name if data_kind(uri) is DataKind.OSS else ""


def _json(values: Mapping[str, str]) -> str:
    return json.dumps(dict(values), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
