"""What real ends of logs tell: one table of texts as programs print them, so long lines stay long."""

# ruff: noqa: E501

from __future__ import annotations

import pytest

from airflow_provider_pai.model.training.log_cause import find_cause


def traceback(exception: str, *, file: str = "/ml/usercode/train.py", line: int = 12) -> str:
    return (
        "Traceback (most recent call last):\n"
        f'  File "{file}", line {line}, in <module>\n'
        "    main()\n"
        '  File "/usr/lib/python3/dist-packages/lib.py", line 900, in call\n'
        "    raise error\n"
        f"{exception}"
    )


TORCHRUN = """E1130 10:00:00.000000 7 torch/distributed/elastic/multiprocessing/api.py:826] failed (exitcode: 1) local_rank: 0
Traceback (most recent call last):
  File "/opt/conda/bin/torchrun", line 33, in <module>
    sys.exit(load_entry_point('torch', 'console_scripts', 'torchrun')())
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
train.py FAILED
------------------------------------------------------------
Failures:
  <NO_OTHER_FAILURES>
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-30_10:00:00
  host      : master-0
  rank      : 0 (local_rank: 0)
  exitcode  : 1 (pid: 7)
  error_file: <N/A>
  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html
============================================================"""
PROGRESS = "\n".join(f"epoch {number} loss 0.{number}" for number in range(30))

CASES = {
    # Python
    traceback("ModuleNotFoundError: No module named 'timm'"): ("no module timm", "requirements"),
    "/usr/bin/python3: No module named train": ("no module train", "source_dir"),
    traceback("ImportError: cannot import name 'Trainer' from 'trl' (/opt/trl/__init__.py)"): ("trl has no Trainer", "version"),
    traceback("AttributeError: module 'numpy' has no attribute 'float'"): ("numpy has no float", "requirements"),
    traceback("ImportError: libGL.so.1: cannot open shared object file: No such file or directory"): ("library libGL.so.1", "image"),
    traceback("ImportError: /lib/x86_64/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by a.so)"): ("GLIBCXX_3.4.32", "image"),
    '  File "train.py", line 3\n    match x:\n          ^\nSyntaxError: invalid syntax': ("can't read the code", "newer than the image's Python"),
    traceback("TypeError: unsupported operand type(s) for |: 'type' and 'NoneType'"): ("can't read the code", "Python"),
    traceback("KeyError: 'label'"): ("Python ended with KeyError: 'label' (train.py, line 12)", "the traceback names"),
    traceback("AssertionError"): ("AssertionError (train.py, line 12)", "traceback"),
    traceback("AssertionError: loss is nan at step 300"): ("NaN or infinite", "learning rate"),
    traceback("ValueError: Input X contains NaN."): ("NaN or infinite", "data"),
    traceback("KeyboardInterrupt"): ("interrupted", "SIGINT"),
    # Memory
    traceback("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 15.78 GiB)"): ("GPU's memory", "smaller batch"),
    traceback("RuntimeError: CUDA error: out of memory\nCUDA kernel errors might be reported asynchronously"): ("GPU's memory", "smaller batch"),
    traceback("tensorflow.python.framework.errors_impl.ResourceExhaustedError: Graph execution error:\n\nDetected at node 'dense/MatMul'\nOOM when allocating tensor with shape[8192,8192] and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc"): ("GPU's memory", "smaller batch"),
    traceback("ResourceExhaustedError: OOM when allocating tensor with shape[9] on /job:localhost/device:CPU:0 by allocator cpu"): ("machine's memory", "instance_type"),
    traceback("SystemError: (Fatal) Operator matmul raises an exception.\n\nResourceExhaustedError: \n\nOut of memory error on GPU 0. Cannot allocate 4.0GB memory on GPU 0, 15.7GB memory has been allocated"): ("GPU's memory", "smaller batch"),
    traceback("jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 1073741824 bytes."): ("GPU's memory", "smaller batch"),
    traceback("ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`"): ("GPU's memory", "GPU memory"),
    traceback("numpy.core._exceptions._ArrayMemoryError: Unable to allocate 7.45 GiB for an array with shape (1,)"): ("machine's memory", "instance_type"),
    "run.sh: line 3:    17 Killed                  python train.py": ("machine's memory", "instance_type"),
    traceback("subprocess.CalledProcessError: Command '['python', 'a.py']' died with <Signals.SIGKILL: 9>."): ("machine's memory", "instance_type"),
    traceback("RuntimeError: DataLoader worker (pid 31) is killed by signal: Killed."): ("machine's memory", "instance_type"),
    'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space': ("Java's heap", "-Xmx"),
    traceback("RuntimeError: DataLoader worker (pid 31) is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory."): ("/dev/shm", "shared_memory"),
    traceback("RuntimeError: unable to write to file </torch_33_123_0>: No space left on device (28)"): ("/dev/shm", "shared_memory"),
    # Disk
    traceback("OSError: [Errno 28] No space left on device: '/ml/output/model/a.bin'"): ("disk was full", "disk"),
    traceback("RuntimeError: [enforce fail at inline_container.cc:603] . unexpected pos 704 vs 598"): ("disk was full", "checkpoints"),
    traceback("OSError: [Errno 122] Disk quota exceeded"): ("disk was full", "disk"),
    # GPU and processes
    traceback("RuntimeError: CUDA error: no kernel image is available for execution on the device"): ("CUDA does not fit", "image"),
    traceback("RuntimeError: The NVIDIA driver on your system is too old (found version 11040)."): ("CUDA does not fit", "image"),
    traceback("AssertionError: Torch not compiled with CUDA enabled"): ("CUDA does not fit", "image"),
    traceback("RuntimeError: CUDA error: device-side assert triggered"): ("label or an index", "CUDA_LAUNCH_BLOCKING"),
    traceback("torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:1970, unhandled system error, NCCL version 2.20.5"): ("lost each other", "NCCL_DEBUG"),
    "[rank1]:[E1130 10:00:00.1 ProcessGroupNCCL.cpp:607] [Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=3)": ("lost each other", "NCCL_DEBUG"),
    traceback("torch.distributed.DistStoreError: Timed out after 601 seconds waiting for clients. 1/2 clients joined."): ("lost each other", "first that failed"),
    "host:7:9 [0] misc/shmutils.cc:72 NCCL WARN Error while creating shared memory segment /dev/shm/nccl-a (size 9637888)\n" + traceback("torch.distributed.DistBackendError: NCCL error in: x.cpp:1, unhandled system error"): ("/dev/shm", "shared_memory"),
    traceback("torch.OutOfMemoryError: CUDA out of memory.") + "\n" + traceback("torch.distributed.DistBackendError: NCCL error in: x.cpp:1, remote process exited"): ("GPU's memory", "smaller batch"),
    traceback("torch.distributed.DistNetworkError: The server socket has failed to listen on any local network address. port: 29500, EADDRINUSE: address already in use"): ("port is in use", "another port"),
    traceback("OSError: [Errno 98] Address already in use"): ("port is in use", "another port"),
    traceback("KeyError: 'label'") + "\n" + TORCHRUN: ("KeyError: 'label' (train.py, line 12)", "traceback"),
    TORCHRUN.replace("exitcode  : 1", "exitcode  : -9"): ("machine's memory", "instance_type"),
    "Fatal Python error: Segmentation fault": ("segmentation fault", "library"),
    traceback("RuntimeError: No CUDA GPUs are available"): ("CUDA does not fit", "instance_type"),
    traceback("ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory."): ("machine's memory", "instance_type"),
    # Files
    traceback("FileNotFoundError: [Errno 2] No such file or directory: '/ml/input/data/train/a.csv'"): ("no file /ml/input/data/train/a.csv", "PAI_INPUT"),
    "python: can't open file '/ml/usercode/trian.py': [Errno 2] No such file or directory": ("no file /ml/usercode/trian.py", "source_dir"),
    "cat: /ml/input/x: No such file or directory": ("no file /ml/input/x", "PAI_INPUT"),
    traceback("PermissionError: [Errno 13] Permission denied: '/opt/model'"): ("may not open /opt/model", "PAI_OUTPUT"),
    traceback("OSError: [Errno 30] Read-only file system: '/ml/input/data/a'"): ("reading only", "PAI_OUTPUT"),
    "sh: 1: ./train.sh: Permission denied": ("./train.sh may not be executed", "sh run.sh"),
    "touch: cannot touch '/usr/x': Read-only file system": ("/usr/x can't be written", "PAI_OUTPUT"),
    "cp: cannot stat 'my data/a.csv': No such file or directory": ("no file my data/a.csv", "PAI_INPUT"),
    "tar: x.tar.gz: Cannot open: No such file or directory": ("no file x.tar.gz", "PAI_INPUT"),
    "sh: 0: cannot open run.sh: No such file": ("no file run.sh", "PAI_INPUT"),
    # Shells
    "sh: 1: ./run.sh: not found": ("as with Windows line ends", "first line"),
    "python: can't open file '/ml/usercode/x.py\\r': [Errno 2] No such file or directory": ("Windows line ends", "dos2unix"),
    "sh: 1: nvcc: not found": ("nvcc is not in the image", "image"),
    "run.sh: line 2: deepspeed: command not found": ("deepspeed is not in the image", "image"),
    "/bin/sh: 1: ./run.sh: /bin/bash^M: bad interpreter: No such file or directory": ("Windows line ends", "dos2unix"),
    "/usr/bin/env: 'bash\\r': No such file or directory": ("Windows line ends", "dos2unix"),
    "run.sh: line 2: set: pipefail\r: invalid option name": ("Windows line ends", "dos2unix"),
    "sh: 1: set: Illegal option -o pipefail": ("written for bash", "bash"),
    "exec /ml/usercode/run: exec format error": ("another processor", "#!|interpreter"),
    "usage: train.py [-h] [--epochs EPOCHS]\ntrain.py: error: unrecognized arguments: --lr 0.1": ("refused its arguments: unrecognized arguments: --lr 0.1", "--help"),
    "Usage: train.py [OPTIONS]\nTry 'train.py --help' for help.\n\nError: No such option: --lr": ("No such option: --lr", "--help"),
    # pip
    "ERROR: Could not find a version that satisfies the requirement torch==9.9 (from versions: 2.0)\nERROR: No matching distribution found for torch==9.9": ("no version of torch==9.9", "version"),
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<...>: Temporary failure in name resolution')': /simple/torch/\nERROR: No matching distribution found for torch": ("could not reach the package index", "PIP_INDEX_URL"),
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] self-signed'))': /simple/torch/\nERROR: No matching distribution found for torch": ("certificate", "PIP_CERT"),
    "WARNING: 401 Error, Credentials not correct for https://idx/simple/torch/\nERROR: No matching distribution found for torch": ("refused the job's credentials", "PIP_INDEX_URL"),
    "The conflict is caused by:\n    a 1 depends on b<2\nERROR: ResolutionImpossible: for help visit https://pip.pypa.io": ("contradict each other", "versions"),
    "ERROR: Cannot install a==1 and b==2 because these package versions have conflicting dependencies.": ("contradict each other", "versions"),
    "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.": ("hashes", "index"),
    "ERROR: Package 'scipy' requires a different Python: 3.8.10 not in '>=3.9'": ("scipy does not support", "another Python"),
    "  ERROR: Failed building wheel for flash-attn": ("could not build flash-attn", "wheel"),
    "error: metadata-generation-failed": ("could not build a package", "wheel"),
    "error: externally-managed-environment": ("beside its system's", "requirements"),
    "E: Unable to locate package libgl1": ("apt knows no package libgl1", "apt-get update"),
    # Network and logins
    "curl: (22) The requested URL returned error: 404": ("nothing at an address", "Check the address"),
    "curl: (22) The requested URL returned error: 403": ("credentials", "token"),
    "wget: unable to resolve host address 'a.b'": ("address could not be reached", "user_vpc_config"),
    traceback("requests.exceptions.HTTPError: 429 Client Error: Too Many Requests for url: https://huggingface.co/a"): ("HTTP 429", "OSS"),
    traceback("huggingface_hub.errors.GatedRepoError: 401 Client Error.\n\nCannot access gated repo for url https://huggingface.co/meta-llama/x\nAccess to model meta-llama/x is restricted."): ("gated", "HF_TOKEN"),
    traceback("requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://huggingface.co/a")
    + "\n\nThe above exception was the direct cause of the following exception:\n\n"
    + traceback("my.DownloadFailed: no model"): ("refused the job's credentials", "token"),
    traceback("OSError: We couldn't connect to 'https://huggingface.co' to load the files"): ("address could not be reached", "user_vpc_config"),
    "fatal: unable to access 'https://github.com/a/b/': Could not resolve host: github.com": ("address could not be reached", "user_vpc_config"),
    "fatal: could not read Username for 'https://github.com': terminal prompts disabled": ("credentials", "token"),
    "remote: Repository not found.\nfatal: repository 'https://github.com/a/b/' not found": ("no such repository", "address"),
    traceback("oss2.exceptions.NoSuchKey: {'status': 404, 'Key': 'a'}"): ("no such object", "bucket"),
    # Two patterns: the last cause counts, not what was survived or what it led to.
    traceback("ModuleNotFoundError: No module named 'tensorboard'") + "\n" + traceback("KeyError: 'label'"): ("KeyError: 'label'", "traceback"),
    traceback("KeyError: 'a'") + "\n\nDuring handling of the above exception, another exception occurred:\n\n" + traceback("ValueError: no a"): ("ValueError: no a (train.py, line 12), while it handled KeyError: 'a'", "traceback"),
    "nvidia-smi: command not found\n" + traceback("ValueError: bad data"): ("ValueError: bad data", "traceback"),
    traceback("KeyError: 'label'") + "\nException ignored in: <function Run.__del__ at 0x7f>\n" + traceback("AttributeError: 'NoneType' object has no attribute 'close'"): ("KeyError: 'label'", "traceback"),
    PROGRESS + "\n" + traceback("torch.OutOfMemoryError: CUDA out of memory.") + "\nwandb: Run history:\nwandb: loss _\nwandb: Synced": ("GPU's memory", "smaller batch"),
    "[rank0]: " + traceback("KeyError: 'label'").replace("\n", "\n[rank0]: "): ("KeyError: 'label' (train.py, line 12)", "traceback"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "cause", "advice"), [(text, *expected) for text, expected in CASES.items()])
def test_the_end_of_a_log_gives_the_real_cause_and_the_next_step(text: str, cause: str, advice: str) -> None:
    found = find_cause(text.split("\n"))
    assert found is not None
    assert cause in found.cause
    assert any(word in found.advice for word in advice.split("|"))


ORDINARY = [
    "warning: out of memory, retry succeeded",
    "WARNING:root:CUDA out of memory, lowering the batch size",
    "CUDA out of memory, retrying with batch 8",
    "2026-11-30 10:00:00 INFO CUDA out of memory is handled by the trainer",
    "epoch 3 error_rate: 0.12 killed: 3",
    "UserWarning: CUDA initialization: Found no NVIDIA driver on your system.",
    "/opt/t.py:3: UserWarning: Can't initialize NVML: No space left on device",
    "E external/local_xla/cuda_driver.cc:152] failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device",
    "tensorboard not installed: ModuleNotFoundError: No module named 'tensorboard'; logging is disabled",
    "loss is finite; lossless: inf",
    "the key was not found in the cache",
    "host:1:2 [0] NCCL INFO Call to connect returned Connection refused, retrying",
    "read 'label\\r' from the header",
    "args: Namespace(error: 'argument')",
]


@pytest.mark.parametrize("line", ORDINARY)
def test_words_of_an_ordinary_log_are_no_cause(line: str) -> None:
    assert find_cause(["epoch 1", line]) is None
    assert "KeyError" in find_cause([line, *traceback("KeyError: 'a'").split("\n"), line]).cause  # type: ignore[union-attr]


@pytest.mark.parametrize("text", [each for each in CASES if "NCCL" not in each])
def test_what_a_command_ran_on_from_for_long_is_no_cause(text: str) -> None:
    assert find_cause([*text.split("\n"), *PROGRESS.split("\n"), "the data has no rows"]) is None


@pytest.mark.parametrize("text", [traceback("KeyError: 'a'"), "x: command not found"])
def test_of_a_killed_command_only_what_kills_is_the_cause(text: str) -> None:
    assert find_cause(text.split("\n"), killed=True) is None
    shared = [*text.split("\n"), "RuntimeError: DataLoader worker is killed by signal: Bus error."]
    assert "/dev/shm" in find_cause(shared, killed=True).cause  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "filler",
    ["x" * 64_000, "a: " * 20_000, "'" * 64_000, "Error: " * 9_000],
    ids=["letters", "words", "quotes", "errors"],
)
def test_a_long_line_is_searched_at_both_its_ends(filler: str) -> None:
    assert "disk was full" in find_cause([f"OSError: [Errno 28] No space left on device {filler}"]).cause  # type: ignore[union-attr]
    assert find_cause([f"{filler} unable to resolve host"] * 50)
