"""Notices that leave without database or broker: that the watch stands still, or what was heard meanwhile."""
