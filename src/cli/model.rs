//! Options that every task takes.

use std::path::PathBuf;

use crate::error::Result;
use crate::run::StoringArgs;
use crate::tasks::Trained;

/// Options that every task takes.
#[derive(Clone, Debug, clap::Args)]
pub struct ModelArgs {
    /// The folder of a finished run, or the name of a built-in model: see `diabolo models`
    #[arg(short, long, value_name = "RUN")]
    pub model: PathBuf,
    /// auto, cpu, gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Where the run's images go, for tasks that need them
    #[command(flatten)]
    pub storing: StoringArgs,
}

impl ModelArgs {
    /// Loads the model onto the device.
    ///
    /// # Errors
    /// As [`Trained::load`].
    pub fn load(&self) -> Result<Trained> {
        let trained = Trained::load(&self.model, &self.device.parse()?)?;
        Ok(trained.with_storing(self.storing.storing()))
    }
}
