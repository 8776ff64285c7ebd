//! Canonical bytes, read back.

use super::{
    ARRAY, BIG_INT, Blob, COMPLEX, Container, FLOAT, INT_MAX, INT_MIN, KNOWN, N_SHORT_TEXT_MAX, Named, OWN,
    SHORT_TEXT, Singleton,
};

/// What comes next; containers and named values are followed by their members.
#[derive(Clone, Debug, PartialEq)]
pub enum Token<'a> {
    /// A value without content.
    Singleton(Singleton),
    /// An integer of 64 bits.
    Int(i64),
    /// An integer beyond: whether it is negative, and its magnitude with its smallest byte first.
    BigInt(bool, &'a [u8]),
    /// A float.
    Float(f64),
    /// A complex number.
    Complex(f64, f64),
    /// Text in UTF-8.
    Text(&'a str),
    /// A run of bytes that is no text in UTF-8.
    Blob(Blob, &'a [u8]),
    /// As many members follow, for a dict as many pairs.
    Begin(Container, usize),
    /// An array: what its elements are, its dimensions, its content in the order of rows.
    Array(&'a str, Vec<usize>, &'a [u8]),
    /// One value follows.
    Named(Named, &'a str),
}

/// Bytes that nobody wrote as the canonical bytes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// Reads canonical bytes from their beginning.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Before the first value.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether everything was read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads what comes next. No number of members is larger than what is left could hold, so that nobody reserves
    /// memory for the sake of a wrong byte.
    pub fn token(&mut self) -> Result<Token<'a>, Corrupt> {
        let tag = self.byte()?;
        Ok(match tag {
            0x00 => Token::Singleton(Singleton::None),
            0x01 => Token::Singleton(Singleton::False),
            0x02 => Token::Singleton(Singleton::True),
            0x03 => Token::Singleton(Singleton::Ellipsis),
            BIG_INT => {
                let is_negative = self.byte()? != 0;
                Token::BigInt(is_negative, self.counted()?)
            }
            FLOAT => Token::Float(self.float()?),
            COMPLEX => Token::Complex(self.float()?, self.float()?),
            INT_MIN..=INT_MAX => {
                let bytes = self.take(usize::from(tag - INT_MIN) + 1)?;
                let sign = if bytes[bytes.len() - 1] & 0x80 == 0 { 0 } else { 0xff };
                let mut all = [sign; 8];
                all[..bytes.len()].copy_from_slice(bytes);
                Token::Int(i64::from_le_bytes(all))
            }
            0x20 => Token::Text(text(self.counted()?)?),
            0x21 => Token::Blob(Blob::Surrogates, self.counted()?),
            0x22 => Token::Blob(Blob::Bytes, self.counted()?),
            0x23 => Token::Blob(Blob::ByteArray, self.counted()?),
            0x24 => Token::Begin(Container::Tuple, self.n_members()?),
            0x25 => Token::Begin(Container::List, self.n_members()?),
            0x26 => Token::Begin(Container::Dict, self.n_members()?),
            0x27 => Token::Begin(Container::Set, self.n_members()?),
            0x28 => Token::Begin(Container::FrozenSet, self.n_members()?),
            ARRAY => {
                let dtype = self.name()?;
                let n_dimensions = self.n_members()?;
                let shape = (0..n_dimensions).map(|_| self.length()).collect::<Result<_, _>>()?;
                Token::Array(dtype, shape, self.counted()?)
            }
            KNOWN => Token::Named(Named::Known, self.name()?),
            OWN => Token::Named(Named::Own, self.name()?),
            short if (SHORT_TEXT..=SHORT_TEXT + N_SHORT_TEXT_MAX as u8).contains(&short) => {
                Token::Text(text(self.take(usize::from(short - SHORT_TEXT))?)?)
            }
            _ => return Err(Corrupt),
        })
    }

    fn name(&mut self) -> Result<&'a str, Corrupt> {
        match self.token()? {
            Token::Text(name) => Ok(name),
            _ => Err(Corrupt),
        }
    }

    fn byte(&mut self) -> Result<u8, Corrupt> {
        Ok(self.take(1)?[0])
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], Corrupt> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or(Corrupt)?;
        self.rest = rest;
        Ok(taken)
    }

    fn counted(&mut self) -> Result<&'a [u8], Corrupt> {
        let n = self.length()?;
        self.take(n)
    }

    fn n_members(&mut self) -> Result<usize, Corrupt> {
        let n = self.length()?;
        if n <= self.rest.len() { Ok(n) } else { Err(Corrupt) }
    }

    fn length(&mut self) -> Result<usize, Corrupt> {
        let mut length = 0_usize;
        for shift in (0..usize::BITS).step_by(7) {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7f).checked_shl(shift).ok_or(Corrupt)?;
            if byte & 0x80 == 0 {
                return Ok(length);
            }
        }
        Err(Corrupt)
    }

    fn float(&mut self) -> Result<f64, Corrupt> {
        let mut bits = [0; 8];
        bits.copy_from_slice(self.take(8)?);
        Ok(f64::from_bits(u64::from_le_bytes(bits)))
    }
}

fn text(bytes: &[u8]) -> Result<&str, Corrupt> {
    std::str::from_utf8(bytes).map_err(|_| Corrupt)
}

#[cfg(test)]
mod tests {
    use super::super::{begin, begin_named, put_array, put_big_int, put_blob, put_float, put_int, put_text};
    use super::*;

    #[test]
    fn test_what_was_put_is_read() {
        let mut bytes = Vec::new();
        begin(&mut bytes, Container::Dict, 1);
        put_text(&mut bytes, "a");
        put_int(&mut bytes, -300);
        put_big_int(&mut bytes, true, &[1, 2, 3]);
        put_float(&mut bytes, -0.0);
        put_blob(&mut bytes, Blob::Bytes, &[7; 200]);
        put_array(&mut bytes, "<i8", &[1, 2], &[0; 16]);
        begin_named(&mut bytes, Named::Known, "datetime.date");
        put_text(&mut bytes, &"x".repeat(70));
        let mut reader = Reader::new(&bytes);
        let long = "x".repeat(70);
        let expected = [
            Token::Begin(Container::Dict, 1),
            Token::Text("a"),
            Token::Int(-300),
            Token::BigInt(true, &[1, 2, 3]),
            Token::Float(-0.0),
            Token::Blob(Blob::Bytes, &[7; 200]),
            Token::Array("<i8", vec![1, 2], &[0; 16]),
            Token::Named(Named::Known, "datetime.date"),
            Token::Text(&long),
        ];
        for token in expected {
            assert_eq!(reader.token(), Ok(token));
        }
        assert!(reader.is_at_end());
    }

    #[test]
    fn test_extreme_integers_come_back() {
        for value in [0, 1, -1, 127, 128, -128, -129, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_int(&mut bytes, value);
            assert_eq!(Reader::new(&bytes).token(), Ok(Token::Int(value)));
        }
    }

    #[test]
    fn test_cut_off_or_unknown_bytes_are_corrupt() {
        let mut bytes = Vec::new();
        put_array(&mut bytes, "<i8", &[2], &[0; 16]);
        for n in 0..bytes.len() {
            assert_eq!(Reader::new(&bytes[..n]).token(), Err(Corrupt), "{n}");
        }
        assert_eq!(Reader::new(&[0x7f]).token(), Err(Corrupt));
        assert_eq!(Reader::new(&[0x25, 0xff, 0xff, 0x03]).token(), Err(Corrupt));
        assert_eq!(
            Reader::new(&[0x22, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).token(),
            Err(Corrupt)
        );
    }
}
