//! What the numbers and pictures of a run are.

/// What a measure under `test` counts, and what it is; `None` for one that is not known here.
pub fn describe(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "mse" => ("squared error per pixel", "mean squared error of reconstructions"),
        "pca_mse" => ("squared error per pixel", "of the best linear code of the same length"),
        "mean_mse" => ("squared error per pixel", "of the mean image, which takes no code"),
        "explained" => ("share", "variance that reconstructions keep"),
        "corrupted_mse" => ("squared error per number", "of samples as they were corrupted"),
        "restored_mse" => ("squared error per number", "of corrupted samples after the model"),
        "bce" => ("nats per pixel", "cross-entropy of reconstructions"),
        "psnr" => ("dB", "peak signal-to-noise ratio of reconstructions"),
        "ssim" => ("1 is alike", "structural similarity of reconstructions"),
        "probe_accuracy" => ("share", "classes that a linear classifier reads off codes"),
        "mean_activation" => ("", "mean magnitude of a code's numbers"),
        "zeros" => ("share", "numbers of codes that are 0"),
        "dead_units" => ("units", "units of the code that are never active"),
        "active_units" => ("dimensions", "dimensions of the code that carry something"),
        "perplexity" => ("codes", "codes of the codebook, were all used alike"),
        "used_codes" => ("codes", "codes of the codebook that are used at all"),
        "prior_nats" => ("nats per place", "codes of held-out images under the prior of places"),
        "independent_nats" => ("nats per place", "the same, were places independent"),
        "reconstruction" => ("per image", "reconstruction term of the bound"),
        "kl" => ("nats per image", "divergence of codes from the prior"),
        "elbo" => ("nats per image", "negative evidence lower bound"),
        "bound" => ("nats per image", "negative importance-weighted bound"),
        "nll" => ("nats per image", "negative log-likelihood, by weighted samples"),
        "jacobian_norm" => ("", "squared norm of the encoder's Jacobian"),
        "corrupted_psnr" => ("dB", "of images as they were corrupted"),
        "corrupted_ssim" => {
            ("1 is alike", "structural similarity of images as they were corrupted")
        }
        "median_psnr" => ("dB", "of corrupted images after a 3x3 median filter"),
        "restored_psnr" => ("dB", "of corrupted images after the model"),
        "classifier_accuracy" => ("share", "images that the judge of samples classifies rightly"),
        "label_agreement" => ("share", "samples that it takes for the label asked for"),
        _ => return None,
    })
}

/// What a picture of a run shows; `None` for one that is not known here.
pub fn caption(name: &str) -> Option<&'static str> {
    Some(match name {
        "reconstructions.png" => "Held-out images, each above what the model makes of it",
        "loss.png" => "Loss by epoch",
        "filters.png" => "Filters of the first layer",
        "restored.png" => "Corrupted, restored and clean images",
        "samples.png" => "New images",
        "interpolation.png" => "Ways from one image to another through the codes",
        "latent_grid.png" => "Images over the plane of the code",
        "codes.png" => "Codes of held-out images in two dimensions",
        "code_use.png" => "How often each code of the codebook is used",
        "kl.png" => "Divergence of each dimension of the code",
        "confusion.png" => "Classes that a linear probe reads off codes",
        _ => return None,
    })
}

/// A number as a table has it: short, and not cut to nothing.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "not finite".into()
    } else if value == value.trunc() && size < 1e15 {
        format!("{value}")
    } else if (1e-3..1e7).contains(&size) {
        let decimals = (4 - size.log10().floor() as i32).clamp(0, 7) as usize;
        format!("{value:.decimals$}")
    } else {
        format!("{value:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunFile;

    #[test]
    fn numbers_have_five_digits() {
        let numbers = [0.001_234_567, 88.123_456, 12_345.67, 64.0, 0.0, 1.5e-9, f64::NAN, -2.5e9];
        let expected =
            ["0.0012346", "88.123", "12346", "64", "0", "1.500e-9", "not finite", "-2500000000"];
        assert_eq!(numbers.map(number), expected);
    }

    #[test]
    fn every_picture_of_a_run_has_a_caption() {
        for name in RunFile::ALL.map(RunFile::name).iter().filter(|name| name.ends_with(".png")) {
            assert!(caption(name).is_some(), "{name}");
        }
    }
}
