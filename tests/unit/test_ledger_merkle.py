"""The Merkle tree against published roots, a naive tree and an independent package."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree  # type: ignore[import-untyped]

from warden.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    check_consistency,
    check_inclusion,
    hash_leaf,
    prove_consistency,
    prove_inclusion,
    root_of,
)

# The reference inputs of the certificate-transparency implementations, and the roots over the first 1 to 8 of them.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
LEAVES = [hash_leaf(data) for data in INPUTS]
DATA = st.lists(st.binary(max_size=8), min_size=1, max_size=40)


def naive_root(data: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not data:
        return hashlib.sha256().digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    k = 1
    while k * 2 < len(data):
        k *= 2
    return hashlib.sha256(b"\x01" + naive_root(data[:k]) + naive_root(data[k:])).digest()


def naive_consistency(m: int, data: list[bytes], whole: bool = True) -> list[bytes]:
    """RFC 6962, section 2.1.2, word for word: SUBPROOF(m, D[n], b)."""
    if m == len(data):
        return [] if whole else [naive_root(data)]
    k = 1
    while k * 2 < len(data):
        k *= 2
    if m <= k:
        return [*naive_consistency(m, data[:k], whole), naive_root(data[k:])]
    return [*naive_consistency(m - k, data[k:], False), naive_root(data[:k])]


def package_tree(data: list[bytes]) -> InmemoryTree:
    """The same tree of the independent package."""
    tree = InmemoryTree(algorithm="sha256")
    for item in data:
        tree.append_entry(item)
    return tree


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size: int) -> None:
    """The roots over the reference inputs are the published ones."""
    assert root_of(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_empty_root() -> None:
    """The empty tree's root is the hash of nothing."""
    assert root_of([]) == EMPTY_ROOT == hashlib.sha256(b"").digest()


@given(DATA)
def test_roots_agree(data: list[bytes]) -> None:
    """Our root, the naive one and the package's are the same."""
    assert root_of([hash_leaf(item) for item in data]) == naive_root(data) == package_tree(data).get_root()


@given(DATA, DATA)
def test_frontier_appends(first: list[bytes], second: list[bytes]) -> None:
    """A frontier that is written, read back and extended is the frontier of the whole."""
    leaves = [hash_leaf(item) for item in first + second]
    frontier = Frontier().extended(leaves[: len(first)])
    again = Frontier.from_bytes(frontier.size, frontier.to_bytes()).extended(leaves[len(first) :])
    assert again == Frontier().extended(leaves)
    assert again.root() == naive_root(first + second)


@pytest.mark.parametrize(
    ("size", "data"), [(1, b""), (1, bytes(31)), (2, bytes(64)), (3, bytes(32)), (-1, b""), (0, bytes(32))]
)
def test_frontier_must_fit_its_size(size: int, data: bytes) -> None:
    """Bytes of another length than the size asks for are refused."""
    with pytest.raises(ValueError):
        Frontier.from_bytes(size, data)


@given(DATA, st.data())
def test_inclusion_proofs(data: list[bytes], draw: st.DataObject) -> None:
    """Our proof of a leaf is the package's, and holds for that leaf, place, size and root alone."""
    index = draw.draw(st.integers(0, len(data) - 1))
    leaves = [hash_leaf(item) for item in data]
    path, root = prove_inclusion(leaves, index), root_of(leaves)
    theirs = package_tree(data).prove_inclusion(index + 1)
    assert [bytes(node) for node in theirs.path[1:]] == list(path)
    assert check_inclusion(leaves[index], index, len(data), path, root)
    assert not check_inclusion(hash_leaf(b"other"), index, len(data), path, root)
    assert not check_inclusion(leaves[index], index, len(data), path, hash_leaf(b"other"))
    assert not check_inclusion(leaves[index], index, len(data), (*path, root), root)
    assert not check_inclusion(leaves[index], len(data), len(data), path, root)
    assert not check_inclusion(leaves[index], -1, len(data), path, root)
    if path:
        assert not check_inclusion(leaves[index], index, len(data), path[:-1], root)


@given(DATA, st.data())
def test_consistency_proofs(data: list[bytes], draw: st.DataObject) -> None:
    """Our proof between two sizes is the RFC's, and holds between these two roots alone."""
    size = draw.draw(st.integers(1, len(data)))
    leaves = [hash_leaf(item) for item in data]
    path = prove_consistency(leaves, size)
    old, new = root_of(leaves[:size]), root_of(leaves)
    assert list(path) == naive_consistency(size, data)
    assert check_consistency(size, len(data), path, old, new)
    assert not check_consistency(size, len(data), path, hash_leaf(b"other"), new)
    assert not check_consistency(size, len(data), path, old, hash_leaf(b"other"))
    assert not check_consistency(size, len(data), (*path, old), old, new)
    assert not check_consistency(len(data) + 1, len(data), path, old, new)
    assert not check_consistency(0, len(data), path, old, new)
    if path:
        assert not check_consistency(size, len(data), path[:-1], old, new)
        assert not check_consistency(size, len(data), (), old, new)


def test_proofs_of_every_small_tree() -> None:
    """Every leaf of every tree up to 33 leaves, and every pair of sizes, has a proof that holds."""
    leaves = [hash_leaf(bytes([number])) for number in range(33)]
    for size in range(1, 34):
        root = root_of(leaves[:size])
        for index in range(size):
            assert check_inclusion(leaves[index], index, size, prove_inclusion(leaves[:size], index), root)
        for old in range(1, size + 1):
            path = prove_consistency(leaves[:size], old)
            assert check_consistency(old, size, path, root_of(leaves[:old]), root)


@pytest.mark.parametrize("index", [-1, 8])
def test_no_proof_outside_the_tree(index: int) -> None:
    """There is no proof for a leaf that is not there, nor for an old tree that is none."""
    with pytest.raises(IndexError):
        prove_inclusion(LEAVES, index)
    with pytest.raises(IndexError):
        prove_consistency(LEAVES, 0 if index < 0 else 9)
