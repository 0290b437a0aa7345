//! What a real browser makes of kernels, of exported models and of `check.html`; in one program, since each by itself
//! leaves a core idle.

#[cfg(target_os = "linux")]
#[path = "../support/browser.rs"]
mod browser;
mod check;
#[cfg(target_os = "linux")]
mod kernels;
// What a browser computes is the same on every system.
#[cfg(target_os = "linux")]
mod model;
#[cfg(target_os = "linux")]
#[path = "../support/pictures.rs"]
mod pictures;
#[path = "../support/program.rs"]
mod program;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod support;
