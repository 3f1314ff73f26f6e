"""Event-camera recordings: readers for their file formats, and event images made from them.

Needs numpy and numba, and h5py for the image files; torch is never imported.
"""
