"""NNI experiment files: read them, and run their trial command as it stands.

``config`` reads the files of NNI 1 to 3, ``command`` runs one trial and speaks NNI's protocol to
it (``protocol``, ``group``), and ``manager`` hands the whole experiment to NNI's own manager.
"""
