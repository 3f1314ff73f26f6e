"""Whether a supernet ranks architectures as stand-alone training does (``nasbench trust``)."""
