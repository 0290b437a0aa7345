//! Which device the user asked for, and which one that is.

use std::fmt;
use std::str::FromStr;

use super::adapters::{AdapterSummary, INSTALL_HINT};
use crate::error::{Error, Result};
use crate::ops::AdapterKind;

const EMPTY: &str = "is empty; it takes auto, cpu, gpu, or an adapter's number or name";

/// The value of `--device`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A hardware GPU if there is one, else the CPU path.
    #[default]
    Auto,
    /// The CPU path.
    Cpu,
    /// The best adapter, be it a software one.
    Gpu,
    /// The adapter with this number in the list.
    Index(usize),
    /// The first adapter whose name or backend contains this text, in any case.
    Name(String),
}

impl FromStr for DeviceChoice {
    type Err = Error;

    /// What is no keyword and no number is the name of an adapter; only nothing is an error.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        Ok(match text.to_ascii_lowercase().as_str() {
            "" => return Err(Error::option("--device", EMPTY)),
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "gpu" => Self::Gpu,
            _ => text.parse().map_or_else(|_| Self::Name(text.into()), Self::Index),
        })
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu => f.write_str("gpu"),
            Self::Index(index) => write!(f, "{index}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// The device that a choice comes to, and why, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The CPU path.
    Cpu(String),
    /// The adapter with this number in the list.
    Adapter(usize, String),
}

impl Selection {
    /// Why this device.
    pub fn reason(&self) -> &str {
        match self {
            Self::Cpu(reason) | Self::Adapter(_, reason) => reason,
        }
    }

    /// The choice that comes to this device and no other, whatever becomes of the adapters.
    pub fn settled(&self) -> DeviceChoice {
        match self {
            Self::Cpu(_) => DeviceChoice::Cpu,
            Self::Adapter(index, _) => DeviceChoice::Index(*index),
        }
    }
}

impl DeviceChoice {
    /// The device that this choice means among `adapters`, which are listed best first.
    ///
    /// # Errors
    /// When no adapter fits; the message lists what there is.
    pub fn select(&self, adapters: &[AdapterSummary]) -> Result<Selection> {
        match self {
            Self::Cpu => Ok(Selection::Cpu("the CPU was asked for".into())),
            Self::Auto => Ok(automatic(adapters)),
            Self::Gpu => {
                let best = adapters.iter().position(AdapterSummary::is_usable);
                let reason = "the best adapter there is";
                best.map(|index| Selection::Adapter(index, reason.into()))
                    .ok_or_else(|| Error::Device(no_adapter(adapters)))
            }
            Self::Index(index) => match adapters.get(*index) {
                Some(adapter) => asked_for(*index, adapter),
                None => Err(self.unknown(adapters)),
            },
            Self::Name(name) => {
                let index = named(name, adapters).ok_or_else(|| self.unknown(adapters))?;
                asked_for(index, &adapters[index])
            }
        }
    }

    fn unknown(&self, adapters: &[AdapterSummary]) -> Error {
        if adapters.is_empty() {
            return Error::Device(no_adapter(adapters));
        }
        let list: Vec<_> =
            adapters.iter().enumerate().map(|(i, adapter)| format!("{i} {adapter}")).collect();
        let what =
            format!("no adapter is called `{self}`; there are auto, cpu, gpu, {}", list.join(", "));
        Error::option("--device", what)
    }
}

/// A hardware GPU, else the CPU: a software adapter computes on the same processor as the CPU path,
/// and many times slower.
fn automatic(adapters: &[AdapterSummary]) -> Selection {
    let hardware = |adapter: &AdapterSummary| adapter.kind != AdapterKind::Software;
    let best = adapters.iter().position(|adapter| hardware(adapter) && adapter.is_usable());
    if let Some(index) = best {
        let what = match adapters[index].kind {
            AdapterKind::Discrete => "a GPU with its own memory",
            _ => "the best GPU there is",
        };
        return Selection::Adapter(index, what.into());
    }
    let software = adapters.iter().find(|adapter| !hardware(adapter));
    let broken = adapters.iter().find_map(|adapter| {
        let problem = adapter.problem.as_ref().filter(|_| hardware(adapter))?;
        Some(format!("{adapter} cannot be used: {problem}"))
    });
    Selection::Cpu(match (broken, software) {
        (Some(broken), _) => broken,
        (None, Some(software)) => format!(
            "there is no hardware GPU, and the CPU path is faster than {}; \
             `--device gpu` takes that anyway",
            software.name
        ),
        (None, None) => "there is no GPU".into(),
    })
}

fn asked_for(index: usize, adapter: &AdapterSummary) -> Result<Selection> {
    match &adapter.problem {
        None => Ok(Selection::Adapter(index, "it was asked for".into())),
        Some(problem) => Err(Error::Device(format!(
            "{adapter} cannot be used: {problem}; `diabolo adapters` lists the others"
        ))),
    }
}

/// The first adapter of that backend, else the first that has `name` in its own.
fn named(name: &str, adapters: &[AdapterSummary]) -> Option<usize> {
    let name = name.to_lowercase();
    let backend = |adapter: &AdapterSummary| adapter.backend.to_str().to_lowercase();
    adapters.iter().position(|adapter| backend(adapter) == name).or_else(|| {
        adapters.iter().position(|adapter| {
            adapter.name.to_lowercase().contains(&name) || backend(adapter).contains(&name)
        })
    })
}

fn no_adapter(adapters: &[AdapterSummary]) -> String {
    let problems: Vec<_> = adapters
        .iter()
        .filter_map(|adapter| Some(format!("{adapter}: {}", adapter.problem.as_ref()?)))
        .collect();
    match problems.is_empty() {
        true => format!("no GPU adapter was found; {INSTALL_HINT}, or take --device cpu"),
        false => format!(
            "no adapter can be used ({}); {INSTALL_HINT}, or take --device cpu",
            problems.join("; ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AdapterSummary as Summary;

    fn index(choice: &str, adapters: &[AdapterSummary]) -> Result<Option<usize>> {
        Ok(match choice.parse::<DeviceChoice>()?.select(adapters)? {
            Selection::Cpu(_) => None,
            Selection::Adapter(index, _) => Some(index),
        })
    }

    #[test]
    fn choices_are_read_and_written_alike() {
        for text in ["auto", "cpu", "gpu", "3", "GeForce RTX"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        assert_eq!("AUTO".parse::<DeviceChoice>().unwrap(), DeviceChoice::Auto);
        assert!("  ".parse::<DeviceChoice>().is_err());
    }

    #[test]
    fn auto_leaves_software_adapters_alone() {
        let software = [Summary::made_up("llvmpipe", AdapterKind::Software, wgpu::Backend::Vulkan)];
        assert_eq!(index("auto", &software).unwrap(), None);
        assert_eq!(index("auto", &[]).unwrap(), None);
        assert_eq!(index("gpu", &software).unwrap(), Some(0));
        let text = index("gpu", &[]).unwrap_err().to_string();
        assert!(text.contains(INSTALL_HINT), "{text}");
    }

    #[test]
    fn what_auto_came_to_does_not_turn_into_the_cpu() {
        let adapters = [Summary::made_up("GeForce", AdapterKind::Discrete, wgpu::Backend::Vulkan)];
        let settled = DeviceChoice::Auto.select(&adapters).unwrap().settled();
        assert_eq!(settled, DeviceChoice::Index(0));
        // The adapter is gone: `auto` would take the CPU, and a run that began on it must not.
        assert!(matches!(DeviceChoice::Auto.select(&[]), Ok(Selection::Cpu(_))));
        assert!(settled.select(&[]).is_err());
        let cpu = DeviceChoice::Auto.select(&[]).unwrap().settled();
        assert!(matches!(cpu.select(&adapters), Ok(Selection::Cpu(_))), "nor to a GPU");
    }

    #[test]
    fn unusable_adapters_are_passed_over_and_refused_by_name() {
        let mut adapters = [
            Summary::made_up("Old", AdapterKind::Discrete, wgpu::Backend::Gl),
            Summary::made_up("New", AdapterKind::Integrated, wgpu::Backend::Vulkan),
        ];
        adapters[0].problem = Some("it has no compute shaders".into());
        assert_eq!(index("auto", &adapters).unwrap(), Some(1));
        let text = index("old", &adapters).unwrap_err().to_string();
        assert!(text.contains("compute shaders"), "{text}");
    }

    #[test]
    fn names_match_in_part_and_the_list_breaks_ties() {
        let adapters = [
            Summary::made_up("GeForce", AdapterKind::Discrete, wgpu::Backend::Vulkan),
            Summary::made_up("GeForce", AdapterKind::Discrete, wgpu::Backend::Gl),
        ];
        assert_eq!(index("geforce", &adapters).unwrap(), Some(0));
        assert_eq!(index("gl", &adapters).unwrap(), Some(1));
        assert_eq!(index("1", &adapters).unwrap(), Some(1));
        for unknown in ["2", "radeon"] {
            let text = index(unknown, &adapters).unwrap_err().to_string();
            assert!(text.starts_with("--device") && text.contains("GeForce"), "{text}");
        }
    }
}
