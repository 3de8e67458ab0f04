"""The methods of the search, each a pure function from what is known to the next group to ask for."""
