"""Made-up recordings of walking persons, for when the real ones are not at hand.

``walker`` moves limbs, ``scene`` draws them, ``sensor`` turns brightness into events, ``dataset``
writes the files, ``marker`` the one that says that they are made up. Nothing loops
over pixels or events.
"""
