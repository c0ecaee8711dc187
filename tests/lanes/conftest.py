"""The lane over the simulator, for every test here."""

from tests.lanes.support import make_lane

__all__ = ["make_lane"]
