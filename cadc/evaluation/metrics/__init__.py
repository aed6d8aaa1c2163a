"""The metrics, each a class in a file of its own; `lookup.metric("ndcg@10")` finds one by name.

A file in this folder, or in the folder `metrics` of an installed plug-in's package, adds the metrics that it defines.
"""
