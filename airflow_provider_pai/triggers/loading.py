"""Load modules off the event loop: hundreds of them take a third of a second, in which nothing else there runs."""

from __future__ import annotations

import asyncio
from importlib import import_module
from weakref import WeakKeyDictionary

_loaded: set[str] = set()
_loading: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Future[object]]] = WeakKeyDictionary()


async def load(name: str) -> None:
    """Load a module in a thread, once for all who ask for it at the same time.

    Args:
        name: the module's full name.
    """
    if name in _loaded:
        return
    loop = asyncio.get_running_loop()
    under_way = _loading.setdefault(loop, {})
    if name not in under_way:
        under_way[name] = loop.run_in_executor(None, import_module, name)
    # One who no longer waits must not end it for the others.
    await asyncio.shield(under_way[name])
    _loaded.add(name)
