"""Documents that repeat one another, which belong together wherever documents are split or shuffled.

Two documents are alike when half of their windows of 8 tokens are the same, estimated by one-permutation MinHash (Li,
Owen and Zhang 2012): hashed windows fall into 64 bins, and the smallest hash of a bin is a random window of the
document.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np

from estimator.arrays import IntArray, mixed

WINDOW = 8
ALIKE = 0.5
"""Share of common windows from which documents are alike."""
_BITS = 6
_EMPTY = np.uint64(2**64 - 1)


def alike_documents(tokens: IntArray, offsets: IntArray) -> IntArray:
    """The unit of each document, int64 [documents]: alike documents have the same, numbered by first occurrence.

    Document d is ``tokens[offsets[d]:offsets[d + 1]]``, of 8 tokens or more.
    """
    documents = len(offsets) - 1
    document = np.repeat(np.arange(documents), np.diff(offsets))
    ends = len(tokens) - WINDOW + 1
    hashes = np.zeros(ends, dtype=np.uint64)
    for place in range(WINDOW):
        hashes = mixed(hashes + tokens[place : place + ends].astype(np.uint64))
    whole = document[:ends] == document[WINDOW - 1 :]
    hashes, document = hashes[whole], document[:ends][whole]
    smallest = np.full((documents, 1 << _BITS), _EMPTY)
    np.minimum.at(smallest, (document, (hashes >> np.uint64(64 - _BITS)).astype(np.int64)), hashes)
    first, second = [], []
    for column in smallest.T:
        filled = np.flatnonzero(column != _EMPTY)
        _, at, value = np.unique(column[filled], return_index=True, return_inverse=True)
        first.append(filled[at][value])
        second.append(filled)
    pairs = np.unique(np.stack([np.concatenate(first), np.concatenate(second)]), axis=1)
    one, other = pairs[:, pairs[0] != pairs[1]]
    filled = smallest != _EMPTY
    same = ((smallest[one] == smallest[other]) & filled[one]).sum(1)
    linked = same >= ALIKE * (filled[one] | filled[other]).sum(1)
    return _components(documents, one[linked], other[linked])


def sharing(keys: Iterable[Iterable[Hashable]]) -> IntArray:
    """The unit of each item, int64 [items]: items that share a key have the same, numbered by first occurrence.

    A key of more than half of the items says nothing about which of them belong together, and is ignored.
    """
    owners: dict[Hashable, list[int]] = {}
    items = 0
    for item, mine in enumerate(keys):
        items += 1
        for one in mine:
            owners.setdefault(one, []).append(item)
    shared = [found for found in owners.values() if 1 < len(found) <= items / 2]
    first = np.array([found[0] for found in shared for _ in found], dtype=np.int64)
    second = np.array([item for found in shared for item in found], dtype=np.int64)
    return _components(items, first, second)


def _components(items: int, first: IntArray, second: IntArray) -> IntArray:
    # These take 0.13 s to import, which the screen, which makes no sample, must not wait for.
    import scipy.sparse as sp
    from scipy.sparse.csgraph import connected_components

    links = sp.coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(items, items))
    _, component = connected_components(links, directed=False)
    _, at, unit = np.unique(component, return_index=True, return_inverse=True)
    if len(at) == 1:  # the jackknife needs two units: where all belong together, each stands for itself
        return np.arange(items)
    numbered: IntArray = np.argsort(np.argsort(at))[unit].astype(np.int64)
    return numbered
