"""Words of a command and files of experiments: calls, circles, bombs, tags, wrong types, other people's classes."""

from collections.abc import Iterator

import yaml

from tests.malformed import Case, Place, rng_of

LAUGHS = "\n".join(["a0: &a0 [lol, lol]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10))])

OVERRIDES = {
    # Calls of resolvers, open or hidden.
    "seed=${oc.env:HOME}": "oc.env",
    "data=${oc.env:USER}": "oc.env",
    "logger=${oc.decode:csv}": "oc.decode",
    "+model.x=${oc.create:{a:1}}": "oc.create",
    "seed=${own:1}": "own",
    "seed=${a.${b:c}}": "${a",
    "seed=${${seed}}": "${${seed}}",
    "seed=${oc.env:${seed}}": "oc.env",
    "seed=${ oc.env:HOME }": "oc.env",
    "seed='${oc.env:HOME}'": "oc.env",
    'seed="${oc.env:HOME}"': "oc.env",
    r"seed=\${oc.env:HOME}": "oc.env",
    r"seed=$\{oc.env:HOME\}": "oc.env",
    r"seed=\\${oc.env:HOME}": "oc.env",
    "model.top_mlp=[1,${oc.env:HOME}]": "oc.env",
    "model={top_mlp:'${oc.env:HOME}'}": "oc.env",
    "seed=${now:%Y}": "now",
    "seed=${hydra:runtime.cwd}": "hydra",
    "seed=${seed": "seed",
    "seed=${}": "${}",
    "seed=${.seed}": "${.seed}",
    r"seed=\${seed}": "${seed}",
    # Circles, and names of nothing.
    "seed=${seed}": "${seed}",
    "seed=${nothing}": "${nothing}",
    "seed=${embedding.nothing}": "${embedding.nothing}",
    "seed=${choices.data}": "${choices.data}",
    "model=${model}": "model",
    # Files instead of options, and groups elsewhere.
    "data=../../../etc/passwd": "passwd",
    "data=/etc/passwd": "passwd",
    "data=[synthetic,ml-1m]": "synthetic",
    "data@model=synthetic": "data@model",
    "+data/../model=bias": "data/..",
    "model/../data=synthetic": "..",
    "hydra.searchpath=[/tmp]": "hydra",
    "+hydra/callbacks=x": "hydra",
    # Classes of others, and what are no classes.
    "model._target_=os.system": "os.system",
    "model._target_=builtins.eval": "builtins.eval",
    "model._target_=subprocess.Popen": "subprocess.Popen",
    "model._target_=cadc.paths.os.system": "cadc.paths.os.system",
    "model._target_=cadc.configuration.compose.compose": "cadc.configuration.compose.compose",
    "model._target_=cadc.configuration.compose.compose_config": "cadc.configuration.compose.compose_config",
    "model._target_=cadc.pipeline.run.Path": "cadc.pipeline.run.Path",
    "model._target_=cadc.models.dlrm.nn.Linear": "nn.Linear",
    "model._target_=cadc.models.dlrm.DLRM.__class__": "__class__",
    "model._target_=cadc.__main__.main": "__main__",
    "model._target_=cadc.errors.CadcError": "CadcError",
    "model._target_='c\u0430dc.models.dlrm.DLRM'": "models.dlrm.DLRM",
    "model._target_='\uff43adc.models.dlrm.DLRM'": "models.dlrm.DLRM",
    "model._target_=7": "7",
    "model._target_=null": "None",
    "model._target_=[os,system]": "system",
    "model._target_={os:system}": "system",
    "model._target_=": "_target_",
    "data.split._target_=os.system": "os.system",
    "sampler._target_=cadc.models.dlrm.DLRM": "DLRM",
    "logger._target_=cadc.training.fit_result.FitResult": "FitResult",
    # Numbers that are none, and texts that no key takes.
    "seed=1e400": "seed is inf",
    "seed=nan": "seed is nan",
    "seed=-inf": "seed is -inf",
    "sampler.rate=1e400": "sampler.rate is inf",
    "sampler.rate=nan": "sampler.rate is nan",
    f"seed={'9' * 400}": "seed is 999",
    f"seed={'9' * 5000}": "seed=999",
    f"seed={2**64}": "seed is 1844",
    f"embedding.dim={10**30}": "embedding.dim",
    f"data.n_rows={10**15}": "data.n_rows",
    f"data.n_users={10**12}": "data.n_users",
    f"seed={'[' * 500}{']' * 500}": "deep",
    f"seed={'[' * 3000}": "deep",
    f"seed={'{a:' * 100}1{'}' * 100}": "deep",
    f"seed={'int(' * 100}1{')' * 100}": "deep",
    f"{'a.' * 200}b=1": "a.a.",
    f"seed={'a' * 100_000}": "seed is 'aaa",
    f"seed={','.join(['1'] * 5_000)}": "several values",
    "seed=a\0b": r"\x00",
    "se\ned=1": r"\n",
    "seed=\udcff\udcfe": r"\udcff",
    "seed=\x1b[31mred": r"\x1b",
    "": "''",
    "=": "'='",
    "+": "'+'",
    "~": "'~'",
    "seed=(1": "seed is '(1'",
    "seed='1": "seed='1",
    "seed=1)": "seed is '1)'",
    "seed=eval(1)": "eval",
    "seed={1": "seed={1",
    "seed:1": "seed:1",
}

SWEEPS = {
    "seed=range(0,1000000000000)": "more than 100,000 runs",
    "seed=shuffle(range(0,1000000000000))": "more than 100,000 runs",
    "seed=range(0,inf)": "more than 100,000 runs",
    "seed=range(0,1,1e-300)": "more than 100,000 runs",
    f"seed=range(0,{'9' * 400})": "more than 100,000 runs",
    "seed=range(0,10,0)": "has steps of 0",
    "seed=range(3,0)": "empty",
    "seed=glob(*)": "seed is not a group",
    "seed=interval(0,1)": "is a range to search",
    "seed=range(0,1000) sample_seed=range(0,1000)": "more than 100,000 runs",
    "seed=range(3,0) sample_seed=range(0,1000000000000)": "more than 100,000 runs",
    "seed=1,${oc.env:HOME}": "oc.env",
    "data=synthetic,../../etc/passwd": "passwd",
    "model._target_=cadc.models.dlrm.DLRM,os.system": "os.system",
}

GROWING = ["logger=wandb", "+logger.k30=lol"]
GROWING += [f"+logger.k{n}=[{','.join([f'${{logger.k{n + 1}}}'] * 9)}]" for n in range(30)]

SOUND = {"title": "t", "seeds": [0], "arms": {"a": ["model=bias"]}}


def _with(**changes: object) -> str:
    return yaml.safe_dump(SOUND | changes, allow_unicode=True)


EXPERIMENTS: dict[str, tuple[bytes | str, str]] = {
    "empty": ("", "experiment.yaml"),
    "a list": ("[1, 2]", "experiment.yaml"),
    "a text": ("hello", "experiment.yaml"),
    "only a comment": ("# nothing", "experiment.yaml"),
    "two documents": (_with() + "---\na: 1\n", "document"),
    "an open bracket": ("arms: [", "line 1"),
    "a tab": ("arms:\n\t- a", "line 2"),
    "an open quote": ("title: 'a", "line 1"),
    "a key twice": (_with() + "title: again\n", "title is duplicated"),
    "an unknown key": (_with(arm=1), "'arm'"),
    "a key that is a number": (_with() + "7: 1\n", "unknown keys 7"),
    "a key that is a list": (_with() + "? [a]\n: 1\n", "experiment.yaml"),
    "no arms": (_with(arms={}), "lacks arms"),
    "no seeds": (_with(seeds=[]), "lacks seeds"),
    "no title": ("seeds: [0]\narms: {a: []}\n", "lacks title"),
    "arms in a list": (_with(arms=["model=bias"]), "arms is"),
    "an arm that is a text": (_with(arms={"a": "model=bias"}), "arm a is 'model=bias'"),
    "an arm that is a number": (_with(arms={"a": 5}), "arm a is 5"),
    "an arm without a name": (_with(arms={"": []}), "an arm is named ''"),
    "an arm of two lines": (_with(arms={"a\nb": []}), r"a\nb"),
    "an arm named by a number": (_with(arms={3: []}), "an arm is named 3"),
    "seeds that are a number": (_with(seeds=3), "seeds is 3"),
    "seeds that are texts": (_with(seeds=["x"]), "seeds is 'x'"),
    "seeds that are infinite": ("title: t\nseeds: [.inf]\narms: {a: []}\n", "seeds is inf"),
    "a seed of 5000 digits": (f"title: t\nseeds: [{'9' * 5000}]\narms: {{a: []}}\n", "experiment.yaml"),
    "a seed of 5000 hexadecimal digits": (f"title: t\nseeds: [0x{'f' * 5000}]\narms: {{a: []}}\n", "seeds"),
    "a title that is a number": ("title: 2.5\nseeds: [0]\narms: {a: []}\n", "title"),
    "seeds that are dates": ("title: t\nseeds: [2020-01-01]\narms: {a: []}\n", "seeds is '2020-01-01'"),
    "common words in a text": (_with(common="data=synthetic"), "common is"),
    "words that are dictionaries": (_with(common=[{"seed": 1}]), "common is"),
    "fast words that are no words": (_with(fast=3), "fast is 3"),
    "a resolver in an arm": (_with(arms={"a": ["seed=${oc.env:HOME}"]}), "oc.env"),
    "a resolver in common": (_with(common=["data=${oc.env:USER}"]), "oc.env"),
    "a class of others": (_with(common=["model._target_=os.system"]), "model._target_"),
    "a file instead of an option": (_with(common=["data=../../x"]), "../../x"),
    "a sweep without end": (_with(arms={"a": ["sample_seed=range(0,1000000000000)"]}), "more than 100,000"),
    "many arms that sweep": (
        _with(arms={f"a{n}": ["sample_seed=range(0,30000)"] for n in range(4)}),
        "more than 100,000",
    ),
    "a tag that calls": ("title: !!python/object/apply:os.system ['touch {ran}']\n", "os.system"),
    "a tag that builds": ("title: !!python/object/new:pathlib.PosixPath [x]\n", "PosixPath"),
    "a tag that names": ("title: !!python/name:os.system\n", "os.system"),
    "a tag of its own": ("title: !own x\n", "!own"),
    "a tag of bytes": ("title: !!binary aGVsbG8=\n", "binary"),
    "a tag behind a handle": ("%TAG !p! tag:yaml.org,2002:python/\n---\ntitle: !p!name:os.system\n", "os.system"),
    "an alias": ("title: &t x\nclaim: *t\n", "*t"),
    "a merge": ("title: &t {a: 1}\nclaim:\n  <<: *t\n", "*t"),
    "a billion laughs": (LAUGHS, "*a0"),
    "an alias of itself": ("title: &t [*t]\n", "*t"),
    "brackets without end": ("[" * 50_000, "deep"),
    "braces without end": ("{a: " * 20_000, "deep"),
    "blocks without end": ("- " * 20_000, "deep"),
    "a megabyte": ("#" * 1_000_000, "bytes"),
    "a NUL": ("title: a\0b\n", "experiment.yaml"),
    "bytes that are no UTF-8": (b"title: \xff\xfe\n", "UTF-8"),
    "UTF-16": ("title: t\n".encode("utf-16"), "UTF-8"),
    "noise": (rng_of("yaml").bytes(4000), "experiment.yaml"),
    "a control character": ("title: \x07\n", "experiment.yaml"),
}


def cases() -> Iterator[Case]:
    """Every wrong word, sweep and experiment."""
    for word, named in OVERRIDES.items():
        yield _command(f"word {word[:50]!r} of {len(word)}", ["train", word], named)
    for words, named in SWEEPS.items():
        yield _command(f"sweep {words[:50]!r} of {len(words)}", ["train", "-m", *words.split()], named)
    yield _command("words that grow", ["train", *GROWING], "${logger.k1}")
    yield _command("a chain of words", ["train", *_chain(60)], "${logger.k1}")
    for kind, (content, named) in EXPERIMENTS.items():
        for command in ("experiment", "report"):
            yield _experiment(f"{command}: {kind}", command, content, named)


def _chain(length: int) -> list[str]:
    words = [f"+logger.k{n}=${{logger.k{n + 1}}}" for n in range(length)]
    return ["logger=wandb", *words, f"+logger.k{length}=1"]


def _command(name: str, words: list[str], named: str) -> Case:
    return Case(name, lambda place: words, named)


def _experiment(name: str, command: str, content: bytes | str, named: str) -> Case:
    def spoil(place: Place) -> list[str]:
        folder = place.work / "mine"
        folder.mkdir()
        # Not `format`, since braces are YAML.
        data = content if isinstance(content, bytes) else content.replace("{ran}", str(place.ran)).encode()
        (folder / "experiment.yaml").write_bytes(data)
        return [command, str(folder)]

    return Case(name, spoil, named)
