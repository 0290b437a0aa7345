//! Whether there is an adapter that the other tests can run on. `tests/run` asks this first.

mod support;

use diabolo::graph::Executor;

#[test]
fn an_adapter_is_present() {
    println!("tests run on {}", support::devices::gpu().name());
}
