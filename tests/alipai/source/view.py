"""Writes down everything a job sees: variables, arguments, its folder, every file with a digest, every folder."""

import hashlib
import json
import os
import sys
from pathlib import Path

root = Path(os.environ["PAI_CONFIG_DIR"]).parents[1]
below = sorted(root.rglob("*"))
view = {
    "variables": dict(os.environ),
    "arguments": sys.argv[1:],
    "folder": str(Path.cwd()),
    "files": {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in below if path.is_file()
    },
    "folders": [str(path.relative_to(root)) for path in below if path.is_dir()],
    "links": [str(path.relative_to(root)) for path in below if path.is_symlink()],
    "user": [os.getuid(), os.getgid(), os.umask(0)],
}
Path(os.environ["PAI_OUTPUT_MODEL"], "view.json").write_text(json.dumps(view))
