//! A confusion matrix as a picture.

use image::RgbImage;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::{self, Area, BLUE, DrawResult, GRID, WHITE_TEXT, font, text_width};
use crate::error::{Error, Result};

/// Pixels above the matrix, and right of it and below it.
const TOP: i32 = 56;
const RIGHT: i32 = 24;
/// Pixels that cells take together, and the least and most of one.
const SIDE: i32 = 640;
const CELL: [i32; 2] = [8, 72];
/// Cells from this many pixels on hold their count.
const WITH_COUNT: i32 = 30;
/// Names of classes are cut to this many letters.
const LETTERS: usize = 16;
/// The most classes that are drawn.
const MOST: usize = 400;

/// Draws counts `[true class][predicted class]`, each row coloured by its shares.
///
/// # Errors
/// When there are no classes, or more than 400, or the counts are no square.
pub fn confusion(counts: &[Vec<u64>], names: &[String]) -> Result<RgbImage> {
    let classes = counts.len();
    let square = counts.iter().all(|row| row.len() == classes) && names.len() == classes;
    if classes == 0 || classes > MOST || !square {
        let what = format!("a confusion matrix takes 1 to {MOST} classes, each with its row");
        return Err(Error::option("classes", what));
    }
    let cell = (SIDE / classes as i32).clamp(CELL[0], CELL[1]);
    let names: Vec<String> = names.iter().map(|name| shortened(name)).collect();
    // Numbers and names in letters of this size; below that, cells have no room for them.
    let letters = (cell / 2).clamp(8, 18) as u32;
    let widest = names.iter().map(|name| text_width(name, letters)).max().unwrap_or(0) as i32;
    let left = 44 + widest + 10;
    let matrix = Matrix { counts, names: &names, cell, letters, left, widest };
    let side = cell * classes as i32;
    let size = [left + side + RIGHT, TOP + side + matrix.bottom()];
    // Room for the caption, which is written above the smallest matrix, too.
    let size = [size[0].max(420) as u32, size[1] as u32];
    chart::drawn(size, "confusion matrix", |area| matrix.draw(area))
}

/// A name as far as there is room for it.
fn shortened(name: &str) -> String {
    match name.chars().count() > LETTERS {
        true => name.chars().take(LETTERS - 1).chain(['…']).collect(),
        false => name.to_owned(),
    }
}

struct Matrix<'a> {
    counts: &'a [Vec<u64>],
    names: &'a [String],
    cell: i32,
    letters: u32,
    left: i32,
    widest: i32,
}

impl Matrix<'_> {
    /// Whether names below the matrix have to stand upright.
    fn is_turned(&self) -> bool {
        self.widest > self.cell - 4
    }

    fn bottom(&self) -> i32 {
        44 + if self.is_turned() { self.widest } else { self.letters as i32 + 4 }
    }

    fn draw(&self, area: &Area) -> DrawResult {
        let total: u64 = self.counts.iter().flatten().sum();
        let right: u64 = (0..self.counts.len()).map(|class| self.counts[class][class]).sum();
        let share = 100.0 * right as f64 / total.max(1) as f64;
        chart::write_beside(area, &format!("{share:.1} % of {total} right"), (16, TOP / 2), 20)?;
        for (row, counts) in self.counts.iter().enumerate() {
            let sum: u64 = counts.iter().sum();
            for (column, count) in counts.iter().enumerate() {
                let share = *count as f64 / sum.max(1) as f64;
                self.draw_cell(area, [row, column], *count, share)?;
            }
        }
        self.draw_names(area)
    }

    fn draw_cell(&self, area: &Area, at: [usize; 2], count: u64, share: f64) -> DrawResult {
        let [y, x] = [TOP + at[0] as i32 * self.cell, self.left + at[1] as i32 * self.cell];
        let corners = [(x, y), (x + self.cell, y + self.cell)];
        // A single one among many is still to be seen.
        let strength = if count > 0 { 0.06 + 0.94 * share } else { 0.0 };
        let mix = |full: u8| (255.0 + strength * (f64::from(full) - 255.0)).round() as u8;
        let colour = RGBColor(mix(BLUE.0), mix(BLUE.1), mix(BLUE.2));
        area.draw(&Rectangle::new(corners, colour.filled()))?;
        area.draw(&Rectangle::new(corners, GRID))?;
        let text = count.to_string();
        let fits =
            self.cell >= WITH_COUNT && text_width(&text, self.letters) as i32 <= self.cell - 4;
        if count > 0 && fits {
            let colour = if share > 0.5 { WHITE_TEXT } else { chart::TEXT };
            let style = font(self.letters).color(&colour);
            let style = style.pos(Pos::new(HPos::Center, VPos::Center));
            area.draw(&Text::new(text, (x + self.cell / 2, y + self.cell / 2 + 2), style))?;
        }
        Ok(())
    }

    fn draw_names(&self, area: &Area) -> DrawResult {
        let side = self.cell * self.counts.len() as i32;
        let middle = side / 2;
        for (class, name) in self.names.iter().enumerate() {
            if (self.letters as i32) > self.cell {
                break;
            }
            let place = class as i32 * self.cell + self.cell / 2;
            let style = font(self.letters).pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(name.as_str(), (self.left - 8, TOP + place + 2), style))?;
            let below = (self.left + place, TOP + side + 8);
            let style = font(self.letters).pos(Pos::new(HPos::Center, VPos::Top));
            match self.is_turned() {
                false => area.draw(&Text::new(name.as_str(), below, style))?,
                true => {
                    let turned = font(self.letters).transform(FontTransform::Rotate270);
                    let turned = turned.pos(Pos::new(HPos::Right, VPos::Center));
                    area.draw(&Text::new(name.as_str(), below, turned))?;
                }
            }
        }
        let centred = |size| font(size).pos(Pos::new(HPos::Center, VPos::Center));
        let below = (self.left + middle, TOP + side + self.bottom() - 16);
        area.draw(&Text::new("predicted", below, centred(18)))?;
        let upright = centred(18).transform(FontTransform::Rotate270);
        area.draw(&Text::new("true", (22, TOP + middle), upright))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|class| format!("class {class} of a long name")).collect()
    }

    #[test]
    fn shares_of_a_row_are_its_colours() {
        let counts = vec![vec![90, 0], vec![5, 5]];
        let picture = confusion(&counts, &["a".into(), "b".into()]).expect("can be drawn");
        let full = image::Rgb([BLUE.0, BLUE.1, BLUE.2]);
        let pixels = |colour: image::Rgb<u8>| picture.pixels().filter(|p| **p == colour).count();
        assert!(pixels(full) > 3000 && pixels(full) <= 72 * 72, "{}", pixels(full));
        let half = |full: u8| (255.0 + 0.53 * (f64::from(full) - 255.0)).round() as u8;
        let half = image::Rgb([half(BLUE.0), half(BLUE.1), half(BLUE.2)]);
        assert!(pixels(half) > 6000, "{}", pixels(half));
    }

    #[test]
    fn any_number_of_classes_can_be_drawn_up_to_a_limit() {
        for classes in [1, 2, 3, 10, 47, 100, 400] {
            let counts = vec![vec![u64::from(u32::MAX); classes]; classes];
            let picture = confusion(&counts, &names(classes)).expect("can be drawn");
            assert!(picture.width() < 4000, "{classes}");
            confusion(&vec![vec![0; classes]; classes], &names(classes)).expect("can be drawn");
        }
        for (counts, names) in [
            (vec![], names(0)),
            (vec![vec![1, 2]], names(1)),
            (vec![vec![1]], names(2)),
            (vec![vec![0; 401]; 401], names(401)),
        ] {
            confusion(&counts, &names).expect_err("no such matrix");
        }
    }
}
