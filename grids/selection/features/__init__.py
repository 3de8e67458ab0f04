"""What describes an image: the statistics that a selector compares."""
