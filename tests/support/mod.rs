//! What several test files share: devices, cases to compute on them, and comparison.
// Each test file compiles this for itself and none uses all of it.
#![allow(dead_code, unused_imports)]

pub mod case;
pub mod compare;
pub mod devices;
pub mod models;
pub mod rooms;
pub mod uses;
