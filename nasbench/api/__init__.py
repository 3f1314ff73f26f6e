"""What ``import nasbench as nb`` offers: the commands as functions, and results as objects."""
