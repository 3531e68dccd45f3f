"""The grid of real images beside those of samples."""

import numpy
import torch

from ganctl.contract import DataSpec, ImageStore
from ganctl.job.real_grid import real_grid


def store(labels: list[int]) -> ImageStore:
    """Images that are all of the value 10 label + a number of their own."""
    values = 10 * numpy.array(labels) + numpy.arange(len(labels))
    images = numpy.broadcast_to(values[:, None, None, None], (len(labels), 1, 2, 2)).astype(numpy.uint8)
    return ImageStore(DataSpec("test", (1, 2, 2), 3), images, numpy.array(labels), "hash")


def test_each_place_has_its_class_and_no_image_comes_twice_as_long_as_there_are_others():
    labels = [0, 1, 2, 0, 1, 2, 0]
    images = real_grid(store(labels), 6, numpy.array([0, 1, 2, 0, 1, 2]), seed=1)
    values = images[:, 0, 0, 0].tolist()
    of = {10 * label + number: label for number, label in enumerate(labels)}
    assert [of[value] for value in values] == [0, 1, 2, 0, 1, 2] and len(set(values)) == 6


def test_too_few_images_come_again_and_a_class_without_any_gets_others():
    images = real_grid(store([0, 1]), 4, numpy.array([0, 1, 2, 0]), seed=0)
    assert images.shape == (4, 1, 2, 2) and torch.equal(images[0], images[3])
    assert real_grid(store([0, 0, 0]), 5, None, seed=0).shape == (5, 1, 2, 2)
