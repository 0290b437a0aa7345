//! Several devices that share the work of one training.

use std::fmt;
use std::str::FromStr;

use super::adapters::{AdapterSummary, Adapters};
use super::choice::DeviceChoice;
use super::open::{Opened, open, select};
use crate::cpu::CpuExecutor;
use crate::error::{Error, Result};
use crate::ops::AdapterKind;

/// What stands for every device.
const ALL: &str = "all";

/// The value of `--device` where several may be named, the first of which leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceChoices {
    /// These, such as `0,1` or `cpu,0`. One that is named twice is two devices; of the processor, each has
    /// its share of the threads.
    These(Vec<DeviceChoice>),
    /// What [`DeviceChoice::Auto`] comes to, and all others: the processor, and the usable adapters of the
    /// best backend, since one card may be listed under several.
    All,
}

impl FromStr for DeviceChoices {
    type Err = Error;

    /// Commas within parentheses are part of a name.
    fn from_str(text: &str) -> Result<Self> {
        if text.trim().eq_ignore_ascii_case(ALL) {
            return Ok(Self::All);
        }
        let mut depth = 0_usize;
        let parts = text.split(|letter| {
            match letter {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            letter == ',' && depth == 0
        });
        parts.map(str::parse).collect::<Result<_>>().map(Self::These)
    }
}

impl fmt::Display for DeviceChoices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str(ALL),
            Self::These(choices) => {
                let texts: Vec<String> = choices.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join(","))
            }
        }
    }
}

impl DeviceChoices {
    /// Whether more than one device may be meant.
    pub fn are_several(&self) -> bool {
        !matches!(self, Self::These(choices) if choices.len() == 1)
    }

    /// The devices of the process of this number, of those on one machine that share it: where the best GPU is
    /// meant and the machine has several, each process has another, in turn. Devices that were named are those of
    /// each process.
    pub fn of_process(self, number: usize) -> Self {
        let Self::These(choices) = &self else { return self };
        if !matches!(choices[..], [DeviceChoice::Auto | DeviceChoice::Gpu]) {
            return self;
        }
        let found = Adapters::find();
        match nth_card(found.list(), number) {
            Some(index) => Self::These(vec![DeviceChoice::Index(index)]),
            None => self,
        }
    }

    /// Opens the devices, at least one; where the processor is several of them, each with its share of its
    /// threads.
    ///
    /// # Errors
    /// When there is no such device, or a driver refuses.
    pub fn open(&self) -> Result<Vec<Opened>> {
        let mut opened: Vec<Opened> = self.choices()?.iter().map(open).collect::<Result<_>>()?;
        let processors = opened.iter().filter(|device| device.choice == DeviceChoice::Cpu).count();
        if processors > 1 {
            let threads = (rayon::current_num_threads() / processors).max(1);
            for device in opened.iter_mut().filter(|device| device.choice == DeviceChoice::Cpu) {
                device.executor = Box::new(CpuExecutor::with_threads(threads)?);
            }
        }
        Ok(opened)
    }

    /// Each of them.
    fn choices(&self) -> Result<Vec<DeviceChoice>> {
        if let Self::These(choices) = self {
            return Ok(choices.clone());
        }
        let found = Adapters::find();
        let first = select(&DeviceChoice::Auto, &found)?.settled();
        let adapters = found.list();
        let usable = |index: &usize| adapters[*index].is_usable();
        let best = (0..adapters.len()).find(usable).map(|index| adapters[index].backend);
        let others = (0..adapters.len()).filter(usable);
        let others = others.filter(|index| Some(adapters[*index].backend) == best);
        let others = others.map(DeviceChoice::Index).chain([DeviceChoice::Cpu]);
        let mut choices = vec![first];
        for choice in others {
            if choice != choices[0] {
                choices.push(choice);
            }
        }
        Ok(choices)
    }
}

/// Of several GPUs under the best backend, the one that process `number` has; nothing where there is one at most.
fn nth_card(adapters: &[AdapterSummary], number: usize) -> Option<usize> {
    let is_card = |index: &usize| {
        let adapter = &adapters[*index];
        adapter.is_usable() && adapter.kind != AdapterKind::Software
    };
    let mut cards: Vec<usize> = (0..adapters.len()).filter(is_card).collect();
    let best = cards.first().map(|index| (adapters[*index].backend, adapters[*index].kind));
    cards.retain(|index| Some((adapters[*index].backend, adapters[*index].kind)) == best);
    (cards.len() > 1).then(|| cards[number % cards.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_a_machine_have_a_card_each() {
        let card = |name: &str, kind| AdapterSummary::made_up(name, kind, wgpu::Backend::Vulkan);
        let cards = [
            card("A", AdapterKind::Discrete),
            AdapterSummary { problem: Some("old".into()), ..card("B", AdapterKind::Discrete) },
            card("C", AdapterKind::Discrete),
            card("on the board", AdapterKind::Integrated),
            card("llvmpipe", AdapterKind::Software),
        ];
        let found: Vec<Option<usize>> = (0..4).map(|number| nth_card(&cards, number)).collect();
        assert_eq!(found, [Some(0), Some(2), Some(0), Some(2)]);
        assert_eq!(nth_card(&cards[2..], 1), None, "there is one of its kind");
        let named = DeviceChoices::These(vec![DeviceChoice::Index(7)]);
        assert_eq!(named.clone().of_process(1), named);
    }

    fn these(text: &str) -> Vec<DeviceChoice> {
        match text.parse().expect("devices") {
            DeviceChoices::These(choices) => choices,
            DeviceChoices::All => panic!("{text} is no list"),
        }
    }

    #[test]
    fn lists_are_read_and_written_alike() {
        for text in ["cpu,0", "0,1", "auto", "all", "cpu,cpu,gpu"] {
            assert_eq!(text.parse::<DeviceChoices>().expect("devices").to_string(), text);
        }
        assert_eq!(" ALL".parse::<DeviceChoices>().expect("devices"), DeviceChoices::All);
        let name = "llvmpipe (LLVM 15.0.6, 256 bits)";
        assert_eq!(these(name), [DeviceChoice::Name(name.into())]);
        let both = these(&format!("{name}, cpu"));
        assert_eq!(both, [DeviceChoice::Name(name.into()), DeviceChoice::Cpu]);
        assert!("cpu,,0".parse::<DeviceChoices>().is_err());
        let several = |text: &str| text.parse::<DeviceChoices>().expect("devices").are_several();
        assert!(several("all") && several("0,1") && !several("0") && !several(name));
    }

    #[test]
    fn processors_share_the_threads() {
        let opened = DeviceChoices::These(vec![DeviceChoice::Cpu; 2]).open().expect("opened");
        let threads = (rayon::current_num_threads() / 2).max(1);
        let names: Vec<String> = opened.iter().map(|device| device.executor.name()).collect();
        assert!(
            names.iter().all(|name| name.starts_with(&format!("CPU ({threads} "))),
            "{names:?}"
        );
        let alone = DeviceChoices::These(vec![DeviceChoice::Cpu]).open().expect("opened");
        let all = rayon::current_num_threads();
        assert!(alone[0].executor.name().starts_with(&format!("CPU ({all} ")));
    }

    #[test]
    fn all_are_each_there_once() {
        let opened = DeviceChoices::All.open().expect("opened");
        let choices: Vec<&DeviceChoice> = opened.iter().map(|device| &device.choice).collect();
        assert!(choices.contains(&&DeviceChoice::Cpu), "{choices:?}");
        for (number, choice) in choices.iter().enumerate() {
            assert!(!choices[..number].contains(choice), "{choices:?}");
        }
    }
}
