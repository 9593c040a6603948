"""`shouwang bench`: what this machine reaches, measured on real parts; every figure says how it was measured."""
