"""A real Airflow that watches local PAI; Airflow 2 has no watchers and collects none of these tests."""

from __future__ import annotations

import airflow

collect_ignore_glob = ["test_*.py"] if airflow.__version__.startswith("2.") else []
