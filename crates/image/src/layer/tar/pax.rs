//! PAX extended headers: records `LENGTH KEY=VALUE\n`, the length counting itself.
//!
//! A later header replaces an earlier one, and in one header the last record of a key counts,
//! except for the offsets and lengths of GNU sparse 0.0, which repeat. An empty value leaves the
//! ustar field as it is.

use super::sparse::Segment;

/// What the records of a header say, as far as it matters.
#[derive(Debug, Default)]
pub(crate) struct Pax {
    any: bool,
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    pub(crate) sparse_name: Option<Vec<u8>>,
    sparse_major: Option<Vec<u8>>,
    sparse_minor: Option<Vec<u8>>,
    /// `GNU.sparse.size` (0.0 and 0.1) and `GNU.sparse.realsize` (1.0): size when expanded.
    sparse_sizes: [Option<u64>; 2],
    /// Offsets and lengths in turn, as text between commas.
    sparse_map: Vec<u8>,
}

/// Where the map of a PAX sparse file is.
pub(crate) enum SparseForm {
    /// 0.0 and 0.1: in the records.
    Records,
    /// 1.0: in front of the data.
    Data,
}

impl Pax {
    pub(crate) fn clear(&mut self) {
        if self.any {
            *self = Self::default();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.any
    }

    /// Takes a header's records in place of those before.
    pub(crate) fn parse(&mut self, mut records: &[u8]) -> Result<(), &'static str> {
        *self = Self {
            any: true,
            ..Self::default()
        };
        let mut repeated = Vec::new();
        let mut lengths_due = false;
        while !records.is_empty() {
            let (key, value, rest) = record(records).ok_or("a PAX record has a wrong length")?;
            records = rest;
            let names_something = matches!(key, b"path" | b"linkpath" | b"uname" | b"gname");
            if key.is_empty() || if names_something { value } else { key }.contains(&0) {
                return Err("a PAX record holds a NUL");
            }
            let said = Some(value).filter(|value| !value.is_empty());
            match key {
                b"path" => self.path = said.map(<[u8]>::to_vec),
                b"linkpath" => self.link = said.map(<[u8]>::to_vec),
                b"size" => self.size = said.map(size).transpose()?,
                b"GNU.sparse.name" => self.sparse_name = said.map(<[u8]>::to_vec),
                b"GNU.sparse.major" => self.sparse_major = said.map(<[u8]>::to_vec),
                b"GNU.sparse.minor" => self.sparse_minor = said.map(<[u8]>::to_vec),
                b"GNU.sparse.size" => {
                    let [first, _] = &mut self.sparse_sizes;
                    *first = said.map(size).transpose()?;
                }
                b"GNU.sparse.realsize" => {
                    let [_, second] = &mut self.sparse_sizes;
                    *second = said.map(size).transpose()?;
                }
                b"GNU.sparse.map" => self.sparse_map = value.to_vec(),
                b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                    if (key == b"GNU.sparse.numbytes") != lengths_due || value.contains(&b',') {
                        return Err("the sparse map's offsets and lengths do not alternate");
                    }
                    lengths_due = !lengths_due;
                    if !repeated.is_empty() {
                        repeated.push(b',');
                    }
                    repeated.extend_from_slice(value);
                }
                _ => {}
            }
        }
        if !repeated.is_empty() {
            self.sparse_map = repeated;
        }
        Ok(())
    }

    /// The form of the member's sparse map, if it has one that engines know.
    pub(crate) fn sparse_form(&self) -> Option<SparseForm> {
        match (self.sparse_major.as_deref(), self.sparse_minor.as_deref()) {
            (Some(b"0"), Some(b"0" | b"1")) => Some(SparseForm::Records),
            (Some(b"1"), Some(b"0")) => Some(SparseForm::Data),
            (None, None) if !self.sparse_map.is_empty() => Some(SparseForm::Records),
            _ => None,
        }
    }

    /// Bytes of the sparse file when expanded.
    pub(crate) fn sparse_size(&self) -> Option<u64> {
        let [first, second] = self.sparse_sizes;
        first.or(second)
    }

    /// The map of a 0.0 or 0.1 sparse file.
    pub(crate) fn sparse_map(&self) -> Result<Vec<Segment>, &'static str> {
        if self.sparse_map.is_empty() {
            return Ok(Vec::new());
        }
        let mut segments = Vec::new();
        let mut numbers = self.sparse_map.split(|byte| *byte == b',').map(decimal);
        while let Some(offset) = numbers.next() {
            match (offset, numbers.next().flatten()) {
                (Some(offset), Some(length)) => segments.push(Segment { offset, length }),
                _ => return Err("the sparse map is not pairs of numbers"),
            }
        }
        Ok(segments)
    }
}

/// The first record's key and value, and what comes after it.
fn record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    // The longest length that can be: no header has more digits' worth of bytes.
    let head = records.get(..20).unwrap_or(records);
    let space = head.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(records.get(..space)?)?).ok()?;
    let (record, rest) = records.split_at_checked(length)?;
    let text = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = text.iter().position(|byte| *byte == b'=')?;
    Some((text.get(..equals)?, text.get(equals + 1..)?, rest))
}

fn size(value: &[u8]) -> Result<u64, &'static str> {
    decimal(value).ok_or("a PAX size is not a number")
}

/// A decimal number that a signed 64-bit integer can hold.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for digit in digits {
        match digit {
            b'0'..=b'9' => {
                value = value
                    .checked_mul(10)?
                    .checked_add(i64::from(digit - b'0'))?
            }
            _ => return None,
        }
    }
    u64::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_must_add_up() {
        let mut pax = Pax::default();
        pax.parse(b"12 path=abc\n11 path=de\n13 size=1234\n8 size=\n")
            .unwrap();
        assert_eq!((pax.path.as_deref(), pax.size), (Some(&b"de"[..]), None));
        pax.parse(b"14 linkpath=a\n20 linkpath=a\n10 b=c\n")
            .unwrap_err();
        for bad in [
            &b"99999999999 path=x\n"[..],
            b"7 a\n",
            b"0 b=c\n",
            b"-5 d=e\n",
            b"12 path\n",
            b"5 a=b\n",
            b"11 path=a\0\n",
            b"7 a\0=c\n",
            b"6 =bc\n",
            b"12 size=-12\n",
            b"\n",
        ] {
            assert!(
                pax.parse(bad).is_err(),
                "{:?}",
                bad.escape_ascii().to_string()
            );
        }
    }
}
