"""nasbench: search a network architecture, retrain it, and compare it honestly.

The top package imports nothing heavy; ``nasbench --help`` never loads torch.
"""

__version__ = "0.1.0"
