"""The composition root: settings, the app, and the operator's commands. The only room that names concrete backends
or reads the environment."""
