"""Tests of what the results say of claims."""
