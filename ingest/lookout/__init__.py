"""Heard whatever is down: emergencies read off the broker by a session that needs neither ingest nor database."""
