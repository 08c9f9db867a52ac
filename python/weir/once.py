"""For readers of topics that are written at least once: drop what came before."""

from collections import OrderedDict


class Once:
    """Says which keys are new, by what the last `remembered` ones were; about 100 bytes each.

        once = Once()
        for message in consumer:
            if once.is_new(message.key()):
                act_on(message.value())

    Remember as many as a writer may repeat: for `jobs/stream.py` the events of one batch. A reader
    that must drop repeats over its own restart too keeps the ids with its results instead, in the
    same transaction of its database.
    """

    def __init__(self, remembered: int = 100_000) -> None:
        self._remembered = remembered
        self._keys: OrderedDict[bytes, None] = OrderedDict()

    def is_new(self, key: bytes) -> bool:
        """True the first time."""
        if key in self._keys:
            self._keys.move_to_end(key)
            return False
        self._keys[key] = None
        if len(self._keys) > self._remembered:
            self._keys.popitem(last=False)
        return True
