"""Tasks on other processes and machines: Ray, Slurm (submitit) and joblib through Hydra's launchers."""
