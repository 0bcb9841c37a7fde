"""What a job's log tells of its end beyond what the service says: a hint for its author, which never decides."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Hint:
    """What a line of the log tells of an end; ``{0}`` in its texts is the pattern's group.

    Attributes:
        pattern: finds the line.
        cause: what it tells.
        advice: what the author can do; a sentence.
    """

    pattern: re.Pattern[str]
    cause: str
    advice: str


UNREACHABLE = re.compile(
    r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|NameResolutionError|ProxyError|SSLError"
)
"""What pip says of an index that it can't reach; afterwards it says that there is no such distribution."""
NO_DISTRIBUTION = re.compile(r"No matching distribution found for (\S+)")
INDEX_UNREACHABLE = Hint(
    UNREACHABLE,
    "pip could not reach the package index",
    "Let the job's network reach it (user_vpc_config), or name a mirror as PIP_INDEX_URL in environments.",
)
_CARRIAGE_RETURN = r"\\r'|\r['\": ]|\^M|^: (?:command )?not found|^: No such file or directory"
"""As shells and Python show it; a line that it has cut in two begins with the colon."""
_NO_CUDA = (
    r"no kernel image is available|CUDA driver version is insufficient|Found no NVIDIA driver|no CUDA-capable device"
    r"|CUDA initialization"
)
_NO_MEMORY = (
    r"^(?:\w+\.)*MemoryError|Unable to allocate \S+ \w+ for an array|[Cc]an(?:no|')t allocate memory"
    r"|std::bad_alloc|^Killed$"
)
_LESS_MEMORY = "Take an instance_type with more memory, or let the command use less, with a smaller batch for instance."
HINTS: tuple[Hint, ...] = tuple(
    Hint(re.compile(pattern), cause, advice)
    for pattern, cause, advice in (
        # The first and the third: [skills]; the others are what shells, Python, PyTorch and pip say.
        (
            r"ModuleNotFoundError: No module named '([\w.]+)'",
            "Python has no module {0}",
            "Add it to requirements, under the name that pip knows it by.",
        ),
        (
            _CARRIAGE_RETURN,
            "a script has Windows line ends (CRLF), which a shell takes for a part of names and commands",
            "Save it with Unix line ends, for example with dos2unix or git's core.autocrlf=input.",
        ),
        (
            r"^\S*: (?:line )?\d*:? ?(\S+): (?:command )?not found",
            "{0} is not in the image",
            "Check its spelling, or take an image that has it.",
        ),
        (
            r"CUDA out of memory|CUDA error: out of memory|OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED",
            "the GPU's memory was used up",
            "Take a smaller batch or model, or an instance_type whose GPU has more memory.",
        ),
        (
            _NO_CUDA,
            "the image's CUDA does not fit the machine's GPU, or the machine has none",
            "Take an image for the GPU's CUDA version, or an instance_type with a GPU.",
        ),
        (
            r"insufficient shared memory|killed by signal: Bus error",
            "the shared memory (/dev/shm) was used up",
            "Give the data loader fewer workers, or give instance_spec a larger shared_memory.",
        ),
        (
            _NO_MEMORY,
            "the machine's memory was used up",
            _LESS_MEMORY,
        ),
        (
            r"No space left on device",
            "a disk was full",
            "Write less, remove what is not needed, or take a machine with a larger disk.",
        ),
        (
            NO_DISTRIBUTION.pattern,
            "pip finds no version of {0} for the image's Python",
            "Check name and version, and the image's Python version.",
        ),
        (
            UNREACHABLE.pattern,
            "a network address could not be reached",
            "Check the address, and that the job's network reaches it (user_vpc_config).",
        ),
        (
            r"FileNotFoundError: .*: '([^']+)'",
            "there is no file {0}",
            "Check its path: the command runs in the folder of the source code, inputs lie at $PAI_INPUT_<CHANNEL>.",
        ),
    )
)
"""What a line of the log may add for the author; of several lines the last counts."""
