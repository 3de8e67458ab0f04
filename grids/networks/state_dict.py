"""Loading a state dict into the network that was read off it, with errors that name the key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from torch import Tensor, nn

from grids.errors import WeightsError

Network = TypeVar("Network", bound=nn.Module)


def load_strict(network: Network, state: Mapping[str, Tensor], what: str) -> Network:
    """Put a state into a network, all of it or nothing.

    Args:
        network: whose weights are replaced, in place.
        state: all of its entries and no others, of the same shapes. It is not changed, and its tensors are copied.
        what: what the network is called in errors, such as "a U-Net".

    Returns:
        The same network.

    Raises:
        WeightsError: a key is missing, does not belong to the network, or has another shape; the first by name is told.
            The network is as before then.
    """
    expected = network.state_dict()
    for key in sorted(expected.keys() | state.keys()):
        if key not in state:
            raise mismatch_error(what, f"there is no '{key}'")
        if key not in expected:
            raise mismatch_error(what, f"'{key}' does not belong to it")
        if state[key].shape != expected[key].shape:
            shapes = f"{tuple(state[key].shape)}, not {tuple(expected[key].shape)}"
            raise mismatch_error(what, f"'{key}' is {shapes}")
    network.load_state_dict(dict(state))
    return network


def get_entry(state: Mapping[str, Tensor], key: str, dimensions: int, what: str) -> Tensor:
    """Take one tensor of a state, whose shape says how large the network is.

    Args:
        state: of a network that is not known yet.
        key: of the tensor.
        dimensions: how many it must have.
        what: what the network is called in errors.

    Returns:
        The tensor itself, not a copy.

    Raises:
        WeightsError: there is no such entry, or it has other dimensions.
    """
    found = state.get(key)
    if found is None:
        raise mismatch_error(what, f"there is no '{key}'")
    if found.ndim != dimensions:
        raise mismatch_error(what, f"'{key}' has {found.ndim} dimensions, not {dimensions}")
    return found


Seen = tuple[int, int, int] | None
RGB: Seen = (3, 3, 3)
"""What most networks' first convolutions see: 3 channels of 3 x 3 pixels."""


def read_width(state: Mapping[str, Tensor], key: str, what: str, blocks: int, levels: int = 0, sees: Seen = RGB) -> int:
    """Read how many channels a convolution makes, such as the first one of a network.

    A damaged or hostile file could name a size that takes all memory; so the network is not made where the state holds
    too little for it.

    Args:
        state: of a network that is not known yet.
        key: of that convolution's weights.
        what: what the network is called in errors.
        blocks: how many of at least width^2 weights it would have.
        levels: how often channels are doubled.
        sees: channels, height and width of what the convolution sees; None where they are not known.

    Returns:
        The channels, at least 1.

    Raises:
        WeightsError: there is no such convolution, it sees something else, or the state holds too little for a network
            of that size.
    """
    found = tuple(get_entry(state, key, 4, what).shape)
    if not found[0] or found[1:] != (sees or found[1:]):
        needed = ", ".join(map(str, sees or found[1:]))
        raise mismatch_error(what, f"'{key}' is {found}, where (width, {needed}) is needed, with a width of 1 or more")
    held = sum(value.numel() for value in state.values())
    if max(blocks * found[0] ** 2, (found[0] << levels) ** 2) > held:
        raise mismatch_error(what, f"it holds {held} numbers, too few for '{key}', {found}, and {blocks} blocks")
    return found[0]


def read_heads(state: Mapping[str, Tensor], key: str, channels: int, what: str) -> int:
    """Read the heads of an attention between channels (see `grids.networks.blocks.TransposedAttention`).

    Args:
        state: of a network that is not known yet.
        key: of the attention's temperature.
        channels: that the attention would have.
        what: what the network is called in errors.

    Returns:
        The heads, at least 1.

    Raises:
        WeightsError: there is no such entry, or the channels are no multiple of the heads.
    """
    heads = get_entry(state, key, 3, what).shape[0]
    if not heads or channels % heads:
        raise mismatch_error(what, f"'{key}' is ({heads}, 1, 1), which does not divide {channels} channels")
    return heads


def list_parts(state: Mapping[str, Tensor], prefix: str) -> tuple[str, ...]:
    """List the names that come after a prefix in the keys of a state, up to the next dot.

    Args:
        state: of any network.
        prefix: with its last dot, such as "decoders.".

    Returns:
        Sorted, each once; empty where no key has the prefix.

    >>> list_parts(dict.fromkeys(("body.1.weight", "body.0.weight", "last.weight"), Tensor()), "body.")
    ('0', '1')
    """
    return tuple(sorted({key.removeprefix(prefix).split(".")[0] for key in state if key.startswith(prefix)}))


def count_parts(state: Mapping[str, Tensor], prefix: str) -> int:
    """Count the names that `list_parts` lists.

    Args:
        state: of any network.
        prefix: with its last dot, such as "body.".
    """
    return len(list_parts(state, prefix))


def mismatch_error(what: str, why: str) -> WeightsError:
    """Make the error for a state of another network; the caller raises it.

    Args:
        what: what the network is called, such as "a U-Net".
        why: what is wrong with the state, naming the entry.
    """
    return WeightsError(f"these are not the weights of {what}: {why}")


@contextmanager
def prefix_errors(what: str) -> Iterator[None]:
    """Begin the message of any WeightsError that is raised inside `with` by what was being done.

    Args:
        what: such as "cannot use 'x.pth'"; a colon and the message follow.

    Raises:
        WeightsError: one was raised inside. Other exceptions pass as they are.
    """
    try:
        yield
    except WeightsError as error:
        raise WeightsError(f"{what}: {error}") from error
