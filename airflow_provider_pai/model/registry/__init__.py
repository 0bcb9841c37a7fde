"""Registered models, their versions and approval; which version is a job's; where a model comes from.

What a service or a job is belongs to ``model/serving`` and ``model/training``; requests and answers to ``api``.
"""
