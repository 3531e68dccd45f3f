"""Sources of images: one file a source, all packed into the one kind of array that `store.py` keeps."""
