"""A store: the memory store under another name, as a place to start from.

A store of your own implements `ConversationStore` of `manent.runtime.ports.store`.
"""

import logging

from manent.extensions.options import NoOptions
from manent.stores.memory import MemoryStore

log = logging.getLogger("manent_shop")


class ShopStore(MemoryStore):
    options = NoOptions

    @classmethod
    def from_options(cls, options, site):
        return cls()

    async def open(self):
        await super().open()
        log.warning("conversations are kept in memory and are lost when the server stops")
