"""What the commands do with their options, and what they print; one file per command, imported once it runs."""
