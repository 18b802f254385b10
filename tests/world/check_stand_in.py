"""Proves the stand-in, its seeder and the findings.

usage: python -m unittest check_stand_in
"""

import unittest

from checks import configured, doors, faults, generator, hub, identity, life, mended, seeding, services

PARTS = (generator, identity, services, hub, mended, configured, faults, doors, seeding, life)


def load_tests(loader: unittest.TestLoader, _standard, _pattern) -> unittest.TestSuite:
    """Collects every part's checks, so that one name runs them all."""
    return unittest.TestSuite(loader.loadTestsFromModule(part) for part in PARTS)
