"""Point-spread functions: their shapes, which one blurred a photograph, and the photograph without it."""

from grids.psf.estimate import PSF as PSF
from grids.psf.estimate import Shape as Shape
from grids.psf.estimate import estimate_psf as estimate_psf
from grids.psf.wiener import deconvolve as deconvolve
from grids.psf.wiener import expected_gain as expected_gain
