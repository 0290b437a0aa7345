//! Procedural sprites.

use diabolo::data::{Dataset, ImageShape, LoadOptions, Source, sprites};
use diabolo::rng::Seed;

use super::{contents, sized, with_seed};

fn load(count: usize, options: &LoadOptions) -> Dataset {
    Dataset::load(&Source::Sprites(count), options).expect("drawn here")
}

#[test]
fn the_same_seed_draws_the_same_sprites() {
    let data = load(300, &with_seed(5));
    assert_eq!(data.shape, ImageShape { channels: 1, height: 64, width: 64 });
    assert_eq!((data.train.count, data.test.count), (270, 30));
    assert_eq!(data.classes, ["square", "ellipse", "heart"]);
    assert_eq!(data, load(300, &with_seed(5)));
    assert_ne!(data.train, load(300, &with_seed(6)).train);
}

#[test]
fn any_sprite_can_be_drawn_alone() {
    let data = load(50, &LoadOptions { seed: Seed(8), ..sized(40, 24) });
    let mut loaded = [contents(&data.train), contents(&data.test)].concat();
    let alone = |index| {
        let factors = sprites::Factors::draw(Seed(8), index);
        (factors.render(40, 24), Some(factors.shape))
    };
    let mut alone: Vec<_> = (0..50).map(alone).collect();
    loaded.sort();
    alone.sort();
    assert_eq!(loaded, alone);
}

#[test]
fn area_grows_with_scale_and_does_not_depend_on_place_or_rotation() {
    let area = |shape, scale, rotation, x, y| {
        let factors = sprites::Factors { shape, scale, rotation, x, y };
        factors.render(64, 64).iter().map(|&pixel| f64::from(pixel) / 255.0).sum::<f64>()
    };
    for shape in 0..3 {
        let areas: Vec<f64> =
            (0..sprites::SCALES).map(|scale| area(shape, scale, 7, 16, 16)).collect();
        assert!(areas.windows(2).all(|pair| pair[0] < 0.9 * pair[1]), "{areas:?}");
        // Twice the size covers four times the area.
        assert!((areas[5] / areas[0] - 4.0).abs() < 0.2, "{areas:?}");
        for (rotation, x, y) in [(0, 0, 0), (13, 31, 0), (26, 0, 31), (39, 31, 31)] {
            let moved = area(shape, 5, rotation, x, y);
            assert!((moved / areas[5] - 1.0).abs() < 0.03, "{moved} and {}", areas[5]);
        }
    }
}

#[test]
fn edges_are_smooth() {
    let factors = sprites::Factors { shape: 1, scale: 5, rotation: 3, x: 9, y: 20 };
    let between = factors.render(64, 64).iter().filter(|&&p| p > 0 && p < 255).count();
    assert!(between > 20, "{between}");
}

#[test]
fn impossible_sets_are_refused() {
    for (count, options, expected) in [
        (1, LoadOptions::default(), "at least 2"),
        (usize::MAX, LoadOptions::default(), "more than"),
        (10, sized(64, 4), "too small"),
        (10, sized(64, 20_000), "between 1 and"),
    ] {
        let error = Dataset::load(&Source::Sprites(count), &options).expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
    }
}
