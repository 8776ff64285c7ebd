//! Keys of Python values: a walk over the value that puts its canonical bytes (`makespan_core::key`) into a digest.
//!
//! Exact built-in types, arrays, and classes with a `__makespan_key__` are dealt with here. What else is known is taken
//! apart by `makespan.keys.parts`; what is not known is refused with the path to it.

use std::fmt::Write as _;
use std::fs::File;
use std::path::PathBuf;

use makespan_core::key::{self, Blob, Container, Corrupt, Named, Reader, Singleton, Sink, Token};
use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyComplex, PyDict, PyEllipsis, PyFloat, PyFrozenSet, PyInt, PyList, PySet,
    PyString, PyTuple, PyType,
};

use crate::detach::detached;
use crate::error::BindResult;

static PARTS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Deeper nesting is refused: the walk recurses, and a value may contain itself.
const DEPTH_MAX: u32 = 200;

/// Bytes are gathered before they are hashed; a run of at least this many is not copied.
const N_GATHERED_MAX: usize = 1 << 12;

/// Why a value has no key.
#[derive(Debug)]
pub(crate) enum KeyError {
    /// A value in it is of a type that is not known, or nested too deep.
    Unkeyable { path: String, reason: String },
    /// Python code that was asked raised.
    Python(PyErr),
}

impl From<PyErr> for KeyError {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

type KeyResult<T> = Result<T, KeyError>;

/// What stands around a value, for the message that refuses it; nothing is made of it before that.
#[derive(Clone, Copy)]
enum Place<'a, 'py> {
    Root(&'a str),
    Index(&'a Place<'a, 'py>, usize),
    Key(&'a Place<'a, 'py>, &'a Bound<'py, PyAny>),
    KeyItself(&'a Place<'a, 'py>),
    Member(&'a Place<'a, 'py>),
}

impl Place<'_, '_> {
    fn write(&self, text: &mut String) {
        match self {
            Self::Root(name) => text.push_str(name),
            Self::Index(around, idx) => {
                around.write(text);
                let _ = write!(text, "[{idx}]");
            }
            Self::Key(around, key) => {
                around.write(text);
                let shown = key.repr().map_or_else(|_| "…".to_owned(), |shown| shown.to_string());
                let _ = write!(text, "[{shown:.80}]");
            }
            Self::KeyItself(around) => {
                around.write(text);
                text.push_str(".keys()");
            }
            Self::Member(around) => {
                around.write(text);
                text.push_str("{…}");
            }
        }
    }

    #[cold]
    fn refuse(&self, reason: String) -> KeyError {
        let mut path = String::new();
        self.write(&mut path);
        KeyError::Unkeyable { path, reason }
    }
}

/// Puts the canonical bytes of a value; `name` is what a message calls it, for instance "args".
pub(crate) fn encode(value: &Bound<'_, PyAny>, name: &str, sink: &mut impl Sink) -> KeyResult<()> {
    put(value, Place::Root(name), DEPTH_MAX, sink)
}

/// The digest to keep: the same in every process, on every machine, and safe against constructed collisions.
pub(crate) fn durable_digest(value: &Bound<'_, PyAny>, name: &str) -> KeyResult<[u8; 32]> {
    let mut sink = Durable::default();
    encode(value, name, &mut sink)?;
    Ok(sink.digest())
}

/// Hashes to the digest that may be kept. Gathers small pieces, so that most values are hashed at once.
#[derive(Debug)]
pub(crate) struct Durable {
    gathered: Vec<u8>,
    /// There once something was hashed already.
    hash: Option<blake3::Hasher>,
}

impl Default for Durable {
    fn default() -> Self {
        Self { gathered: Vec::with_capacity(256), hash: None }
    }
}

impl Durable {
    #[cold]
    fn flush(&mut self, bytes: &[u8]) {
        let hash = self.hash.get_or_insert_default();
        hash.update(&self.gathered);
        hash.update(bytes);
        self.gathered.clear();
    }

    pub(crate) fn digest(self) -> [u8; 32] {
        match self.hash {
            None => *blake3::hash(&self.gathered).as_bytes(),
            Some(mut hash) => *hash.update(&self.gathered).finalize().as_bytes(),
        }
    }
}

impl Sink for Durable {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        if self.gathered.len() + bytes.len() <= N_GATHERED_MAX {
            self.gathered.extend_from_slice(bytes);
        } else {
            self.flush(bytes);
        }
    }
}

fn put(value: &Bound<'_, PyAny>, place: Place<'_, '_>, depth: u32, sink: &mut impl Sink) -> KeyResult<()> {
    if let Ok(text) = value.cast_exact::<PyString>() {
        return put_text(text, sink);
    }
    if let Ok(int) = value.cast_exact::<PyInt>() {
        return put_int(int, sink);
    }
    if let Ok(float) = value.cast_exact::<PyFloat>() {
        key::put_float(sink, float.value());
        return Ok(());
    }
    if value.is_none() {
        key::put_singleton(sink, Singleton::None);
        return Ok(());
    }
    if let Ok(flag) = value.cast_exact::<PyBool>() {
        key::put_singleton(sink, if flag.is_true() { Singleton::True } else { Singleton::False });
        return Ok(());
    }
    if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        key::put_blob(sink, Blob::Bytes, bytes.as_bytes());
        return Ok(());
    }
    let Some(depth) = depth.checked_sub(1) else {
        return Err(place.refuse(format!("it is nested deeper than {DEPTH_MAX}, or contains itself")));
    };
    if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        key::begin(sink, Container::Tuple, tuple.len());
        return tuple
            .iter_borrowed()
            .enumerate()
            .try_for_each(|(idx, member)| put(&member, Place::Index(&place, idx), depth, sink));
    }
    if let Ok(list) = value.cast_exact::<PyList>() {
        // Python code may run while members are put, and change the list.
        let list = list.to_tuple();
        key::begin(sink, Container::List, list.len());
        return list
            .iter_borrowed()
            .enumerate()
            .try_for_each(|(idx, member)| put(&member, Place::Index(&place, idx), depth, sink));
    }
    if let Ok(dict) = value.cast_exact::<PyDict>() {
        return put_dict(dict, place, depth, sink);
    }
    if let Ok(set) = value.cast_exact::<PySet>() {
        return put_set(Container::Set, set.iter(), place, depth, sink);
    }
    if let Ok(set) = value.cast_exact::<PyFrozenSet>() {
        return put_set(Container::FrozenSet, set.iter(), place, depth, sink);
    }
    put_other(value, place, depth, sink)
}

#[inline]
fn put_text(text: &Bound<'_, PyString>, sink: &mut impl Sink) -> KeyResult<()> {
    if let Ok(text) = text.to_str() {
        key::put_text(sink, text);
    } else {
        let bytes = text.call_method1(intern!(text.py(), "encode"), ("utf-8", "surrogatepass"))?;
        key::put_blob(sink, Blob::Surrogates, bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes());
    }
    Ok(())
}

#[inline]
fn put_int(int: &Bound<'_, PyInt>, sink: &mut impl Sink) -> KeyResult<()> {
    if let Ok(int) = int.extract::<i64>() {
        key::put_int(sink, int);
        return Ok(());
    }
    let magnitude = int.call_method0(intern!(int.py(), "__abs__"))?;
    let n_bits: usize = magnitude.call_method0(intern!(int.py(), "bit_length"))?.extract()?;
    let bytes = magnitude.call_method1(intern!(int.py(), "to_bytes"), (n_bits.div_ceil(8), "little"))?;
    key::put_big_int(sink, int.lt(0)?, bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes());
    Ok(())
}

fn put_dict(
    dict: &Bound<'_, PyDict>,
    place: Place<'_, '_>,
    depth: u32,
    sink: &mut impl Sink,
) -> KeyResult<()> {
    // Not by an iterator over the dict where Python code may run: that would panic if the dict changes.
    let items = dict.items();
    key::begin(sink, Container::Dict, items.len());
    for item in items.iter() {
        let item = item.cast_exact::<PyTuple>().map_err(PyErr::from)?;
        let (name, member) = (item.get_item(0)?, item.get_item(1)?);
        put(&name, Place::KeyItself(&place), depth, sink)?;
        put(&member, Place::Key(&place, &name), depth, sink)?;
    }
    Ok(())
}

fn put_set<'py>(
    kind: Container,
    members: impl Iterator<Item = Bound<'py, PyAny>>,
    place: Place<'_, '_>,
    depth: u32,
    sink: &mut impl Sink,
) -> KeyResult<()> {
    // All are taken out before one is put: Python code may run then, and change the set.
    let members: Vec<_> = members.collect();
    let mut encoded = Vec::with_capacity(members.len());
    for member in &members {
        let mut bytes = Vec::new();
        put(member, Place::Member(&place), depth, &mut bytes)?;
        encoded.push(bytes);
    }
    key::begin(sink, kind, encoded.len());
    key::put_unordered(sink, encoded);
    Ok(())
}

/// Everything but the exact built-in types of plain data.
#[cold]
fn put_other(
    value: &Bound<'_, PyAny>,
    place: Place<'_, '_>,
    depth: u32,
    sink: &mut impl Sink,
) -> KeyResult<()> {
    let py = value.py();
    if let Ok(number) = value.cast_exact::<PyComplex>() {
        key::put_complex(sink, number.real(), number.imag());
        return Ok(());
    }
    if let Ok(bytes) = value.cast_exact::<PyByteArray>() {
        key::put_blob(sink, Blob::ByteArray, &bytes.to_vec());
        return Ok(());
    }
    if value.is_exact_instance_of::<PyEllipsis>() {
        key::put_singleton(sink, Singleton::Ellipsis);
        return Ok(());
    }
    let class = value.get_type();
    if !value.is_instance_of::<PyType>()
        && let Ok(own) = class.getattr(intern!(py, "__makespan_key__"))
    {
        key::begin_named(sink, Named::Own, &type_name(&class, place)?);
        return put(&own.call1((value,))?, place, depth, sink);
    }
    if py_is_array(&class)?
        && let Ok(array) = value.cast::<PyUntypedArray>()
        && matches!(array.dtype().kind(), b'b' | b'i' | b'u' | b'f' | b'c' | b'm' | b'M' | b'S' | b'U')
    {
        return put_array(array, sink);
    }
    let parts = PARTS.get_or_try_init(py, || -> PyResult<_> {
        Ok(py.import("makespan.keys")?.getattr("parts")?.unbind())
    })?;
    let parts = parts.bind(py).call1((value,))?;
    if let Ok(reason) = parts.cast_exact::<PyString>() {
        return Err(place.refuse(reason.to_string()));
    }
    let (name, inner): (String, Bound<'_, PyAny>) = parts.extract()?;
    key::begin_named(sink, Named::Known, &name);
    put(&inner, place, depth, sink)
}

/// Module and qualified name of a class: what tells it from others in every process.
fn type_name(class: &Bound<'_, PyType>, place: Place<'_, '_>) -> KeyResult<String> {
    let name = class.qualname()?.to_string();
    if name.contains("<locals>") {
        return Err(
            place.refuse(format!("{name} is a class inside a function, which has no name of its own"))
        );
    }
    Ok(format!("{}.{name}", class.module()?))
}

/// Whether it is numpy's class of arrays itself; numpy is not loaded to find out.
fn py_is_array(class: &Bound<'_, PyType>) -> PyResult<bool> {
    Ok(class.name()?.to_str()? == "ndarray" && class.module()?.to_str()? == "numpy")
}

fn put_array(array: &Bound<'_, PyUntypedArray>, sink: &mut impl Sink) -> KeyResult<()> {
    let py = array.py();
    let dtype: String = array.dtype().getattr(intern!(py, "str"))?.extract()?;
    // A copy, since another thread may write to the array while it is read.
    let bytes = array.call_method0(intern!(py, "tobytes"))?;
    key::put_array(sink, &dtype, array.shape(), bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes());
    Ok(())
}

/// Return the digest of a value that is the same in every process: 64 hexadecimal digits.
#[pyfunction]
#[pyo3(signature = (value, name = "value", /))]
pub(crate) fn durable_key(value: &Bound<'_, PyAny>, name: &str) -> BindResult<String> {
    Ok(blake3::Hash::from_bytes(durable_digest(value, name)?).to_hex().as_str().to_owned())
}

/// Return what the digests of a value are made of.
#[pyfunction]
#[pyo3(signature = (value, name = "value", /))]
pub(crate) fn canonical_bytes<'py>(value: &Bound<'py, PyAny>, name: &str) -> BindResult<Bound<'py, PyBytes>> {
    let mut bytes = Vec::new();
    encode(value, name, &mut bytes)?;
    Ok(PyBytes::new(value.py(), &bytes))
}

/// Return the canonical bytes of a value that can be read back: there are no types in it but those of `known`.
#[pyfunction]
#[pyo3(signature = (value, name, known, /))]
pub(crate) fn plain_bytes<'py>(
    value: &Bound<'py, PyAny>,
    name: &str,
    known: &Bound<'py, PyAny>,
) -> BindResult<Bound<'py, PyBytes>> {
    let mut bytes = Vec::new();
    encode(value, name, &mut bytes)?;
    let mut reader = Reader::new(&bytes);
    while !reader.is_at_end() {
        if let Token::Named(kind, type_name) = reader.token().map_err(corrupt)?
            && (kind == Named::Own || !known.contains(type_name)?)
        {
            let reason = format!("nothing is known of how to read a {type_name} back");
            return Err(KeyError::Unkeyable { path: name.to_owned(), reason }.into());
        }
    }
    Ok(PyBytes::new(value.py(), &bytes))
}

/// Return the value that bytes of `plain_bytes` are of; a `ValueError` where they are of none.
#[pyfunction]
#[pyo3(signature = (data, /))]
pub(crate) fn from_plain_bytes<'py>(data: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyAny>> {
    let py = data.py();
    let mut reader = Reader::new(data.as_bytes());
    let value = read(py, &py.import("makespan.keys")?, &mut reader, DEPTH_MAX)?;
    if reader.is_at_end() { Ok(value) } else { Err(corrupt(Corrupt)) }
}

fn corrupt(_: Corrupt) -> PyErr {
    PyValueError::new_err("these are no canonical bytes of a value")
}

fn read<'py>(
    py: Python<'py>,
    keys: &Bound<'py, PyModule>,
    reader: &mut Reader<'_>,
    depth: u32,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(corrupt(Corrupt));
    };
    let members = |reader: &mut Reader<'_>, n: usize| {
        (0..n).map(|_| read(py, keys, reader, depth)).collect::<PyResult<Vec<_>>>()
    };
    Ok(match reader.token().map_err(corrupt)? {
        Token::Singleton(Singleton::None) => py.None().into_bound(py),
        Token::Singleton(Singleton::False) => PyBool::new(py, false).to_owned().into_any(),
        Token::Singleton(Singleton::True) => PyBool::new(py, true).to_owned().into_any(),
        Token::Singleton(Singleton::Ellipsis) => PyEllipsis::get(py).to_owned().into_any(),
        Token::Int(value) => value.into_pyobject(py)?.into_any(),
        Token::BigInt(is_negative, magnitude) => {
            let from_bytes = py.get_type::<PyInt>().getattr(intern!(py, "from_bytes"))?;
            let value = from_bytes.call1((PyBytes::new(py, magnitude), "little"))?;
            if is_negative { value.neg()? } else { value }
        }
        Token::Float(value) => PyFloat::new(py, value).into_any(),
        Token::Complex(real, imaginary) => PyComplex::from_doubles(py, real, imaginary).into_any(),
        Token::Text(text) => PyString::new(py, text).into_any(),
        Token::Blob(Blob::Text, _) => unreachable!("texts are tokens of their own"),
        Token::Blob(Blob::Surrogates, bytes) => {
            PyBytes::new(py, bytes).call_method1(intern!(py, "decode"), ("utf-8", "surrogatepass"))?
        }
        Token::Blob(Blob::Bytes, bytes) => PyBytes::new(py, bytes).into_any(),
        Token::Blob(Blob::ByteArray, bytes) => PyByteArray::new(py, bytes).into_any(),
        Token::Begin(Container::Tuple, n) => PyTuple::new(py, members(reader, n)?)?.into_any(),
        Token::Begin(Container::List, n) => PyList::new(py, members(reader, n)?)?.into_any(),
        Token::Begin(Container::Set, n) => PySet::new(py, members(reader, n)?)?.into_any(),
        Token::Begin(Container::FrozenSet, n) => PyFrozenSet::new(py, members(reader, n)?)?.into_any(),
        Token::Begin(Container::Dict, n) => {
            let dict = PyDict::new(py);
            for _ in 0..n {
                let name = read(py, keys, reader, depth)?;
                dict.set_item(name, read(py, keys, reader, depth)?)?;
            }
            dict.into_any()
        }
        Token::Array(dtype, shape, content) => {
            keys.getattr(intern!(py, "array_of"))?.call1((dtype, shape, PyBytes::new(py, content)))?
        }
        Token::Named(Named::Known, type_name) => {
            let inner = read(py, keys, reader, depth)?;
            keys.getattr(intern!(py, "rebuilt"))?.call1((type_name, inner))?
        }
        Token::Named(Named::Own, _) => return Err(corrupt(Corrupt)),
    })
}

/// Return the digest of a file's content, read without holding on to the interpreter.
#[pyfunction]
#[pyo3(signature = (path, /))]
pub(crate) fn file_digest(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyBytes>> {
    let digest = detached(py, move || -> std::io::Result<[u8; 32]> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(path)?)?;
        Ok(*hasher.finalize().as_bytes())
    })?;
    Ok(PyBytes::new(py, &digest))
}
