"""The verbs of the ``treehold`` command that people and scripts use: a thin shell over the Python binding.

It talks REST alone, through ``treehold.client``, and imports nothing of the server. One file for each noun; root joins
them. The environment and the folders of a user are read only in settings, secrets are kept only by private_files,
what is printed goes through screen and failures, and processes (git) are started only by clone and git_setup.
"""
