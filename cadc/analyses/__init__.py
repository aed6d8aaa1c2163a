"""Analyses: experiments without a grid of runs; each computes a table and a figure."""
