"""Where the lifecycle says what a person should know: a task's logger, of Airflow or of Python."""

from __future__ import annotations

from typing import Any, Protocol


class Log(Protocol):
    """What takes messages as a logger of the standard library does; Airflow's loggers do, too."""

    def info(self, message: Any, /, *values: Any) -> Any:
        """Take what is as it should be."""
        ...

    def warning(self, message: Any, /, *values: Any) -> Any:
        """Take what a person may have to act upon."""
        ...
