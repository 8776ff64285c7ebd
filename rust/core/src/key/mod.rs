//! The canonical bytes of values, from which keys are made: tags and lengths.
//!
//! Every encoding says itself where it ends, so that no encoding is the beginning of another one and what is put in
//! sequence can be told apart again: different values have different bytes, whatever they are nested in. The format is
//! stable: a digest of it may be kept. Whoever changes it makes all kept keys miss, and changes the golden digests.
//!
//! | first byte | value |
//! |---|---|
//! | `00`–`03` | `None`, `False`, `True`, `...` |
//! | `04` | an integer beyond 64 bits: sign, length, magnitude with its smallest byte first |
//! | `05`, `06` | a float, a complex number: IEEE bits, every NaN the same |
//! | `08`–`0f` | an integer in 1 to 8 bytes, as few as hold it |
//! | `20`–`23` | text, text with lone surrogates, bytes, a byte array: length, content |
//! | `24`–`28` | tuple, list, dict, set, frozenset: number of members, members |
//! | `29` | an array: dtype, number of dimensions, dimensions, content |
//! | `2a`, `2b` | an object taken apart; one that takes itself apart: name of its type, one value |
//! | `2c` | in keys of calls: the key of what a call returns, in place of its value: 32 bytes |
//! | `2d`, `2e` | in keys of calls: an argument rebuilt around results: number of instructions, instructions; a leaf of it |
//! | `2f` | in keys of calls: a named argument: name, value |
//! | `80`–`bf` | text of up to 63 bytes |

mod read;

pub use self::read::{Corrupt, Reader, Token};

/// Where bytes go.
pub trait Sink {
    /// Takes the next bytes.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Values without content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Singleton {
    /// `None`.
    None,
    /// `False`.
    False,
    /// `True`.
    True,
    /// `...`.
    Ellipsis,
}

/// What is a run of bytes, and is no short text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blob {
    /// Text in UTF-8.
    Text,
    /// Text with lone surrogates, in UTF-8 that lets them pass.
    Surrogates,
    /// Immutable bytes.
    Bytes,
    /// Mutable bytes.
    ByteArray,
}

/// What has members. Those of sets are put in the order of their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// A tuple.
    Tuple,
    /// A list.
    List,
    /// A dict: key, value, key, value, in its order.
    Dict,
    /// A set.
    Set,
    /// A frozen set.
    FrozenSet,
}

/// What is a type by name and one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// An object of a known type, taken apart.
    Known,
    /// An object whose class says what stands for it.
    Own,
}

const BIG_INT: u8 = 0x04;
const FLOAT: u8 = 0x05;
const COMPLEX: u8 = 0x06;
/// An integer in one byte, and in eight.
const INT_MIN: u8 = 0x08;
const INT_MAX: u8 = 0x0f;
const ARRAY: u8 = 0x29;
const KNOWN: u8 = 0x2a;
const OWN: u8 = 0x2b;
const CALL: u8 = 0x2c;
const REBUILT: u8 = 0x2d;
const LEAF: u8 = 0x2e;
const KEYWORD: u8 = 0x2f;
const SHORT_TEXT: u8 = 0x80;
const N_SHORT_TEXT_MAX: usize = 0x3f;
const CANONICAL_NAN: u64 = 0x7ff8_0000_0000_0000;

/// A value without content.
#[inline]
pub fn put_singleton(sink: &mut impl Sink, value: Singleton) {
    sink.put(&[match value {
        Singleton::None => 0x00,
        Singleton::False => 0x01,
        Singleton::True => 0x02,
        Singleton::Ellipsis => 0x03,
    }]);
}

/// An integer of 64 bits.
#[inline]
pub fn put_int(sink: &mut impl Sink, value: i64) {
    // Bits that differ from the sign, and the sign itself.
    let n_bits = 65 - (value ^ (value >> 63)).leading_zeros() as usize;
    let n_bytes = n_bits.div_ceil(8);
    let mut bytes = [0; 9];
    bytes[0] = INT_MIN - 1 + n_bytes as u8;
    bytes[1..].copy_from_slice(&value.to_le_bytes());
    sink.put(&bytes[..=n_bytes]);
}

/// An integer beyond 64 bits; `magnitude` has its smallest byte first and no zeros at its end.
pub fn put_big_int(sink: &mut impl Sink, is_negative: bool, magnitude: &[u8]) {
    sink.put(&[BIG_INT, u8::from(is_negative)]);
    put_length(sink, magnitude.len());
    sink.put(magnitude);
}

/// A float. The two zeros differ, since a function can tell them apart; every NaN is the same.
#[inline]
pub fn put_float(sink: &mut impl Sink, value: f64) {
    let mut bytes = [FLOAT; 9];
    bytes[1..].copy_from_slice(&float_bits(value));
    sink.put(&bytes);
}

/// A complex number.
pub fn put_complex(sink: &mut impl Sink, real: f64, imaginary: f64) {
    sink.put(&[COMPLEX]);
    sink.put(&float_bits(real));
    sink.put(&float_bits(imaginary));
}

/// Text.
#[inline]
pub fn put_text(sink: &mut impl Sink, text: &str) {
    if text.len() <= N_SHORT_TEXT_MAX {
        sink.put(&[SHORT_TEXT + text.len() as u8]);
        sink.put(text.as_bytes());
    } else {
        put_blob(sink, Blob::Text, text.as_bytes());
    }
}

/// A run of bytes.
pub fn put_blob(sink: &mut impl Sink, kind: Blob, bytes: &[u8]) {
    sink.put(&[match kind {
        Blob::Text => 0x20,
        Blob::Surrogates => 0x21,
        Blob::Bytes => 0x22,
        Blob::ByteArray => 0x23,
    }]);
    put_length(sink, bytes.len());
    sink.put(bytes);
}

/// The beginning of a container; as many members follow, for a dict as many pairs.
#[inline]
pub fn begin(sink: &mut impl Sink, kind: Container, n_members: usize) {
    sink.put(&[match kind {
        Container::Tuple => 0x24,
        Container::List => 0x25,
        Container::Dict => 0x26,
        Container::Set => 0x27,
        Container::FrozenSet => 0x28,
    }]);
    put_length(sink, n_members);
}

/// An array: what its elements are, its dimensions, and its content in the order of rows.
pub fn put_array(sink: &mut impl Sink, dtype: &str, shape: &[usize], content: &[u8]) {
    sink.put(&[ARRAY]);
    put_text(sink, dtype);
    put_length(sink, shape.len());
    for &length in shape {
        put_length(sink, length);
    }
    put_length(sink, content.len());
    sink.put(content);
}

/// The beginning of an object; one value follows.
pub fn begin_named(sink: &mut impl Sink, kind: Named, type_name: &str) {
    sink.put(&[match kind {
        Named::Known => KNOWN,
        Named::Own => OWN,
    }]);
    put_text(sink, type_name);
}

/// What a call returns, by the key of the call.
pub fn put_call(sink: &mut impl Sink, key: &[u8; 32]) {
    sink.put(&[CALL]);
    sink.put(key);
}

/// The beginning of an argument that is rebuilt around results: as many instructions follow, which in postfix order say
/// what it is, each [`put_leaf`] with a value after it, or [`begin`].
pub fn begin_rebuilt(sink: &mut impl Sink, n_instructions: usize) {
    sink.put(&[REBUILT]);
    put_length(sink, n_instructions);
}

/// The beginning of a leaf of a rebuilt argument; one value follows.
pub fn put_leaf(sink: &mut impl Sink) {
    sink.put(&[LEAF]);
}

/// The beginning of a named argument; one value follows.
pub fn begin_keyword(sink: &mut impl Sink, name: &str) {
    sink.put(&[KEYWORD]);
    put_text(sink, name);
}

/// Puts the members of a set, each encoded already, in the order of their bytes.
pub fn put_unordered(sink: &mut impl Sink, mut members: Vec<Vec<u8>>) {
    members.sort_unstable();
    for member in &members {
        sink.put(member);
    }
}

fn float_bits(value: f64) -> [u8; 8] {
    if value.is_nan() { CANONICAL_NAN } else { value.to_bits() }.to_le_bytes()
}

/// Seven bits a byte, smallest first; the last byte has its highest bit clear.
#[inline]
fn put_length(sink: &mut impl Sink, length: usize) {
    let mut rest = length;
    while rest >= 0x80 {
        sink.put(&[rest as u8 | 0x80]);
        rest >>= 7;
    }
    sink.put(&[rest as u8]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes);
        bytes
    }

    #[test]
    fn test_integers_take_as_few_bytes_as_hold_them() {
        let cases = [
            (0, vec![0x08, 0]),
            (-1, vec![0x08, 0xff]),
            (127, vec![0x08, 0x7f]),
            (128, vec![0x09, 0x80, 0]),
            (-128, vec![0x08, 0x80]),
            (-129, vec![0x09, 0x7f, 0xff]),
            (i64::MAX, vec![0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            (i64::MIN, vec![0x0f, 0, 0, 0, 0, 0, 0, 0, 0x80]),
        ];
        for (value, expected) in cases {
            assert_eq!(bytes(|sink| put_int(sink, value)), expected, "{value}");
        }
    }

    #[test]
    fn test_zeros_differ_and_nans_do_not() {
        let of = |value| bytes(|sink| put_float(sink, value));
        assert_ne!(of(0.0), of(-0.0));
        assert_eq!(of(f64::NAN), of(-f64::NAN));
    }

    #[test]
    fn test_texts_around_the_short_form_differ_and_have_their_length() {
        let short = bytes(|sink| put_text(sink, &"x".repeat(63)));
        let long = bytes(|sink| put_text(sink, &"x".repeat(64)));
        assert_eq!((short[0], short.len()), (0xbf, 64));
        assert_eq!((&long[..2], long.len()), (&[0x20, 64][..], 66));
    }

    #[test]
    fn test_lengths_use_seven_bits_a_byte() {
        assert_eq!(bytes(|sink| put_length(sink, 127)), [127]);
        assert_eq!(bytes(|sink| put_length(sink, 300)), [0xac, 2]);
    }

    #[test]
    fn test_members_of_sets_have_one_order() {
        let of = |members: Vec<Vec<u8>>| bytes(|sink| put_unordered(sink, members));
        assert_eq!(of(vec![vec![2], vec![1, 9]]), of(vec![vec![1, 9], vec![2]]));
    }
}
