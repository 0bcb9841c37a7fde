"""What lines of a job's log tell of its end beyond what the service says: a table of hints, which never decide."""

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
        kills: whether the kernel may end a process so; of a killed command nothing else is the cause.
        collateral: whether it is often the consequence of another process's end, so that an earlier line tells more.
    """

    pattern: re.Pattern[str]
    cause: str
    advice: str
    kills: bool = False
    collateral: bool = False


def _hints(*rows: tuple[str, str, str], kills: bool = False, collateral: bool = False) -> tuple[Hint, ...]:
    return tuple(Hint(re.compile(pattern), cause, advice, kills, collateral) for pattern, cause, advice in rows)


_CARRIAGE_RETURN = (
    r"\$'[^']*\\r'|env: .*\\r'|can't open file '[^']*(?:\\r|\r)'"
    r"|\r['\": ]|\^M|invalid \w+ value: '[^']*\\r'|^: (?:command )?not found"
    r"|^: No such file or directory|^: invalid option"
)
"""As shells and Python show it; a line that it has cut in two begins with the colon."""
_UNREADABLE = (
    r"(?:Syntax|Indentation|Tab)Error: |unsupported operand type\(s\) for \|: '(?:type|_\w+|ABCMeta)"
    r"|TypeError: '(?:type|ABCMeta)' object is not subscriptable"
)
_WRONG_ARGUMENTS = (
    r"^\S+: error: ((?:unrecognized arguments|the following arguments|argument |invalid|one of).*)"
    r"|^Error: ((?:No such|Missing|Invalid value|Got unexpected).*)"
)
_NO_FILE = (
    r"(?:FileNotFoundError|No such file or directory)\b.*?: '([^']+)'"
    r"|cannot open ([^\s:]+): No such file|(?:'([^']+)'|(\S+))(?:: Cannot open)?: No such file or directory$"
)
_GPU_MEMORY = (
    r"\b(?:CUDA|HIP) out of memory|CUDA error: out of memory|\btorch\.(?:cuda\.)?OutOfMemoryError|STATUS_ALLOC_FAILED"
    r"|OOM when allocating tensor|[Oo]ut of memory error on GPU|RESOURCE_EXHAUSTED: Out of memory"
    r"|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|No available memory for the cache blocks"
    r"|Free memory on device .* is less than"
)
_NO_CUDA = (
    r"no kernel image is available|CUDA driver version is insufficient|Found no NVIDIA driver|no CUDA-capable device"
    r"|CUDA initialization|NVIDIA driver on your system is too old|not compiled with CUDA enabled"
    r"|forward compatibility was attempted|unsupported display driver / cuda driver|CUDA_ERROR_NO_DEVICE"
    r"|No CUDA GPUs are available|torch\.cuda\.is_available\(\) is False"
)
_SHARED_MEMORY = (
    r"insufficient shared memory|killed by signal: Bus error|out of shared memory|^Bus error"
    r"|unable to (?:open|write to|mmap|resize|allocate)\b.{0,60}(?:shared memory|</torch_)"
    r"|shared memory segment|No space left on device.{0,20}'/(?:psm_|dev/shm)"
)
_NO_MEMORY = (
    r"^(?:\w+\.)*(?:_?Array|Arrow)?MemoryError|Unable to allocate \S+ \w+ for an array"
    r"|[Cc]an(?:no|')t allocate memory(?! in static TLS)|std::bad_alloc|^(?:\S+: (?:line )?\d+: +\d* *)?Killed\b"
    r"|killed by signal: Killed|Signals\.SIGKILL|exitcode\s*: -9\b|OOM when allocating tensor.*device:CPU"
    r"|node running low on memory"
)
_NETWORK = (
    r"NewConnectionError|Connect(?:ion)?Timeout(?:Error)?\b|ReadTimeout(?:Error)?\b|NameResolutionError|ProxyError"
    r"|SSLError|[Nn]ame resolution|Name or service not known|Could not resolve host|Network is unreachable"
    r"|(?:URLError|ConnectionError|OSError|ConnectionRefusedError|TimeoutError): .*"
    r"(?:Connection timed out|Connection refused|timed out)|[Cc]ouldn't connect to 'http|unable to resolve host"
)
_NO_LOGIN = (
    r"\b40[13] Client Error|HTTP Error 40[13]\b|HTTP error 40[13] while getting|Authentication failed for"
    r"|returned error: 40[13]|could not read (?:Username|Password) for|Permission denied \(publickey"
    r"|(?:\w+\.)*exceptions\.AccessDenied: "
)
_LOST = (
    r"\bNCCL error|\bncclUnhandledCudaError|\bnccl(?:System|Remote|Internal)Error|Watchdog caught collective"
    r"|DistBackendError|DistNetworkError|DistStoreError|Gloo connectFullMesh|gloo.*Connection closed by peer"
    r"|clients joined|ConnectionResetError|BrokenPipeError"
)
_LESS_MEMORY = "Take an instance_type with more memory, or let the command use less, with a smaller batch for instance."
_VERSIONS = "Check the spelling, and name a version in requirements that has it."
_NUMBERS = "Look at the data and the learning rate before the first such value."

UNTRUSTED = Hint(
    re.compile(r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError|certificate verify failed"),
    "the certificate of a server is not trusted",
    "Give its certificate authority, as PIP_CERT or REQUESTS_CA_BUNDLE in environments, or name another address.",
)
INDEX_REFUSES = Hint(
    re.compile(r"\b40[13] Error, Credentials not correct|HTTP error 40[13]|User for \S+:"),
    "the package index refused the job's credentials",
    "Give the index's address with its user and password as PIP_INDEX_URL in environments.",
)
INDEX_UNREACHABLE = Hint(
    re.compile(r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|NameResolutionError|ProxyError|SSLError"),
    "pip could not reach the package index",
    "Let the job's network reach it (user_vpc_config), or name a mirror as PIP_INDEX_URL in environments.",
)
NO_DISTRIBUTION = Hint(
    re.compile(r"No matching distribution found for (\S+)"),
    "pip finds no version of {0} for the image's Python",
    "Check name and version, and the image's Python version.",
)
BEFORE_NO_DISTRIBUTION = (UNTRUSTED, INDEX_REFUSES, INDEX_UNREACHABLE)
"""What pip says of an index, as a warning, before it says that there is no such distribution."""
SHARED_MEMORY = Hint(
    re.compile(_SHARED_MEMORY),
    "the shared memory (/dev/shm) was used up",
    "Give the data loader fewer workers, or give instance_spec a larger shared_memory.",
    kills=True,
)

HINTS: tuple[Hint, ...] = (
    # No module, no such name and the codes of a command: [skills]; the others are what shells, Python, pip, git,
    # PyTorch, TensorFlow, Paddle, JAX, vLLM and the Hugging Face Hub say.
    *_hints(
        (
            (
                r"(?:ModuleNotFound|Import)Error: No module named '?([\w.]+)'?|: No module named '?([\w.]+)'?$"
                r"|Could not import module \"([\w.]+)\""
            ),
            "Python has no module {0}",
            "Add it to requirements, under the name that pip knows it by; a module of your own must lie in source_dir.",
        ),
        (
            r"ImportError: cannot import name '(\w+)' from '([\w.]+)'(?!.*circular)",
            "the installed {1} has no {0}",
            _VERSIONS,
        ),
        (r"AttributeError: module '([\w.]+)' has no attribute '(\w+)'", "the installed {0} has no {1}", _VERSIONS),
        (
            r"(?:ImportError: |shared libraries: |OSError: )(lib[\w.+-]+\.so[\w.]*): cannot open",
            "the image has no library {0}",
            "Take an image that has it, or let the command install its system package first.",
        ),
        (
            r"version [`'](\w+_[\d.]+)' not found",
            "the image's system is too old for an installed program or library, which needs {0}",
            "Take a newer image, or older versions in requirements.",
        ),
        (
            _UNREADABLE,
            "Python can't read the code",
            "Mend the line that the log names; syntax newer than the image's Python looks the same.",
        ),
        (
            _CARRIAGE_RETURN,
            "a script has Windows line ends (CRLF), which a shell takes for a part of names and commands",
            "Save it with Unix line ends, for example with dos2unix or git's core.autocrlf=input.",
        ),
        (
            r"set: Illegal option -o pipefail|\bsh: .*(?:\[\[: not found|Bad substitution|\"\(\" unexpected)",
            "the script is written for bash and run by sh",
            "Start it with bash, as in bash run.sh or bash -c '...'.",
        ),
        (
            r"^\S*: (?:line )?\d*:? ?([\w.+-]*/[\w./+-]+): (?:command )?not found",
            "{0} is not there, or the program that its #! line names is not, as with Windows line ends (CRLF)",
            "Check its path and first line, save it with Unix line ends, or start it as in sh run.sh.",
        ),
        (
            r"^\S*: (?:line )?\d*:? ?([\w./+-]+): (?:command )?not found",
            "{0} is not in the image",
            "Check its spelling, or take an image that has it.",
        ),
        (
            r"^(?:\S+: )*(?:line )?(?:\d+: )?(\S+): Permission denied$",
            "{0} may not be executed or opened",
            "Start scripts with their interpreter, as in python train.py or sh run.sh; check the file's mode.",
        ),
        (
            r"[Ee]xec format error",
            "a program is for another processor, or a script has no #! line",
            "Start scripts with their interpreter, as in sh run.sh; build programs for the image's processor.",
        ),
    ),
    *_hints((_NO_MEMORY, "the machine's memory was used up", _LESS_MEMORY), kills=True),
    *_hints(
        (
            _GPU_MEMORY,
            "the GPU's memory was used up",
            "Take a smaller batch or model, or an instance_type with more GPU memory.",
        ),
        (
            r"java\.lang\.OutOfMemoryError",
            "Java's heap was used up",
            "Give Java more, with -Xmx or spark.driver.memory, or take an instance_type with more memory.",
        ),
        kills=True,
    ),
    *_hints(
        (
            r"device-side assert triggered",
            "an assertion failed on the GPU, most often for a label or an index out of range",
            "Compare the labels with the number of classes; CUDA_LAUNCH_BLOCKING=1 in environments shows the place.",
        ),
        (
            _NO_CUDA,
            "the image's CUDA does not fit the machine's GPU, or the machine has none",
            "Take an image for the GPU's CUDA version, or an instance_type with a GPU.",
        ),
    ),
    SHARED_MEMORY,
    *_hints(
        (
            r"[Ss]egmentation fault|Signals\.SIGSEGV|exitcode\s*: -11\b",
            "a process broke off with a segmentation fault",
            "Look for a library that does not fit the image: its CUDA, its driver or its Python.",
        ),
        (
            r"Illegal instruction",
            "the machine's processor lacks an instruction that a program uses",
            "Take an instance_type with a newer processor, or a build of the library for older ones.",
        ),
        kills=True,
    ),
    *_hints(
        (
            r"No space left on device|Disk quota exceeded",
            "a disk was full",
            "Write less, remove what is not needed, or take a machine with a larger disk.",
        ),
        (
            r"PytorchStreamWriter failed|inline_container\.cc.*unexpected pos",
            "a file could not be written to its end, most often because a disk was full",
            "Save fewer or smaller checkpoints, or take a machine with a larger disk.",
        ),
        (
            r"(?:Package|ERROR:) '?(\S+?)'? requires a different Python",
            "{0} does not support the image's Python",
            "Name a version in requirements that does, or take an image with another Python.",
        ),
        (
            r"ResolutionImpossible|have conflicting dependencies",
            "the requirements contradict each other",
            "Loosen the versions that pip names above, or name ones that fit together.",
        ),
        (
            r"DO NOT MATCH THE HASHES|HashMismatch|Hashes are required",
            "a package is not the one that the requirements' hashes name",
            "Make the hashes anew from the index that the job uses, or let it use the one that they were made from.",
        ),
        (
            r"Invalid requirement: (.+)",
            "a requirement can't be read: {0}",
            "Write it as pip knows it, for example torch==2.4.0.",
        ),
        (
            r"Failed building wheel for (\S+)|Failed to build '?([\w.-]+)",
            "pip could not build {0}",
            "Take a version that has a wheel for the image's Python, or an image with what the build needs.",
        ),
        (
            r"subprocess-exited-with-error|metadata-generation-failed|error: command '\S+' failed",
            "pip could not build a package from its source",
            "Take a version that has a wheel for the image's Python, or an image with what the build needs.",
        ),
        (
            r"^E: Unable to locate package (\S+)",
            "apt knows no package {0}",
            "Let the command run apt-get update first, and check the name.",
        ),
        (
            r"externally-managed-environment",
            "the image's Python lets pip install nothing beside its system's packages",
            "Name the packages in requirements, or give pip --break-system-packages in the command.",
        ),
    ),
    NO_DISTRIBUTION,
    *_hints(
        (
            r"GatedRepo|gated repo|Access to model \S+ is restricted",
            "the Hugging Face repository is gated, and the job has no access to it",
            "Ask for access on its page and give the job HF_TOKEN, or upload the model to OSS and give it in inputs.",
        ),
        (
            r"\b429 (?:Client Error|Too Many)|HTTP Error 429|429.{0,20}Too Many Requests|toomanyrequests",
            "a server got too many requests (HTTP 429)",
            "Try again later or log in there; data and models that every job needs are best put into OSS, in inputs.",
        ),
        (
            r"\b404 Client Error|HTTP Error 404\b|returned error: 404|ERROR 404: Not Found",
            "there is nothing at an address (HTTP 404)",
            "Check the address, the name and the version that the command asks for.",
        ),
        (
            _NO_LOGIN,
            "a server refused the job's credentials, or got none",
            "Give the job a token or a key that may read there, or put what it needs into OSS, in inputs.",
        ),
        (
            r"fatal: repository '([^']+)' (?:not found|does not exist)|ERROR: Repository not found()",
            "git finds no such repository, or may not see it",
            "Check its address, and give the job access to it.",
        ),
        (
            r"(?:\w+\.)*exceptions\.NoSuch(?:Key|Bucket): ",
            "OSS has no such object or bucket",
            "Check bucket, key and region that the code uses, or give the data in inputs.",
        ),
        (
            r"(?i:address already in use)|EADDRINUSE|Only one usage of each socket address",
            "a port is in use already",
            "Take another port; of the processes on one machine, one may listen on it.",
        ),
    ),
    UNTRUSTED,
    *_hints(
        (
            _NETWORK,
            "a network address could not be reached",
            "Check the address, and that the job's network reaches it (user_vpc_config).",
        ),
    ),
    *_hints(
        (
            _LOST,
            "the job's processes lost each other, as when NCCL waits in vain",
            "Look in the log of every instance for the first that failed; NCCL_DEBUG=INFO in environments shows more.",
        ),
        (
            r"DataLoader worker .*(?:exited unexpectedly|killed by signal)",
            "a worker of the data loader ended",
            "Set num_workers=0 to see its error; often memory or shared memory was used up.",
        ),
        collateral=True,
    ),
    *_hints(
        (
            r"can't open file '([^']+)'",
            "there is no file {0}",
            "Give the script in source_dir: the command runs in the folder of the source code.",
        ),
        (
            r"(?:Read-only file system|OSError: \[Errno 30\].*): '([^']+)'|(?:'([^']+)'|(\S+)): Read-only file system",
            "{0} can't be written: its file system is for reading only",
            "Write into the folder of an output, $PAI_OUTPUT_<CHANNEL>, or copy an input before it is changed.",
        ),
        (
            r"PermissionError: .*: '([^']+)'",
            "the command may not open {0}",
            "Check the file's mode; write into the folder of an output, $PAI_OUTPUT_<CHANNEL>.",
        ),
        (
            _NO_FILE,
            "there is no file {0}",
            "Check its path: the command runs in the folder of the source code, inputs lie at $PAI_INPUT_<CHANNEL>.",
        ),
        (
            _WRONG_ARGUMENTS,
            "a program refused its arguments: {0}",
            "Compare the command and the hyperparameters with what the program's --help says.",
        ),
        (
            r"(?:Error|Exception): .*(?:\b[Ll]oss\w*\b.{0,20}\b(?:nan|NaN|inf)\b|(?i:contains nan)|[Nn]on-finite)",
            "a number that should be finite is NaN or infinite",
            _NUMBERS,
        ),
        (
            r"^KeyboardInterrupt\b",
            "the command was interrupted, as by Ctrl-C",
            "Look for what sends SIGINT: a script, a launcher, a notebook's tool; else try again.",
        ),
    ),
)
"""What a line of the log may add for the author; of several in one line the first of these counts."""
