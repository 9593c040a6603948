"""`shouwang doctor`: looks at an installation, changes nothing, and names a remedy for what it finds."""
