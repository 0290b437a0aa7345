//! What the program logs.

/// Logs warnings to standard error, or what the `RUST_LOG` variable asks for; `--verbose` asks for
/// more. Drivers that fail to load are no news on their own: an adapter that is missed is an error
/// of its own.
pub fn start_logging() {
    const FILTER: &str = "info,wgpu=warn,wgpu_hal=off,wgpu_core=error,naga=warn";
    let filter = env_logger::Env::default().default_filter_or(FILTER);
    env_logger::Builder::from_env(filter).init();
    if std::env::var_os("RUST_LOG").is_none() {
        log::set_max_level(log::LevelFilter::Warn);
    }
}
