"""What a run found, for people: the records are computed first, the rest puts them into words or paints them."""
