//! `diabolo models`: what is known of the models that are part of the program.

use crate::error::{Error, Result};
use crate::run::say;
use crate::tasks::{BUILT_IN, BuiltIn};

/// The options of `diabolo models`.
#[derive(Clone, Debug, clap::Args)]
pub struct ModelsArgs {
    /// Print the card of this one: what it learned from and how, its figures, its licence
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Lists the models that are part of the program, or prints the card of one.
///
/// # Errors
/// When there is none of that name.
pub fn models(args: &ModelsArgs) -> Result<()> {
    let Some(name) = &args.name else {
        say(format_args!("{}", listed()));
        return Ok(());
    };
    let Some(model) = BuiltIn::named(name) else {
        let names: Vec<&str> = BUILT_IN.iter().map(|model| model.name).collect();
        let what = format!("`{name}` is no model of this program; it has {}", names.join(", "));
        return Err(Error::option("NAME", what));
    };
    say(format_args!("{}", model.card.trim_end()));
    Ok(())
}

/// All of them, a line each, with their titles.
pub(super) fn listed() -> String {
    let width = BUILT_IN.iter().map(|model| model.name.len()).max().unwrap_or(0);
    let line = |model: &BuiltIn| format!("{:width$}  {}", model.name, model.title());
    BUILT_IN.iter().map(line).collect::<Vec<_>>().join("\n")
}
