"""Runs tasks in other processes and on other machines: Ray, Slurm (submitit) and joblib through Hydra's launchers."""
