"""What a run found, for people: tables.py computes the records, the other files only paint them."""
