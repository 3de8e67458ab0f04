"""The right restorer for any image, and how well it will do, before running it."""
