//! What is visible in a layer, as one blob: feature versions, each with the layer that added it.
//!
//! ```text
//! varint n, n × (varint layer id, varint length, name)   layers below that added something
//! varint m, m × (varint id - previous id, varint by)     feature versions, ascending; by = 0: this
//!                                                        layer, k: the k-th of the list above
//! ```
//! Names stand in the blob so that reading a layer is one query; they cannot change, and a layer is
//! deleted only together with those above it.

use crate::StoreError;
use crate::layers::LayerId;

/// The layer that added a feature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct AddedBy {
    pub(crate) id: LayerId,
    pub(crate) name: String,
}

/// The blob, decoded.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Effective {
    /// Layers below that added something.
    pub(crate) layers: Vec<AddedBy>,
    /// Feature version and who added it: 0 the layer itself, k the k-th of `layers`.
    pub(crate) features: Vec<(i64, usize)>,
}

const DAMAGED: StoreError = StoreError::Damaged {
    what: "list of features",
};

impl Effective {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.features.len() * 3);
        put(&mut out, self.layers.len() as u64);
        for layer in &self.layers {
            put(&mut out, layer.id.0.unsigned_abs());
            put(&mut out, layer.name.len() as u64);
            out.extend_from_slice(layer.name.as_bytes());
        }
        put(&mut out, self.features.len() as u64);
        let mut last = 0;
        for &(id, by) in &self.features {
            put(&mut out, id.abs_diff(last));
            put(&mut out, by as u64);
            last = id;
        }
        out
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, StoreError> {
        let input = &mut bytes;
        let count = length(input)?;
        let mut layers = Vec::with_capacity(count);
        for _ in 0..count {
            let id = LayerId(number(input)?);
            let length = length(input)?;
            let (name, rest) = input.split_at_checked(length).ok_or(DAMAGED)?;
            *input = rest;
            let name = String::from_utf8(name.to_vec()).map_err(|_| DAMAGED)?;
            layers.push(AddedBy { id, name });
        }
        let count = length(input)?;
        let mut features = Vec::with_capacity(count);
        let mut last = 0_i64;
        for _ in 0..count {
            last = last.checked_add(number(input)?).ok_or(DAMAGED)?;
            let by = usize::try_from(get(input)?).map_err(|_| DAMAGED)?;
            if by > layers.len() {
                return Err(DAMAGED);
            }
            features.push((last, by));
        }
        if input.is_empty() {
            Ok(Self { layers, features })
        } else {
            Err(DAMAGED)
        }
    }
}

/// A sorted list of feature versions alone.
pub(crate) fn encode_ids(ids: &[i64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 + ids.len() * 2);
    put(&mut out, ids.len() as u64);
    let mut last = 0;
    for &id in ids {
        put(&mut out, id.abs_diff(last));
        last = id;
    }
    out
}

pub(crate) fn decode_ids(mut bytes: &[u8]) -> Result<Vec<i64>, StoreError> {
    let input = &mut bytes;
    let count = length(input)?;
    let mut ids = Vec::with_capacity(count);
    let mut last = 0_i64;
    for _ in 0..count {
        last = last.checked_add(number(input)?).ok_or(DAMAGED)?;
        ids.push(last);
    }
    if input.is_empty() {
        Ok(ids)
    } else {
        Err(DAMAGED)
    }
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn get(input: &mut &[u8]) -> Result<u64, StoreError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first().ok_or(DAMAGED)?;
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(DAMAGED)
}

fn number(input: &mut &[u8]) -> Result<i64, StoreError> {
    i64::try_from(get(input)?).map_err(|_| DAMAGED)
}

/// A count of things that take a byte each at least.
fn length(input: &mut &[u8]) -> Result<usize, StoreError> {
    let count = usize::try_from(get(input)?).map_err(|_| DAMAGED)?;
    if count <= input.len() {
        Ok(count)
    } else {
        Err(DAMAGED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Effective {
        Effective {
            layers: vec![
                AddedBy {
                    id: LayerId(7),
                    name: "base".to_owned(),
                },
                AddedBy {
                    id: LayerId(900),
                    name: "ünder".to_owned(),
                },
            ],
            features: vec![(1, 1), (2, 0), (300, 2), (i64::MAX, 0)],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(Effective::decode(&sample().encode()).unwrap(), sample());
        assert_eq!(
            decode_ids(&encode_ids(&[3, 4, 1 << 40])).unwrap(),
            [3, 4, 1 << 40]
        );
        assert_eq!(
            Effective::decode(&Effective::default().encode()).unwrap(),
            Effective::default()
        );
    }

    #[test]
    fn a_damaged_blob_is_an_error() {
        let blob = sample().encode();
        for cut in 0..blob.len() {
            assert!(Effective::decode(&blob[..cut]).is_err(), "cut at {cut}");
        }
        for huge in [vec![0xff; 9], vec![0xff; 12], [&blob[..], &[0]].concat()] {
            assert!(Effective::decode(&huge).is_err());
            assert!(decode_ids(&huge).is_err());
        }
    }
}
