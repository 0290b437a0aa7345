//! What is computed: operations at odd shapes with their gradients, what is known to go wrong, and training steps.

mod elementwise;
mod layout;
mod list;
mod models;
mod products;
mod random;
mod reduction;
mod self_test;
mod window;

pub(super) use list::all;
