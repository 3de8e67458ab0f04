"""Pictures of the recipes' networks, for `recipe_runs.py`."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from common import PICTURES, split_files, table
from numpy.typing import NDArray
from PIL import Image
from selection_use import degraded

from grids.degradations import degradation
from grids.images import builtin_photos, read_photo
from grids.images.faces import crop_face, find_faces
from grids.images.photo import Photo
from grids.images.tensors import crop_middle
from grids.networks import DuRBM
from grids.networks.heads import select_head
from grids.random import seed_for, seeded
from grids.reports.comparison_sheet import Restored, restored_sheet
from grids.restoration.models import load_restorer
from grids.restoration.tiling import restore_image

SEED = 0


def sheet(folder: Path, recipes: Iterable[str]) -> None:
    """docs/pictures/recipes.jpg: built-in photographs through the head of every task of the recipes' networks."""
    paths = builtin_photos()
    rows: dict[str, Restored] = {}
    for recipe in (name for name in recipes if not name.startswith("grids-")):
        loaded = load_restorer(folder / f"{recipe}.safetensors")
        for task in loaded.tasks:
            path = paths[len(rows) % len(paths)]
            clean = _face() if recipe == "shen-face" else crop_middle(read_photo(path).tensor(), 192)
            image = degraded(clean, task, path.name)
            made = restore_image(select_head(loaded.network, task), image, torch.device("cpu"))
            rows[f"{recipe}: {task}"] = Restored(image, clean, {"restored": made.clamp(0, 1)})
    with Image.open(io.BytesIO(restored_sheet(rows))) as page:
        page.convert("RGB").save(PICTURES / "recipes.jpg", quality=80)


def _face() -> torch.Tensor:
    """The face among the built-in photographs."""
    for path in builtin_photos():
        pixels = read_photo(path).pixels
        for box in find_faces(pixels)[:1]:
            return Photo(crop_face(pixels, box, side=128)).tensor()
    raise SystemExit("no built-in photograph shows a face")


def features(folder: Path) -> None:
    """docs/pictures/features.png, like Fig. 9 of Liu et al.: t-SNE of what the encoder of liu-durbm makes of each task.

    An image stands for the means and standard deviations of every channel of a layer. Beside the picture: how many
    images have a nearest neighbour (of the standardised numbers) under the same degradation, of another photograph.
    """
    from sklearn.manifold import TSNE

    loaded = load_restorer(folder / "liu-durbm.safetensors")
    tasks, layers = loaded.tasks, defaultdict[str, list[NDArray[np.float32]]](list)
    names, numbers = [], []
    assert isinstance(loaded.network, DuRBM)
    for number, path in enumerate(split_files("calib")[:60]):
        clean = crop_middle(read_photo(path).tensor(), 256)
        for task in tasks:
            image = degradation(task)(clean[None], seeded(seed_for(SEED, f"{task} {path.name}")))
            with torch.no_grad():
                for layer, maps in loaded.network.features(image).items():
                    layers[layer].append(torch.cat([maps.mean(dim=(2, 3)), maps.std(dim=(2, 3))], dim=1)[0].numpy())
            names.append(task)
            numbers.append(number)
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(layers), figsize=(3 * len(layers), 3.4))
    rows = []
    for axis, (layer, vectors) in zip(axes, layers.items(), strict=True):
        known = np.stack(vectors)
        known = (known - known.mean(0)) / (known.std(0) + 1e-9)
        right = _neighbours(known, names, numbers)
        rows.append((layer, f"{100 * right:.0f} %"))
        flat = TSNE(random_state=SEED, perplexity=30, init="pca").fit_transform(known)
        for task in tasks:
            own = np.asarray(names) == task
            axis.scatter(*flat[own].T, s=6, label=task)
        axis.set(title=f"{layer}: {100 * right:.0f} %", xticks=[], yticks=[])
    axes[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(PICTURES / "features.png", dpi=90)
    print(table(("layer", "nearest neighbour of the same degradation"), rows))


def _neighbours(known: NDArray[np.float32], names: Sequence[str], numbers: Sequence[int]) -> float:
    distances = np.linalg.norm(known[:, None] - known[None], axis=-1)
    same = np.asarray(numbers)[:, None] == np.asarray(numbers)[None]
    nearest = np.where(same, np.inf, distances).argmin(axis=1)
    return float((np.asarray(names)[nearest] == np.asarray(names)).mean())
