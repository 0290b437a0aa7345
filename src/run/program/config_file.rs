//! `--config FILE.toml`: options from a file, by the names they have on the command line, where those of
//! the command line win; or the `config.toml` of a finished run, whose training is done again.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};
use toml::{Table, Value};

use super::options::TrainArgs;
use crate::error::{Error, Result};
use crate::models::Kind;
use crate::train::Config;

/// The option that names the file.
const OPTION: &str = "config";
/// What the standard library says of a text that is no number, and what that means.
const PLAIN: [(&str, &str); 5] = [
    ("invalid digit found in string", "it takes a whole number, 0 or above"),
    ("invalid float literal", "it takes a number, such as 0.001"),
    ("number too large to fit in target type", "it takes no number as large as that"),
    ("cannot parse integer from empty string", "it takes a whole number"),
    ("cannot parse float from empty string", "it takes a number"),
];
/// The table that only the options of a run have.
const OF_A_RUN: &str = "model";
/// The most bytes such a file may have.
const MOST_BYTES: u64 = 1 << 20;
/// What may be said beside the options of a run: what changes none of its numbers, and how long it is.
const BESIDE_A_RUN: [&str; 25] = [
    OPTION,
    "variant",
    "epochs",
    "device",
    "mpi",
    "memory",
    "cache",
    "out",
    "overwrite",
    "profile",
    "prior",
    "resume",
    "resume-from",
    "tensorboard",
    "save-every",
    "keep",
    "on-nan",
    "quiet",
    "verbose",
    // What is done with the model then, by `diabolo anomaly`.
    "test",
    "normal",
    "score",
    "draws",
    "false-positive-rate",
    "no-heat-maps",
];

/// The command line `args`, with what its `--config` file adds to it. Wrong command lines end the
/// program, as clap does.
///
/// # Errors
/// When the file cannot be read, or has an option that there is not.
pub fn command_line<C: CommandFactory + FromArgMatches>(args: Vec<OsString>) -> Result<C> {
    let command = with_negative_numbers(C::command());
    // What is wrong besides comes up when everything is there.
    let tolerant = command.clone().ignore_errors(true).try_get_matches_from(args.clone());
    let mut args = args;
    if let Ok(matches) = &tolerant {
        let (command, matches) = innermost(&command, matches);
        if let Some(path) = matches.try_get_one::<PathBuf>(OPTION).ok().flatten() {
            let table = read(path)?;
            match is_of_run(&table) {
                true => check_beside_a_run(command, matches, path)?,
                false => args.extend(added(command, matches, path, &table)?),
            }
        }
    }
    let matches = command.try_get_matches_from(args).or_else(|error| refused(&error))?;
    C::from_arg_matches(&matches).or_else(|error| refused(&error))
}

/// Has every option take a negative number for a value, so that it is refused by the option's name.
fn with_negative_numbers(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let takes_values = arg.get_action().takes_values() && !arg.is_positional();
        if takes_values { arg.allow_negative_numbers(true) } else { arg }
    });
    command.mut_subcommands(with_negative_numbers)
}

/// Ends the program with what clap has to say, be it help or what is wrong; of numbers in plain words.
///
/// # Errors
/// When it is a negative number where none can be, which is said in other words than clap's.
fn refused<T>(error: &clap::Error) -> Result<T> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let (option, value) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue));
    let is_negative = value.parse::<f64>().is_ok_and(|number| number < 0.0);
    if error.kind() == ErrorKind::ValueValidation && is_negative {
        let option = option.split(' ').next().unwrap_or(option);
        let what = format!("is {value}; it takes a whole number, 0 or above");
        return Err(Error::option(option, what));
    }
    let said = error.render().to_string();
    let plain = PLAIN.iter().fold(said.clone(), |text, (words, plain)| text.replace(words, plain));
    if error.use_stderr() && plain != said {
        let _ = write!(io::stderr(), "{plain}");
        std::process::exit(error.exit_code());
    }
    let printed = error.print().and_then(|()| io::stdout().flush());
    match printed {
        Err(lost) if !error.use_stderr() && lost.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::file("standard output", format!("cannot be written: {lost}")))
        }
        _ => std::process::exit(error.exit_code()),
    }
}

/// The subcommand that was chosen, or the command itself.
fn innermost<'a>(command: &'a Command, matches: &'a ArgMatches) -> (&'a Command, &'a ArgMatches) {
    match matches.subcommand() {
        Some((name, matches)) => match command.find_subcommand(name) {
            Some(command) => innermost(command, matches),
            None => (command, matches),
        },
        None => (command, matches),
    }
}

fn read(path: &Path) -> Result<Table> {
    let unreadable = |error: std::io::Error| Error::file(path, format!("cannot be read: {error}"));
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(Error::file(path, "is too long for a file of options; give another one"));
    }
    text.parse().map_err(|error| Error::file(path, format!("is not TOML: {error}")))
}

/// Whether an option was given on the command line.
fn was_given(matches: &ArgMatches, id: &str) -> bool {
    matches!(matches.try_contains_id(id), Ok(true))
        && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// The file's options as the command line would have them, but for those that it has.
fn added(
    command: &Command,
    matches: &ArgMatches,
    path: &Path,
    table: &Table,
) -> Result<Vec<OsString>> {
    let mut args = vec![];
    for (key, value) in table {
        let name = key.replace('_', "-");
        let known = command.get_arguments().find(|arg| arg.get_long() == Some(&name));
        let Some(arg) = known.filter(|_| name != OPTION) else {
            let what = format!("has `{key}`, which is no option; see --help for those there are");
            return Err(Error::file(path, what));
        };
        if was_given(matches, arg.get_id().as_str()) {
            continue;
        }
        match (arg.get_action(), value) {
            (ArgAction::SetTrue, Value::Boolean(true)) => args.push(format!("--{name}").into()),
            (ArgAction::SetTrue, Value::Boolean(false)) => {}
            (ArgAction::SetTrue, _) => {
                return Err(Error::file(path, format!("`{key}` is true or false")));
            }
            // Each may hold commas of its own.
            (ArgAction::Append, Value::Array(values)) if arg.get_value_delimiter().is_none() => {
                for value in values {
                    args.push(format!("--{name}={}", text(path, key, value)?).into());
                }
            }
            _ => args.push(format!("--{name}={}", text(path, key, value)?).into()),
        }
    }
    Ok(args)
}

/// A value as the command line has it; of a list, all with commas in between.
fn text(path: &Path, key: &str, value: &Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => Ok(value.to_string()),
        Value::Array(values) => {
            let texts: Result<Vec<String>> =
                values.iter().map(|value| text(path, key, value)).collect();
            Ok(texts?.join(","))
        }
        Value::Datetime(_) | Value::Table(_) => {
            Err(Error::file(path, format!("`{key}` must be a number, a text, or a list of them")))
        }
    }
}

fn check_beside_a_run(command: &Command, matches: &ArgMatches, path: &Path) -> Result<()> {
    let given = command.get_arguments().filter(|arg| was_given(matches, arg.get_id().as_str()));
    for name in given.filter_map(|arg| arg.get_long()) {
        if !BESIDE_A_RUN.contains(&name) {
            let what = format!("is settled by {}, the options of a run", path.display());
            return Err(Error::option(format!("--{name}"), format!("{what}; leave it out")));
        }
    }
    Ok(())
}

/// Whether the file at `path` holds the options of a run.
///
/// # Errors
/// When it cannot be read.
pub fn is_of_a_run(path: &Path) -> Result<bool> {
    Ok(is_of_run(&read(path)?))
}

/// Whether these are the options of a run; `model` may also be an option of a task.
fn is_of_run(table: &Table) -> bool {
    table.get(OF_A_RUN).is_some_and(Value::is_table)
}

/// Takes the options of a run that `args` name for its own. The kind of model to train: `variant`,
/// or the run's.
///
/// # Errors
/// When the file cannot be read, is of another kind, or there is no kind at all.
pub fn settle(args: &mut TrainArgs, variant: Option<Kind>) -> Result<Kind> {
    let missing = || {
        let what = "is needed, on the command line or as `variant` in the --config file";
        Error::option("--variant", what)
    };
    let Some(path) = args.config.clone() else {
        return variant.ok_or_else(missing);
    };
    let table = read(&path)?;
    if !is_of_run(&table) {
        return variant.ok_or_else(missing);
    }
    let mut config = Config::from_toml(&table.to_string(), &path)?;
    let kind = config.model.kind();
    if variant.is_some_and(|variant| variant != kind) {
        let what = format!("holds the options of a {} model", kind.name());
        return Err(Error::file(path, what));
    }
    config.epochs = args.epochs.unwrap_or(config.epochs);
    args.settled = Some(Box::new(config));
    Ok(kind)
}
