"""The one table of why jobs end badly: reason codes, words and exit codes, and what each means for the next attempt.

PAI publishes no list of a training job's reasons, so each entry names its source:

- [skills] the official repository ``aliyun/alibabacloud-aiops-skills``, patterns of failed DLC jobs; a training job is
  executed as one DLC job.
- [dlc] the examples of GetJob in the reference of DLC; [oss] the error codes of OSS; [api] the error codes of the
  gateway (``pai-api.md`` 1.6).
- [local] reasons of local PAI.
- [inferred] our judgement: words of Kubernetes, container registries and ECS, on which DLC is built.

One principle decides about retries: :attr:`Retry.NEVER` stands only where the service's own words leave no doubt that
the next attempt meets the same; in doubt the author's ``retries`` count as always.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase


class FailureKind(StrEnum):
    """What sort of failure a job's bad end is: who must act, and how."""

    UNEXPLAINED = "unexplained"
    """PAI's own failure, or one that PAI does not explain."""
    COMMAND = "command"
    """The command failed: the author mends the code."""
    DATA = "data"
    """What the job reads or writes: the author mends data, source code or requirements."""
    IMAGE = "image"
    """The image can't be pulled: the author gives another, or access to it."""
    PERMISSION = "permission"
    """The job may not do what it must: an administrator grants it."""
    CAPACITY = "capacity"
    """No quota or no machine: wait longer than usual."""
    INTERRUPTED = "interrupted"
    """The machine was taken away: try again, as it is."""
    STOPPED = "stopped"
    """A person stopped it: ask before starting it again."""
    TIMEOUT = "timeout"
    """It did not end in time."""


class Retry(StrEnum):
    """What another attempt of the same job makes of it."""

    NEVER = "never"
    """It would end the same way."""
    AS_USUAL = "as usual"
    """It may end better."""
    LATER = "later"
    """It may end better, though not soon."""


@dataclass(frozen=True)
class FailureReason:
    """One way to end badly.

    Attributes:
        kind: what sort of failure it is.
        retry: what another attempt makes of it.
        cause: what happened; one sentence without its full stop.
        advice: what the author can do; sentences.
        codes: reason codes that say so; ``*`` stands for any text.
        words: regular expression that finds it in the service's messages, in any case; empty for none.
    """

    kind: FailureKind
    retry: Retry
    cause: str
    advice: str
    codes: tuple[str, ...] = ()
    words: str = ""

    def has_code(self, code: str) -> bool:
        """Whether a reason code is one of this."""
        return any(fnmatchcase(code, pattern) for pattern in self.codes)

    def matches(self, message: str) -> bool:
        """Whether a message of the service tells of this."""
        return bool(self.words) and re.search(self.words, message, re.IGNORECASE | re.DOTALL) is not None


REASONS: tuple[FailureReason, ...] = (
    FailureReason(
        FailureKind.IMAGE,
        Retry.NEVER,
        "There is no such image, or no access to it",
        "Check image_uri: its registry, name and tag, and that PAI may pull from that registry.",
        # "image not found", "manifest unknown", "unauthorized": [skills]; "no such image": [local]; others: [inferred]
        codes=("InvalidImageName", "ImageNotFound*", "ImageNotExist*"),
        words=r"no such image|\bimage\b.{0,200}\b(not found|does not exist)|\bmanifest\b.{0,200}\b(unknown|not found)"
        r"|\b(pull|image|registry)\b.{0,200}(\bunauthorized\b|access to the resource is denied"
        r"|no basic auth credentials|authorization failed)|InvalidImageName|pull access denied",
    ),
    FailureReason(
        FailureKind.IMAGE,
        Retry.AS_USUAL,
        "The image could not be pulled",
        "Check image_uri and that its registry can be reached from the job's network; the events say more.",
        # [skills], but ImagePull*: [inferred], ImagePullFailed among them: [local]
        codes=("ErrImagePull", "ImagePullBackOff", "ImagePull*"),
        words=r"ErrImagePull|ImagePullBackOff|\bpull(ing)?\b.{0,40}\bimage\b",
    ),
    FailureReason(
        FailureKind.INTERRUPTED,
        Retry.AS_USUAL,
        "The job's machine was taken away from it",
        "Nothing is wrong with the job. Give checkpoints_path, so that another attempt resumes where this one stopped.",
        # The words "preempted" and "evicted": [skills]; the others: [inferred]
        codes=("*Preempted*", "*Evicted*", "*Reclaimed*", "SpotInterrupt*"),
        words=r"preempted|evicted|\breclaim|\bspot\b.{0,80}\b(interrupted|released|terminated|taken)",
    ),
    FailureReason(
        FailureKind.PERMISSION,
        Retry.NEVER,
        "The account is in arrears, or its balance is too low",
        "Let the account's owner settle the bills or top up the balance; then clear the task.",
        # [inferred]: error codes of ECS and of Model Studio, and words of their messages
        codes=("*Arrear*", "*NotEnoughBalance*", "InsufficientBalance*", "*OverduePayment*"),
        words=r"\barrears?\b|Arrearage|NotEnoughBalance|InsufficientBalance|\binsufficient (\S+ )?balance"
        r"|\b(not have enough|insufficient|overdue) (\S+ )?(balance|payments?)\b",
    ),
    FailureReason(
        FailureKind.CAPACITY,
        Retry.LATER,
        "There is no quota or no machine left for the job",
        "Wait, take another instance_type or fewer instances, or ask for more quota.",
        # ResourceAllocateFailed, "resource type is not enough", OutOfGPU, NotEnoughGPU: [skills]; QuotaExceeded* and
        # *LimitExceeded*: [api]; the others: [inferred]
        codes=(
            "ResourceAllocateFailed",
            "QuotaExceeded*",
            "*LimitExceeded*",
            "OutOfGPU",
            "NotEnoughGPU",
            "*NoStock",
            "InsufficientResource*",
            "ResourceNotEnough*",
        ),
        words=r"resource type is not enough|OutOfGPU|NotEnoughGPU|\binsufficient (\S+ )?(cpu|memory|gpu|resource|quota)"
        r"|\bqueu(e|ing|ed)\b.{0,80}\b(time[ds]?[ -]?out|expired|too long)\b"
        r"|\binsufficient nvidia|\bquota\b.{0,80}\bexceed|\bexceed\w*\b.{0,80}\bquota\b|\bNoStock\b|out of stock",
    ),
    FailureReason(
        FailureKind.PERMISSION,
        Retry.NEVER,
        "The job may not do what it must",
        "Let an administrator check the RAM policies: of the job's role, of the OSS buckets it reads and writes, "
        "and of PAI's service role.",
        # [api] and [oss]. "Permission denied" is missing on purpose: that is what a program says of a file.
        codes=("Forbidden*", "NoPermission*", "AccessDenied*", "InvalidAccessKeyId*", "SignatureDoesNotMatch"),
        words=r"AccessDenied|access denied|Forbidden\.RAM|NoPermission|\bnot authorized\b|no right to access",
    ),
    FailureReason(
        FailureKind.TIMEOUT,
        Retry.NEVER,
        "PAI ended the job because it ran as long as it may",
        "Raise max_run_time (and execution_timeout, which limits it), or give checkpoints_path, so that another "
        "attempt resumes where this one stopped.",
        # [inferred]: what PAI says is not public; MaxRunningTimeExceeded: [local]
        codes=("MaxRunningTimeExceeded", "*MaxRunningTime*"),
        words=r"max(imum)?[ _]?running[ _]?time|ran longer than its limit|running time limit",
    ),
    FailureReason(
        FailureKind.STOPPED,
        Retry.NEVER,
        "The job was stopped from outside",
        "Ask who stopped it, and why; clear the task to train after all.",
        # StoppedByUser: [skills]; JobStoppedByUser and its message: [dlc]
        codes=("StoppedByUser", "JobStoppedByUser"),
        words=r"stopped by (the )?user",
    ),
    FailureReason(
        FailureKind.DATA,
        Retry.AS_USUAL,
        "The job's requirements could not be installed",
        "Check their names and versions, and that the job's network reaches the package index.",
        codes=("RequirementsFailed",),  # [local]
    ),
    FailureReason(
        FailureKind.DATA,
        Retry.AS_USUAL,
        "What the job reads or writes could not be made ready or stored",
        "Check that the inputs and the source code are where the job looks for them, that the requirements can be "
        "installed, and that the outputs' bucket is there.",
        # NoSuchKey, NoSuchBucket: [oss]; the others: [local]
        codes=(
            "NoSuchKey",
            "NoSuchBucket",
            "PreparationFailed",
            "CodeUnavailable",
            "DataUnavailable",
            "OutputUploadFailed",
        ),
        words=r"NoSuchKey|NoSuchBucket",
    ),
    FailureReason(
        FailureKind.COMMAND,
        Retry.NEVER,
        "The command needs more memory than its machine has",
        "Take an instance_type with more memory, or let the command use less, with a smaller batch for instance.",
        codes=("OOMKilled",),  # [skills], as a container's reason
        words=r"OOMKilled",
    ),
    FailureReason(
        FailureKind.COMMAND,
        Retry.NEVER,
        "The command failed",
        "Read its last log lines.",
        codes=("UserCommandFailed",),  # [local]
    ),
    FailureReason(
        FailureKind.UNEXPLAINED,
        Retry.AS_USUAL,
        "PAI itself, or a machine of it, failed",
        "Nothing is known to be wrong with the job: try again.",
        # InternalError to ServiceUnavailable: [api]; GPUUnhealthy: [skills]; the others: [local]
        codes=(
            "InternalError*",
            "InternalServerError*",
            "ServiceUnavailable*",
            "GPUUnhealthy",
            "StartFailed",
            "DiskFull",
            "LocalServerStopped",
            "LocalServerDied",
        ),
        words=r"internal (server )?error|service ?unavailable|GPUUnhealthy",
    ),
)
"""From the most telling to the least; the first that fits counts."""

_MEND = "Read the job's last log lines and mend the command; set -x and python -u let it print more."
EXIT_CODES: Mapping[int, FailureReason] = {
    # 126, 127, 137, 139, 143 and 245: [skills]; the others: [inferred] from the signals that shells number so
    126: FailureReason(
        FailureKind.COMMAND,
        Retry.NEVER,
        "The command is not executable",
        "Start scripts with their interpreter, as in python train.py or sh run.sh.",
    ),
    127: FailureReason(
        FailureKind.COMMAND,
        Retry.NEVER,
        "The command was not found",
        "Check its spelling, and that the image or the requirements bring it.",
    ),
    130: FailureReason(
        FailureKind.COMMAND,
        Retry.AS_USUAL,
        "The command was interrupted, as by Ctrl-C",
        "Look for what sends SIGINT: a script, a launcher, a notebook's tool; else try again.",
    ),
    132: FailureReason(
        FailureKind.COMMAND,
        Retry.AS_USUAL,  # another machine may have the instruction
        "The command used an instruction that its machine's processor lacks",
        "Take an instance_type with a newer processor, or a build of the library for older ones.",
    ),
    134: FailureReason(
        FailureKind.COMMAND,
        Retry.AS_USUAL,  # NCCL's watchdog ends a process so, too
        "The command broke itself off (SIGABRT)",
        "Read what C or C++ code printed last: most often an assertion, lack of memory, or NCCL's watchdog.",
    ),
    135: FailureReason(
        FailureKind.COMMAND,
        Retry.AS_USUAL,
        "The command broke off with a bus error, most often for lack of shared memory",
        "Give the data loader fewer workers, or give instance_spec a larger shared_memory.",
    ),
    137: FailureReason(
        FailureKind.COMMAND,
        Retry.AS_USUAL,  # memory or an end from outside: the code alone does not tell
        "The command was killed, most often for lack of memory",
        "Take an instance_type with more memory, or let the command use less, with a smaller batch for instance.",
    ),
    139: FailureReason(
        FailureKind.COMMAND,
        Retry.NEVER,
        "The command broke off with a segmentation fault",
        "Look for a library that does not fit the image: its CUDA, its driver or its Python.",
    ),
    143: FailureReason(
        FailureKind.INTERRUPTED,
        Retry.AS_USUAL,
        "The command was ended from outside, as when its machine is taken away",
        "Give checkpoints_path, so that another attempt resumes where this one stopped.",
    ),
    245: FailureReason(
        FailureKind.COMMAND,
        Retry.AS_USUAL,  # a network or another machine may be the cause
        "The command's instances lost each other, as when NCCL waits in vain",
        "Look in the log of every instance for the first that failed.",
    ),
}
"""What exit codes tell beyond "it failed"."""
KILLED = frozenset({132, 135, 137, 139})
"""Exit codes of a command that a signal ended from one moment to the next: no exception of its own is the cause."""
OTHER_EXIT_CODE = FailureReason(FailureKind.COMMAND, Retry.NEVER, "The command failed", _MEND)
EXIT_CODE = re.compile(
    r"\bexit(?:ed)?[ _]?(?:with )?(?:exit )?(?:code|status)\W{0,3}([1-9]\d{0,2})\b|\bexitCode\W{1,3}([1-9]\d{0,2})\b",
    re.IGNORECASE,
)
"""How DLC's events [skills] and local PAI name exit codes."""

STOPPED_BY_AIRFLOW = FailureReason(
    FailureKind.STOPPED,
    Retry.AS_USUAL,
    "Airflow itself stopped the job, for an attempt of the task that was over",
    "Nothing is wrong with the job: try again.",
)
STOPPED_BY_PERSON = FailureReason(
    FailureKind.STOPPED,
    Retry.NEVER,
    "{0} stopped the job on the task's Training tab",
    "Ask why; clear the task to train after all.",
)
STOPPED = FailureReason(
    FailureKind.STOPPED,
    Retry.AS_USUAL,  # PAI may end a job that ran out of time so, too [inferred]
    "The job was stopped; PAI does not say by whom",
    "Look at its page in PAI's console: a person may have stopped it, or PAI at max_run_time.",
)
UNEXPLAINED = FailureReason(
    FailureKind.UNEXPLAINED,
    Retry.AS_USUAL,
    "The job failed after it had started; PAI does not say why",
    "Most often the command itself failed: read its last log lines.",
)
NEVER_RAN = FailureReason(
    FailureKind.UNEXPLAINED,
    Retry.AS_USUAL,
    "The job failed before its command was started; PAI does not say why",
    "Look at its events on its page in PAI's console: image, quota, data and permissions come into question.",
)
OVERDUE = FailureReason(
    FailureKind.TIMEOUT,
    Retry.NEVER,
    "The job was still running when execution_timeout passed, and was stopped",
    "Raise execution_timeout, or give checkpoints_path, so that another attempt resumes where this one stopped.",
)
OVERDUE_IN_QUEUE = FailureReason(
    FailureKind.TIMEOUT,
    Retry.AS_USUAL,
    "The job had not even started when execution_timeout passed, and was stopped",
    "Raise execution_timeout, take another instance_type or fewer instances, or ask for more quota.",
)
