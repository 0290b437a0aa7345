//! Working memory that a thread keeps from one use to the next, so that steps allocate nothing.

use std::cell::RefCell;

thread_local! {
    static WORKSPACES: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Hands `f` working memory of `words` numbers, holding whatever was left there. A thread keeps its
/// memory for the next use; a use inside another one gets memory of its own.
pub fn with_workspace<R>(words: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    let kept = WORKSPACES.with(|places| places.borrow_mut().pop());
    let mut workspace = kept.unwrap_or_default();
    if workspace.len() < words {
        workspace.resize(words, 0.0);
    }
    let result = f(&mut workspace[..words]);
    WORKSPACES.with(|places| places.borrow_mut().push(workspace));
    result
}
