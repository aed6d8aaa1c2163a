"""Mirrors: copies of finished runs elsewhere. The ledger stays what counts; a mirror can always be made again."""
