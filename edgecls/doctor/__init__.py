"""What `edgecls doctor` examines: one file per part of the board, each check a small function."""
