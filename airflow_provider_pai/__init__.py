"""Apache Airflow provider for training jobs on Alibaba Cloud PAI.

What belongs here: the version. Airflow imports this module in every process, so it imports nothing.
"""

from __future__ import annotations

__version__ = "0.1.0"
