//! All cases, in order.

use super::{elementwise, layout, models, products, random, reduction, self_test, window};
use crate::check::case::Case;
use crate::error::Result;

pub(in crate::check) fn all() -> Result<Vec<Case>> {
    let mut all = vec![];
    for cases in [
        products::cases,
        window::cases,
        elementwise::cases,
        reduction::cases,
        layout::cases,
        random::cases,
    ] {
        all.extend(cases()?);
    }
    all.push(self_test::case()?);
    all.extend(models::cases()?);
    Ok(all)
}
