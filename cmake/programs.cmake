# The programs: bin/tatara, and the runner that stands beside its libraries.
