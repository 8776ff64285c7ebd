"""Keys: the native walk agrees with the slow one, and tells apart exactly what is different."""

import math

from hypothesis import given
from hypothesis import strategies as st

import makespan as ms
from makespan.testing import first_difference
from makespan.testing.reference_keys import canonical_bytes, fast_canonical_bytes

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, -1, 127, 128, -128, -129, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1])
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters(), max_size=80)
    | st.text(st.characters(categories=["Cs", "L"]), max_size=5)
    | st.binary(max_size=200)
    | st.binary(max_size=5).map(bytearray)
)
HASHABLE = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.binary(max_size=3)
PLAIN = st.recursive(
    ATOMS | st.sets(HASHABLE, max_size=4) | st.frozensets(HASHABLE, max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=4)
    ),
    max_leaves=12,
)
# Few values that are alike, so that pairs of them are often the same.
ALIKE = st.recursive(
    st.sampled_from([0, 1, 1.0, True, False, "", b"", "1", None, math.nan, bytearray()]),
    lambda inner: st.lists(inner, max_size=2) | st.lists(inner, max_size=2).map(tuple),
    max_leaves=3,
)


@given(PLAIN)
def test_native_bytes_are_those_of_the_slow_walk(value: object) -> None:
    assert fast_canonical_bytes(value) == canonical_bytes(value)


@given(ALIKE, ALIKE)
def test_keys_are_equal_exactly_where_values_are_the_same(left: object, right: object) -> None:
    is_same = first_difference(left, right) is None
    assert (ms.key_of(left) == ms.key_of(right)) == is_same


@given(st.lists(PLAIN, max_size=3), st.lists(PLAIN, max_size=3))
def test_sequences_of_encodings_can_be_told_apart(left: list[object], right: list[object]) -> None:
    encoded = [[canonical_bytes(value) for value in values] for values in (left, right)]
    assert (b"".join(encoded[0]) == b"".join(encoded[1])) == (encoded[0] == encoded[1])


@given(st.lists(st.integers() | st.text(max_size=3), max_size=8), st.randoms(use_true_random=False))
def test_order_of_sets_does_not_matter(members: list[object], random: object) -> None:
    shuffled = list(members)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ms.key_of(set(members)) == ms.key_of(set(shuffled))
