"""Pretends to train, as the variable TASK says: how many steps, how well, and how it ends."""

import json
import math
import os
import time
from pathlib import Path

import pai_report

task = json.loads(os.environ["TASK"])
steps, last = task["steps"], task.get("until", task["steps"])
for text in task.get("prints", ()):
    print(text)
for step in range(last):
    share = step / steps
    pai_report.metric("loss", math.exp(-3 * share) * task.get("scale", 1) + 0.02 * math.sin(40 * share), step=step)
    if step % (steps // 10) == 0:
        print(f"epoch {step * 10 // steps + 1}/10 lr={0.1 * (1 - share):.4f}")
        pai_report.metric("validation_accuracy", (1 - 0.5 * math.exp(-4 * share)) / task.get("scale", 1), step=step)
        time.sleep(task.get("pause", 0))
        pai_report.progress(share, f"epoch {step * 10 // steps + 1}/10")
if task.get("ends") == "badly":
    __import__("a_module_that_is_not_there")
if task.get("ends") == "never":
    time.sleep(1200)
pai_report.progress(1, "done")
(Path(os.environ["PAI_OUTPUT_MODEL"]) / "model.json").write_text(json.dumps({"steps": steps}), encoding="utf-8")
