"""What performance claims are measured with: ``make bench``, or ``python -m benchmarks NAME ...``.

Each benchmark is a module with a function ``run() -> Report``. Ours and the peers are measured in the same run, on the
same server, one after the other. What runs in another environment (see :mod:`benchmarks.peers`) imports nothing from
here but the standard library's part.

What belongs here: measurements. What does not: assertions about behaviour (those are ``tests``).
"""
