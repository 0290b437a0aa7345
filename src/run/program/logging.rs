//! What the program logs.

use std::io::Write;

use log::Level;

/// Logs warnings to standard error, or what the `RUST_LOG` variable asks for; `--verbose` asks for
/// more. Drivers that fail to load are no news on their own: an adapter that is missed is an error
/// of its own.
pub fn start_logging() {
    const FILTER: &str = "info,wgpu=warn,wgpu_hal=off,wgpu_core=error,naga=warn";
    let filter = env_logger::Env::default().default_filter_or(FILTER);
    let mut builder = env_logger::Builder::from_env(filter);
    if std::env::var_os("RUST_LOG").is_none() {
        // A warning is for whoever runs the program, not for those who look into it.
        builder.format(|out, record| match record.level() {
            Level::Warn => writeln!(out, "warning: {}", record.args()),
            level => {
                writeln!(out, "{} {level} {}: {}", out.timestamp(), record.target(), record.args())
            }
        });
    }
    builder.init();
    if std::env::var_os("RUST_LOG").is_none() {
        log::set_max_level(log::LevelFilter::Warn);
    }
}
