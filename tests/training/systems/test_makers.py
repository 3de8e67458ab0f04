"""What a recipe makes of a network: hierarchies of heads, and trunks that are given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from contracts import raises_line
from training.tiny_systems import TASKS, batch
from training.tiny_trainings import tiny_experiment

from grids import networks
from grids.errors import GridsError
from grids.restoration.models import initialize
from grids.training.recipes import TABLE, Extras, get_recipe
from grids.training.systems.makers import PLAIN, prepare_maker


def test_hierarchies() -> None:
    recipe, said = get_recipe("liu-durbm"), list[str]()
    maker = prepare_maker("liu-durbm", recipe.small, recipe.tasks, Extras(say=said.append))
    assert maker.options == {"topology": (("rain",), ("motion_blur",), ("jpeg",), ("haze",))}
    assert said == ["decoders: R>B>J>H"]
    assert prepare_maker("liu-durbm", recipe.small, ("jpeg", "rain"), Extras()) is PLAIN
    other = prepare_maker("liu-durbm", recipe.small, ("jpeg", "rain"), Extras(topology="jpeg>R"))
    assert other.options == {"topology": (("jpeg",), ("rain",))}
    raises_line(
        lambda: prepare_maker("liu-durbm", recipe.small, ("jpeg", "rain"), Extras(topology="J>X")),
        "character 3",
        kind=GridsError,
    )


def test_a_given_trunk_rests_at_first(tmp_path: Path) -> None:
    file = tmp_path / "trunk.pth"
    torch.save(networks.build("walha-mtlgan-small", TASKS).encoder.trunk.state_dict(), file)  # type: ignore[union-attr]
    config = TABLE["walha-mtlgan"].get_config(iterations=40, crop=16, batch=2)
    maker = prepare_maker("walha-mtlgan", "walha-mtlgan-small", TASKS, Extras(trunk=file))
    network = initialize("walha-mtlgan-small", 0, 1, TASKS)
    system = maker.make(network, TASKS, config)
    resting = []
    for step in (0, 1, 2, 39):
        for _, loss in system.losses(system.modules, batch(step, numbers=(0, 1)), step):
            network.zero_grad()
            loss.backward()
        resting.append(all(value.grad is None for value in network.encoder.trunk.parameters()))  # type: ignore[union-attr]
        assert all(value.grad is not None for value in network.encoder.lateral.parameters())  # type: ignore[union-attr]
    assert resting == [True, True, False, False]


def test_a_start_goes_before_a_given_trunk(photos: Path, tmp_path: Path) -> None:
    """Groups start from a restorer for all tasks, which has learnt on from that trunk."""
    trunk = networks.build("walha-mtlgan-small", TASKS).encoder.trunk.state_dict()  # type: ignore[union-attr]
    torch.save(trunk, tmp_path / "trunk.pth")
    maker = prepare_maker("walha-mtlgan", "walha-mtlgan-small", TASKS, Extras(trunk=tmp_path / "trunk.pth"))
    given = tiny_experiment(sorted(photos.iterdir()), TASKS, network="walha-mtlgan-small", maker=maker)
    begun = given.make_system(TASKS, 0).modules["network"].state_dict()
    assert all(torch.equal(begun[f"encoder.trunk.{key}"], value) for key, value in trunk.items())
    start = networks.build("walha-mtlgan-small", TASKS).state_dict()
    system = replace(given, start=start).make_system(("haze",), 0)
    made = system.modules["network"].state_dict()
    assert all(torch.equal(value, start[key]) for key, value in made.items())
    next(system.losses(system.modules, batch(numbers=(0, 0)), 0))
    assert all(value.requires_grad for value in system.modules["network"].parameters())  # nothing is random: none rests


def test_a_trunk_of_another_shape_is_named(tmp_path: Path) -> None:
    file = tmp_path / "trunk.pth"
    torch.save({"features.0.0.weight": torch.zeros(2, 3, 3, 3)}, file)
    recipe = get_recipe("walha-mtlgan")
    maker = prepare_maker("walha-mtlgan", recipe.small, TASKS, Extras(trunk=file))
    network = networks.build(recipe.small, TASKS)
    raises_line(lambda: maker.make(network, TASKS, recipe.get_config()), "features.", kind=GridsError)
