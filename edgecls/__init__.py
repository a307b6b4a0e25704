"""edgecls turns a small board with a camera into a sensor that can be trusted."""

__version__ = "0.1.0"
