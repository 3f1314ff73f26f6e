"""Recordings of event cameras: their files, and the images that are made of them.

It needs numpy, and for its output h5py; torch is never loaded.
"""
