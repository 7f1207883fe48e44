"""A service with one route, the same as ``bench.theirs.route`` has, on everything that the chassis gives a service."""
