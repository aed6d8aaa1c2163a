"""Results of streams: comparisons, tables and regret segment by segment."""
