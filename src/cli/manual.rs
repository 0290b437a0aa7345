//! What shells and `man` know of the command line.

use crate::error::{Error, Result};
use crate::run::print;
use clap::Command;
use clap_complete::Shell;

/// Prints the completions of `command` for a shell.
///
/// # Errors
/// Never; it is a result as every command's is.
pub fn completions(mut command: Command, shell: Shell) -> Result<()> {
    let name = command.get_name().to_owned();
    // Into memory first: a reader that has gone away, such as `head`, is no reason to panic.
    let mut script = vec![];
    clap_complete::generate(shell, &mut command, name, &mut script);
    print(&script);
    Ok(())
}

/// Prints the manual page of `command`, or of the command below it that is called `name`.
///
/// # Errors
/// When there is no such command.
pub fn man(mut command: Command, name: Option<&str>) -> Result<()> {
    // Names of commands below others are put together by this.
    command.build();
    let page = match name {
        None => command,
        Some(name) => match command.find_subcommand(name) {
            Some(found) => found.clone(),
            None => {
                let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
                let what = format!("there is no command `{name}`; there are {}", names.join(", "));
                return Err(Error::option("COMMAND", what));
            }
        },
    };
    let title = page.get_display_name().unwrap_or(page.get_name()).to_owned();
    let mut text = vec![];
    clap_mangen::Man::new(page)
        .title(title)
        .render(&mut text)
        .map_err(|error| Error::file("manual page", format!("cannot be written: {error}")))?;
    print(&text);
    Ok(())
}
