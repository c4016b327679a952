"""The command `tof-hf`. Heavy packages are imported only once a command needs them."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tof_hf import __version__
from tof_hf.ablation.command import add_ablate
from tof_hf.errors import DataError, TofError
from tof_hf.process import set_up_process
from tof_hf.report.command import add_report_command
from tof_hf.run_folder import is_main_process, same_in_all_processes
from tof_hf.search.command import add_search
from tof_hf.storage.files import write_json, write_text

_FORMS = ["txt", "jsonl", "conll", "parquet"]
_OVERRIDES = "options stronger than the file, such as mrc.learning_rate=2e-6 source.train.limit=100"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, 2 if the input cannot be used (the message is on stderr), 130 if it was interrupted."""
    options = _parse(arguments)
    try:
        return options.command(options)
    except KeyboardInterrupt:
        if is_main_process():
            print("tof-hf: stopped; the same command goes on where a run was", file=sys.stderr)
        return 130
    except TofError as error:
        if not error.told_by_main:
            who = "" if is_main_process() else f" (process {os.environ['RANK']} of {os.environ.get('WORLD_SIZE')})"
            print(f"tof-hf{who}: {error}", file=sys.stderr)
        return 2


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    # argparse takes no more of a list of words once an option stood between them.
    if rest and ("overrides" not in options or any(word.startswith("-") for word in rest)):
        hint = "; options of a run are KEY=VALUE, such as ner.learning_rate=1e-5" if "overrides" in options else ""
        parser.error(f"unrecognized arguments: {' '.join(rest)}{hint}")
    if rest:
        options.overrides = [*options.overrides, *rest]
    return options


class _Commands(argparse._SubParsersAction):
    """The help of a command in the list of commands is also what its own --help begins with."""

    def add_parser(self, name: str, *, help: str, **options: Any) -> argparse.ArgumentParser:
        options.setdefault("description", f"{help[0].upper()}{help[1:]}.")
        return super().add_parser(name, help=help, **options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tof-hf",
        description="Train a named entity tagger for a language or domain without labels (TOF).",
    )
    parser.add_argument("--version", action="version", version=f"tof-hf {__version__}")
    commands = parser.add_subparsers(action=_Commands, required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="carry out a run; a stopped one goes on where it was")
    run.set_defaults(command=_run)
    run.add_argument("--plan", action="store_true", help="say what would be trained, gone on with or reused, and why")
    show = commands.add_parser("config", help="check a run file and print it with every option spelled out")
    show.set_defaults(command=_config)
    check = commands.add_parser("check", help="look for everything that can be wrong before a GPU is used")
    check.set_defaults(command=_check)
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    check.add_argument("--no-timing", dest="timing", action="store_false", help="measure no training steps")
    for command in (run, show, check):
        command.add_argument("config", metavar="CONFIG", help="run file (YAML)")
        command.add_argument("overrides", metavar="KEY=VALUE", nargs="*", default=[], help=_OVERRIDES)
    predict = commands.add_parser("predict", help="find the entities in texts with a finished tagger")
    predict.set_defaults(command=_predict)
    predict.add_argument("model", metavar="MODEL", help="a tagger: a folder (final/ of a run) or a Hub id")
    predict.add_argument("source", metavar="IN", type=Path, help="*.txt, *.jsonl, *.conll, *.parquet, - (text)")
    predict.add_argument("out", metavar="OUT", type=Path, help="the same forms, or - (JSON lines)")
    predict.add_argument("--from", dest="source_form", choices=_FORMS, help="form of IN, if its name does not say")
    predict.add_argument("--to", dest="out_form", choices=_FORMS, help="form of OUT, if its name does not say")
    predict.add_argument("--revision", help="branch, tag or commit of a Hub id")
    add_report_command(commands)
    _push_command(commands)
    _integration_commands(commands)
    _translation_commands(commands)
    add_ablate(commands, _OVERRIDES)
    add_search(commands, _OVERRIDES)
    return parser


def _push_command(commands: argparse._SubParsersAction) -> None:
    push = commands.add_parser("push", help="publish the tagger of a finished run on the Hub, with card and record")
    push.set_defaults(command=_push)
    push.add_argument("run", metavar="RUN", type=Path, help="the run's folder (output_dir)")
    push.add_argument("repo", metavar="USER/NAME", nargs="?", help="if left out release.repo of the run file")
    push.add_argument("--dry-run", action="store_true", help="list every file and its size, publish nothing")
    push.add_argument("--private", action="store_true", help="make a new repository private")
    push.add_argument("--revision", help="branch, made if need be")
    push.add_argument("--license", help="licence of the tagger, by its id on the Hub")
    push.add_argument("--language", nargs="+", help="language codes of the target")
    push.add_argument("--seeds", nargs="+", metavar="RUN", default=[], help="the same run with other seeds, for means")
    push.add_argument("--mrc-repo", metavar="USER/NAME", help="publish the source in MRC form as well")
    push.add_argument("--pseudo-labels-repo", metavar="USER/NAME", help="publish the pseudo-labelled text as well")


def _integration_commands(commands: argparse._SubParsersAction) -> None:
    export = commands.add_parser("export-onnx", help="write a tagger as an ONNX file and check it (extra: onnx)")
    export.set_defaults(command=_export_onnx)
    demo = commands.add_parser("demo", help="a page that highlights entities, or a Space of it (extra: demo)")
    demo.set_defaults(command=_demo)
    for command in (export, demo):
        command.add_argument("model", metavar="MODEL", help="a tagger: a folder (final/ of a run) or a Hub id")
        command.add_argument("--revision", help="branch, tag or commit of a Hub id")
    export.add_argument("out", metavar="OUT", type=Path, help="the folder to make")
    demo.add_argument("--port", type=int, help="of the page on this machine (the first free one from 7860)")
    demo.add_argument("--space", metavar="FOLDER", type=Path, help="write a folder to push as a Gradio Space instead")


def _translation_commands(commands: argparse._SubParsersAction) -> None:
    translate = commands.add_parser("translate", help="translate labelled sentences or questions word by word")
    translate.set_defaults(command=_translate)
    translate.add_argument("source", metavar="IN", type=Path, help="NER, question-answering or unlabelled file")
    translate.add_argument("out", metavar="OUT", type=Path, help="*.parquet, *.jsonl, *.json, else one word a line")
    translate.add_argument("--dictionary", type=Path, required=True, help="MUSE dictionary or tab-separated pairs")
    translate.add_argument("--reverse", action="store_true", help="turn the dictionary round")
    translate.add_argument("--task", choices=["ner", "mrc", "text"], help="what IN holds (found out for ner and mrc)")
    translate.add_argument("--target-text", type=Path, help="raw target text, for the two options below")
    translate.add_argument("--most-frequent", action="store_true", help="of several translations the most frequent")
    translate.add_argument("--casing", choices=["source", "target"], default="source", help="whose case words take")
    translate.add_argument("--copy-types", nargs="*", default=["PER"], help="entity types whose words stay")
    translate.add_argument("--seed", type=int, default=0, help="of --casing target")
    translate.add_argument("--report", type=Path, help="where to write what changed (*.json, else Markdown)")
    induce = commands.add_parser("induce-dictionary", help="make a dictionary from the word vectors of two languages")
    induce.set_defaults(command=_induce)
    induce.add_argument("source", metavar="SRC.vec", type=Path, help="source vectors (fastText text form, or .gz)")
    induce.add_argument("target", metavar="TGT.vec", type=Path, help="target vectors")
    induce.add_argument("out", metavar="OUT", type=Path, help="tab-separated pairs, source word first")
    induce.add_argument("--max-words", type=int, default=100_000, help="most frequent words of each side (100,000)")
    induce.add_argument("--refinements", type=int, default=3, help="rounds after the identical words (3)")
    induce.add_argument("--memory-mb", type=int, default=512, help="bound on the memory of one product (512)")


def _run(options: argparse.Namespace) -> int:
    from tof_hf.config import load_config

    with same_in_all_processes():
        config = load_config(options.config, options.overrides)
    from tof_hf.pipeline import TofPipeline, run_tof  # takes seconds, so after the run file proved to be right

    set_up_process()
    if options.plan:
        from tof_hf.plan import plan_table

        if is_main_process():  # a plan is the same in all
            print(plan_table(TofPipeline(config).plan()))
        return 0
    result = run_tof(config)
    if is_main_process():
        print(result.table)
    return 0


def _config(options: argparse.Namespace) -> int:
    from tof_hf.config import load_config

    with same_in_all_processes():
        config = load_config(options.config, options.overrides)
    if is_main_process():
        print(config.to_yaml(), end="")
    return 0


def _check(options: argparse.Namespace) -> int:
    import json

    from tof_hf.check import check_file, screen

    set_up_process()
    # What the readers have to say, about every file, stands in the report.
    logging.getLogger("tof_hf").handlers[0].addFilter(lambda record: record.name == "tof_hf")
    report = check_file(options.config, options.overrides, timing=options.timing)
    if is_main_process():
        as_json = options.json and json.dumps(report.as_dict(), indent=2, ensure_ascii=False)
        print(as_json or screen(report))
    return report.exit_status


def _predict(options: argparse.Namespace) -> int:
    from tof_hf.predict_file import predict_file
    from tof_hf.tagger import load_tagger

    set_up_process()
    tagger = load_tagger(options.model, **({"revision": options.revision} if options.revision else {}))
    forms = {"source_form": options.source_form, "out_form": options.out_form}
    texts, entities = predict_file(tagger, options.source, options.out, **forms)
    print(f"{entities:,} entities in {texts:,} texts", file=sys.stderr)
    return 0


def _push(options: argparse.Namespace) -> int:
    import dataclasses

    from tof_hf.config import load_config
    from tof_hf.hub.push import prepare, push

    set_up_process()
    file = options.run / "config.yaml"
    if not file.is_file():
        raise DataError("no config.yaml.", fix="name the folder of a run (output_dir).", path=options.run)
    names = ("repo", "private", "revision", "license", "language", "mrc_repo", "pseudo_labels_repo")
    given = {name: value for name in names if (value := getattr(options, name))}
    release = dataclasses.replace(load_config(file).release, **given)
    bundles = prepare(options.run, release, other_seeds=options.seeds)
    if options.dry_run:
        print("\n".join(bundle.listing() for bundle in bundles))
        return 0
    for address in push(bundles, private=release.private):
        print(f"published: {address}")
    return 0


def _export_onnx(options: argparse.Namespace) -> int:
    from tof_hf.integrations.onnx import export_onnx

    set_up_process()
    print(f"written: {export_onnx(options.model, options.out, revision=options.revision)}")
    return 0


def _demo(options: argparse.Namespace) -> int:
    from tof_hf.integrations.demo import run_demo, write_space

    set_up_process()
    if options.space is not None:
        print(f"written: {write_space(options.space, options.model, revision=options.revision)}")
    else:
        run_demo(options.model, port=options.port, revision=options.revision)
    return 0


def _translate(options: argparse.Namespace) -> int:
    from tof_hf.data.translate_file import check_output, translate_file

    set_up_process()
    if options.report:
        check_output(options.report, [options.source, options.dictionary, options.out])
    projection = translate_file(
        options.source,
        options.out,
        options.dictionary,
        task=options.task,
        target_text=options.target_text,
        most_frequent=options.most_frequent,
        reverse=options.reverse,
        casing=options.casing,
        copy_types=options.copy_types,
        seed=options.seed,
    )
    if options.report:
        as_json = options.report.suffix == ".json"
        write = write_json if as_json else write_text
        write(options.report, projection.as_dict() if as_json else projection.to_markdown())
    print(f"{options.out}: {projection.rows:,} rows, {projection.coverage:.1%} of {projection.words:,} words known")
    return 0


def _induce(options: argparse.Namespace) -> int:
    from tof_hf.data.dictionary import BilingualDictionary
    from tof_hf.data.translate_file import check_output
    from tof_hf.induction import induce_dictionary

    set_up_process()
    check_output(options.out, [options.source, options.target])
    sizes = {"max_words": options.max_words, "refinements": options.refinements, "memory_mb": options.memory_mb}
    induced = induce_dictionary(options.source, options.target, **sizes)
    dictionary = BilingualDictionary(induced.pairs)
    dictionary.save(options.out)
    print(f"{options.out}: {dictionary}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
