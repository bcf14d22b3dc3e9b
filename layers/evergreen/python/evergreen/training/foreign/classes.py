"""The order of a model's classes, from what it answers to the user's rows.

Probabilities come in an order of classes that a file need not name. It is the one that the user
names, or that the file names, or in which the file's own labels follow from its probabilities. An
order that cannot be told is refused: a guess would be served wrongly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from evergreen.bundle.labels import near_tie
from evergreen.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ClassType = Literal["string", "integer", "boolean"]

_PAIR = 2
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class ClassAnswers:
    """What a file answers to n rows, and what is known of its classes.

    Parameters
    ----------
    labels
        Its labels, shape (n,): names of classes, or places in a list of them; None without any.
    scores
        Its probabilities, shape (n, classes), or (n, 1) of the second of two; None without any.
    seen
        The labels that the rows have, as text, each once.
    by_file
        The classes in the file's order, if it has them.
    named
        The classes in the file's order, if the user names them.
    """

    labels: NDArray[Any] | None
    scores: NDArray[Any] | None
    seen: tuple[str, ...]
    by_file: tuple[str, ...] | None = None
    named: tuple[str, ...] | None = None

    @property
    def pairs(self) -> NDArray[np.float64]:
        """The probability of each class, where the file may have only the second one."""
        assert self.scores is not None
        scores = self.scores.astype(np.float64)
        return np.hstack([1 - scores, scores]) if scores.shape[1] == 1 else scores

    @property
    def texts(self) -> NDArray[np.object_]:
        """The labels as text; of a boolean target 0 and 1 are False and True."""
        assert self.labels is not None
        labels = self.labels
        truth = labels.dtype.kind == "b" or type_of_classes(self.seen) == "boolean"
        if truth and labels.dtype.kind in "iub" and {*labels.tolist()} <= {0, 1}:
            labels = labels.astype(bool)
        return np.array([str(label) for label in labels.tolist()], dtype=object)

    def are_names(self, known: Sequence[str]) -> bool:
        """Return whether the labels are among these classes, and not places in their list."""
        return self.labels is not None and {*self.texts.tolist()} <= {*known}

    def order(self) -> tuple[str, ...]:
        """Return the classes in the order of the probabilities, or as the labels count them.

        Raises
        ------
        BundleError
            If it cannot be told, or what is named does not fit what the file answers.
        """
        count = None if self.scores is None else max(self.scores.shape[1], _PAIR)
        by_file = self.by_file if {*self.seen} <= {*(self.by_file or ())} else None
        known = self.named or by_file
        if known is not None:
            if len({*known}) != len(known) or (count is not None and len(known) != count):
                raise BundleError(
                    f"the classes {list(known)} are not {count or 'all'} different ones",
                    fix=self._fix(),
                )
            self._require_followed(known)
        elif not self._speaks_of_seen():
            if self._has_text_labels():
                raise BundleError(
                    f"its labels {sorted({*self.texts.tolist()})[:5]} are not those of the rows, "
                    f"{sorted(self.seen)[:10]}",
                    fix=self._fix(),
                )
            raise BundleError(
                "it does not say which class is which: its classes have no names, and the rows "
                f"have the labels {', '.join(sorted(self.seen)[:10])}",
                fix=self._fix(),
            )
        elif count is None:
            known = tuple(sorted({*self.seen, *self.texts.tolist()}))
        else:
            known = self._followed(count)
        if unknown := sorted({*self.seen} - {*known}):
            raise BundleError(
                f"the rows have the labels {unknown[:5]}, which are no class of the model: "
                f"{list(known)[:20]}",
                fix=self._fix(),
            )
        return known

    def _has_text_labels(self) -> bool:
        return self.labels is not None and self.labels.dtype.kind in "OU"

    def _fix(self) -> str:
        if self._has_text_labels() and not self.are_names(self.seen):
            return "Write the labels that the model answers into the target's column of the rows."
        return _tell(self.seen)

    def _speaks_of_seen(self) -> bool:
        if self.labels is None:
            return False
        return type_of_classes(self.texts.tolist()) == type_of_classes(self.seen)

    def _followed(self, count: int) -> tuple[str, ...]:
        """Return the order in which the file's own labels follow from its probabilities."""
        pairs, texts = self.pairs, self.texts
        places, sure = pairs.argmax(axis=1), ~near_tie(pairs)
        order: list[str | None] = []
        for place in range(count):
            names, times = np.unique(
                texts[sure & (places == place)].astype(str), return_counts=True
            )
            order.append(str(names[times.argmax()]) if names.size else None)
        left = sorted({*self.seen, *texts.tolist()} - {*order})
        if order.count(None) == 1 and len(left) == 1:
            order = [name or left[0] for name in order]
        known = tuple(name for name in order if name is not None)
        if len({*known}) != count:
            raise BundleError(
                f"the order of its {count} classes cannot be told from these rows, to which it "
                f"answers {', '.join(sorted({*texts.tolist()})[:10])}",
                fix=self._fix(),
            )
        return known

    def _require_followed(self, known: tuple[str, ...]) -> None:
        """Check that labels fit the classes, and follow from the probabilities in this order."""
        if self.labels is None:
            return
        said: NDArray[Any] = self.labels
        if self.are_names(known):
            said = np.array([known.index(text) for text in self.texts], dtype=np.intp)
        elif said.dtype.kind not in "iu" or not ((said >= 0) & (said < len(known))).all():
            strange = sorted({*self.texts.tolist()} - {*known})
            raise BundleError(
                f"its labels {strange[:5]} are neither among the classes {list(known)[:20]}, nor "
                "places in this list",
                fix=self._fix(),
            )
        if self.scores is None:
            return
        pairs = self.pairs
        sure = ~near_tie(pairs)
        # Labels need not follow from the probabilities; but in the right order most of them do.
        if sure.any() and np.mean(pairs.argmax(axis=1)[sure] == said[sure]) < 1 / 2:
            raise BundleError(
                f"its labels do not follow from its probabilities in the order {list(known)}",
                fix=self._fix(),
            )


def type_of_classes(classes: Sequence[str]) -> ClassType:
    """Return the JSON type of classes, as training tells it from their texts."""
    if {*classes} <= {"False", "True"}:
        return "boolean"
    return "integer" if all(_INTEGER.fullmatch(name) for name in classes) else "string"


def _tell(seen: tuple[str, ...]) -> str:
    example = ",".join(sorted(seen)[:3]) or "A,B"
    if len(seen) > 3:
        example += ",…"
    if " " in example:
        example = f'"{example}"'
    return (
        f"Name the classes in the model's order, such as --classes {example}. The first is the "
        "class of the first probability, or of label 0."
    )
