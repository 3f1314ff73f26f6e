"""NNI experiment files: ``experiment`` reads them, ``command`` runs their trial command unchanged.

A trial speaks NNI's ``protocol`` for a training service on this machine.
"""
