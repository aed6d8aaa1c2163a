"""A log over time: segments one after the other, each of which knows its own past only."""

from cadc.data.streams.stream import SegmentLog, Stream

__all__ = ["SegmentLog", "Stream"]
