"""Facilities: hospitals and other registered institutions of health care."""
