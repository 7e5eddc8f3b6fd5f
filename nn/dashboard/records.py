"""Records: what a dashboard has seen of a network at some of its steps, in a bounded number."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from nn.dashboard.page import encoded_json

MOST_RECORDS, FEWEST_RECORDS = 120, 12  # records
HISTOGRAMS = 20_000  # in all records together, as far as FEWEST_RECORDS allows
KEYS = {"step", "values", "gradients", "outputs"}  # that each record has


class Records:
    """Records of a training, made at regular turns; every second one is dropped if they are many.

    The last one can be of any step, and is replaced by the next.
    """

    def __init__(self, histograms: int) -> None:
        self.most = max(FEWEST_RECORDS, min(MOST_RECORDS, HISTOGRAMS // max(histograms, 1)))
        self.turn, self.stride = 0, 1
        self._kept: list[tuple[int, str]] = []  # turns, and the records as JSON
        self._last: str | None = None

    def wanted(self) -> bool:
        """Return True if the record of this turn will be kept."""
        return self.turn % self.stride == 0

    def end_turn(self, record: dict[str, Any] | None) -> None:
        """Keep the record of this turn, if it was wanted, and go on to the next."""
        if record is not None:
            self._kept.append((self.turn, encoded_json(record)))
            self._last = None
        self.turn += 1
        if len(self._kept) > self.most:
            self.stride *= 2
            self._kept = [(turn, text) for turn, text in self._kept if turn % self.stride == 0]

    def set_last(self, record: dict[str, Any]) -> None:
        """Put a record behind the others, until there is another one."""
        self._last = encoded_json(record)

    def texts(self) -> Iterable[str]:
        """Return the records, as JSON."""
        return [text for _, text in self._kept] + [self._last] * (self._last is not None)  # type: ignore[list-item]

    def state_dict(self) -> dict[str, Any]:
        """Return the records that were kept, and whose turn it is."""
        text = f"[{','.join(text for _, text in self._kept)}]"
        turns = np.array([turn for turn, _ in self._kept], np.int64)
        letters = np.frombuffer(text.encode(), np.uint8)
        return {"turn": self.turn, "stride": self.stride, "turns": turns, "records": letters}

    def load_state_dict(self, state: Any, names: set[str]) -> None:
        """Go on from the state of other records, of parameters of these names.

        Raises: ValueError if they are none, or are of other parameters.
        """
        turn, stride = state["turn"], state["stride"]
        records = json.loads(np.asarray(state["records"], np.uint8).tobytes())
        turns = np.asarray(state["turns"]).tolist()
        if not (type(turn) is type(stride) is int and 0 < stride <= 2**40 and 0 <= turn <= 2**62):
            raise ValueError(f"its turn {turn!r} and stride {stride!r} are no numbers of records")
        if (
            not isinstance(records, list)
            or len(records) != len(turns)
            or len(turns) > MOST_RECORDS + 1
        ):
            raise ValueError("its records and their turns do not fit together")
        if not all(isinstance(r, dict) and r.keys() >= KEYS for r in records):
            raise ValueError("one of its records has not the form of one")
        if strange := [r["values"] for r in records if set(r["values"]) != names]:
            raise ValueError(f"its parameters are {', '.join(strange[0])}, not those of this model")
        self.turn, self.stride, self._last = turn, stride, None
        self._kept = list(zip(turns, map(encoded_json, records)))
