"""Feature extractors: networks that turn images into the numbers that metrics compare."""
