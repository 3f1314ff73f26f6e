"""Networks for given bounds from one supernet, with its weights (``nasbench specialize``)."""
