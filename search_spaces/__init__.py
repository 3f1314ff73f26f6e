"""Search spaces that come with nasbench."""
