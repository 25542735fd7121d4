"""What providers offer, read in the background in parts: any backend whose listing takes many calls uses it."""
