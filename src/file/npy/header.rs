//! The header of an `.npy` file: a Python dictionary of three entries.

use super::problem::{Parsed, Problem};
use crate::shape::Shape;

/// The most axes that NumPy gives an array.
const MOST_AXES: usize = 64;

/// What kind of number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A real number of 2, 4 or 8 bytes.
    Real,
    /// A whole number of 1, 2, 4 or 8 bytes.
    Whole {
        /// Whether there are numbers below 0.
        signed: bool,
    },
    /// True or false, as 1 and 0.
    Truth,
}

/// How a number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    family: Family,
    bytes: usize,
    big_end_first: bool,
}

impl Kind {
    /// The kind that NumPy describes so, such as `<f4`.
    fn of(descr: &str) -> Parsed<Self> {
        let refuse = |what: &str| {
            let what = format!("holds numbers of type `{descr}`{what}");
            Err(Problem::Foreign(format!("{what}; save it anew as array.astype(\"<f4\")")))
        };
        let mut letters = descr.chars();
        let (order, letter) = (letters.next(), letters.next());
        let bytes = letters.as_str().parse::<usize>().ok();
        let (family, bytes) = match (letter, bytes) {
            (Some('f'), Some(bytes @ (2 | 4 | 8))) => (Family::Real, bytes),
            (Some(letter @ ('i' | 'u')), Some(bytes @ (1 | 2 | 4 | 8))) => {
                (Family::Whole { signed: letter == 'i' }, bytes)
            }
            (Some('b'), Some(1)) => (Family::Truth, 1),
            (Some('O'), _) => {
                let what = "holds Python objects, which may be any program and are not read";
                let what = format!("{what}; save one array of numbers");
                return Err(Problem::Foreign(what));
            }
            _ => return refuse(", which is read here neither as real nor as whole numbers"),
        };
        match order {
            Some('<' | '=' | '>') => {}
            Some('|') if bytes == 1 => {}
            _ => return refuse(", without an order of bytes"),
        }
        Ok(Self { family, bytes, big_end_first: order == Some('>') })
    }

    /// Real numbers, whole ones or truths.
    pub fn family(self) -> Family {
        self.family
    }

    /// Whether each is a byte from 0 up, or a truth.
    pub fn is_byte(self) -> bool {
        self.bytes == 1 && self.family != (Family::Whole { signed: true })
    }

    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        self.bytes
    }

    /// The number in so many bytes.
    pub(super) fn number(self, bytes: &[u8]) -> f32 {
        let mut little = [0; 8];
        let little = &mut little[..bytes.len()];
        little.copy_from_slice(bytes);
        if self.big_end_first {
            little.reverse();
        }
        let mut word = [0; 8];
        // A negative number goes on in ones.
        if self.family == (Family::Whole { signed: true })
            && little.last().is_some_and(|last| *last >= 0x80)
        {
            word = [0xff; 8];
        }
        word[..little.len()].copy_from_slice(little);
        let word = u64::from_le_bytes(word);
        match (self.family, self.bytes) {
            (Family::Real, 2) => half(word as u16),
            (Family::Real, 4) => f32::from_bits(word as u32),
            (Family::Real, _) => f64::from_bits(word) as f32,
            (Family::Whole { signed: true }, _) => word as i64 as f32,
            (Family::Whole { signed: false }, _) => word as f32,
            (Family::Truth, _) => f32::from(word != 0),
        }
    }
}

/// A number of half precision: a sign, 5 bits of an exponent, 10 of a fraction (IEEE 754's binary16).
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2.0_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2.0_f32.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// What a header says.
#[derive(Debug)]
pub(super) struct Header {
    pub kind: Kind,
    pub shape: Shape,
    /// Whether the first index runs fastest (Fortran's order).
    pub by_columns: bool,
}

impl Header {
    /// Reads the dictionary `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, whose
    /// entries may stand in any order.
    pub fn parse(text: &[u8]) -> Parsed<Self> {
        let mut reader = Reader { text, place: 0 };
        let (mut kind, mut fortran, mut shape) = (None, None, None);
        reader.expect(b'{')?;
        while !reader.takes(b'}') {
            let key = reader.quoted()?;
            reader.expect(b':')?;
            let is_new = match key {
                "descr" if reader.peek() == Some(b'[') => {
                    let what = "holds records; save one array of real numbers";
                    return Err(Problem::Foreign(what.into()));
                }
                "descr" => kind.replace(Kind::of(reader.quoted()?)?).is_none(),
                "fortran_order" => fortran.replace(reader.truth()?).is_none(),
                "shape" => shape.replace(reader.sizes()?).is_none(),
                _ => return Err(reader.damaged("an entry that is not known")),
            };
            if !is_new {
                return Err(reader.damaged("an entry twice"));
            }
            if !reader.takes(b',') {
                reader.expect(b'}')?;
                break;
            }
        }
        if reader.peek().is_some() {
            return Err(reader.damaged("something behind its end"));
        }
        let (Some(kind), Some(fortran), Some(shape)) = (kind, fortran, shape) else {
            return Err(reader.damaged("too few entries"));
        };
        let shape = Shape::new(shape);
        // With at most one axis that is not 1, both orders are the same.
        let by_columns = fortran && shape.iter().filter(|size| **size != 1).count() > 1;
        Ok(Self { kind, shape, by_columns })
    }

    /// How many numbers there are.
    pub fn count(&self) -> Parsed<usize> {
        let product =
            self.shape.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
        product.ok_or_else(|| Problem::Damaged("its shape has no number of elements".into()))
    }
}

/// Python's notation, from front to back.
struct Reader<'a> {
    text: &'a [u8],
    place: usize,
}

impl<'a> Reader<'a> {
    /// The next character that is no space.
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.place).is_some_and(u8::is_ascii_whitespace) {
            self.place += 1;
        }
        self.text.get(self.place).copied()
    }

    fn takes(&mut self, character: u8) -> bool {
        let is_there = self.peek() == Some(character);
        self.place += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, character: u8) -> Parsed<()> {
        match self.takes(character) {
            true => Ok(()),
            false => Err(self.damaged(&format!("no `{}` where one belongs", character as char))),
        }
    }

    /// A text in quotation marks of either kind, without escapes.
    fn quoted(&mut self) -> Parsed<&'a str> {
        let Some(mark @ (b'\'' | b'"')) = self.peek() else {
            return Err(self.damaged("no text where one belongs"));
        };
        let rest = &self.text[self.place + 1..];
        let end = rest.iter().position(|byte| *byte == mark);
        let inside = end.and_then(|end| std::str::from_utf8(&rest[..end]).ok());
        let inside = inside.ok_or_else(|| self.damaged("a text without an end"))?;
        self.place += inside.len() + 2;
        Ok(inside)
    }

    fn truth(&mut self) -> Parsed<bool> {
        self.peek();
        for (word, value) in [("True", true), ("False", false)] {
            if self.text[self.place..].starts_with(word.as_bytes()) {
                self.place += word.len();
                return Ok(value);
            }
        }
        Err(self.damaged("neither True nor False"))
    }

    /// A tuple of whole numbers.
    fn sizes(&mut self) -> Parsed<Vec<usize>> {
        self.expect(b'(')?;
        let mut sizes = vec![];
        while !self.takes(b')') {
            sizes.push(self.whole()?);
            if sizes.len() > MOST_AXES {
                return Err(self.damaged("more axes than an array can have"));
            }
            if !self.takes(b',') {
                self.expect(b')')?;
                break;
            }
        }
        Ok(sizes)
    }

    fn whole(&mut self) -> Parsed<usize> {
        self.peek();
        let digits =
            self.text[self.place..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = &self.text[self.place..self.place + digits];
        self.place += digits.len();
        // Python 2 marks long numbers.
        self.takes(b'L');
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        number.ok_or_else(|| self.damaged("a size that is no number"))
    }

    fn damaged(&self, what: &str) -> Problem {
        Problem::Damaged(format!("its header has {what}, at byte {}", self.place))
    }
}
