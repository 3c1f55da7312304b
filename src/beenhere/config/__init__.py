"""Every option of the project, once, with its default, its range and its meaning.

A YAML file, ``--set a.b=c`` on the command line and Python keyword arguments all end in these
models (see :mod:`beenhere.config.config_yaml`). No torch is imported here: ``--help`` stays fast.
"""
