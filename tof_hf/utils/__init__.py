"""The process, the machine and the installed packages."""
