"""What a run does in place of well-known callbacks of Lightning, for those who ask for them by name."""

INSTEAD = {
    "modelcheckpoint": "a run keeps the weights of its best epoch, and resumes from checkpoints of its own",
    "onexceptioncheckpoint": "a run resumes from checkpoints of its own",
    "timer": "trainer.max_seconds=600 ends the training after a time",
    "learningratemonitor": "trainer.schedule, warm_up and final_rate say the learning rate of each step",
    "stochasticweightaveraging": "trainer.averaging=ema averages the weights",
    "weightaveraging": "trainer.averaging=ema averages the weights",
    "emaweightaveraging": "trainer.averaging=ema averages the weights",
    "gradientaccumulationscheduler": "trainer.batch_size sets the rows of a step",
    "batchsizefinder": "trainer.batch_size=auto follows from the rows, and cadc tune searches for the best",
    "learningratefinder": "cadc tune searches for the best trainer.learning_rate",
    "richprogressbar": "trainer.progress=true shows a bar on a terminal",
    "tqdmprogressbar": "trainer.progress=true shows a bar on a terminal",
    "modelsummary": "a record holds the bytes of each table and of the network",
    "richmodelsummary": "a record holds the bytes of each table and of the network",
    "devicestatsmonitor": "a record holds seconds of each stage and the peak of memory",
    "throughputmonitor": "a record holds the examples per second of the training",
}


def of_a_run(name: str) -> str | None:
    """Return what a run does in place of a callback; None for one that is not known.

    >>> of_a_run("model_checkpoint") == of_a_run("ModelCheckpoint")
    True
    """
    return INSTEAD.get(name.replace("_", "").lower())
