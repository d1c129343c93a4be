//! The key a package's OpenPGP signature names.
//!
//! The database keeps the package's signatures as tags of the header: over the header (RSA, DSA) and,
//! older, over header and payload. A version 4 packet names its key in a subpacket, version 3 in a
//! fixed place. Both are claims: whoever wrote the database could write any key.
//! Source: RFC 4880, sections 4.2 and 5.2.
//!
//! Not here: verification, and signatures of version 6.

use super::array;
use super::header::Tags;

/// `RSAHEADER`, `DSAHEADER`, `SIGPGP`, `SIGGPG`, best first.
const SIGNATURES: [u32; 4] = [268, 267, 259, 262];

/// The key id of the first signature that names one.
pub(super) fn key_id(tags: Tags<'_>) -> Option<[u8; 8]> {
    SIGNATURES
        .into_iter()
        .find_map(|tag| issuer(tags.bytes(tag).ok()??))
}

fn issuer(packet: &[u8]) -> Option<[u8; 8]> {
    const SIGNATURE: u8 = 2;
    let (&first, rest) = packet.split_first()?;
    let old = first & 0x40 == 0;
    let kind = if old { first >> 2 & 0x0f } else { first & 0x3f };
    if first & 0x80 == 0 || kind != SIGNATURE {
        return None;
    }
    let body = match (old, first & 3) {
        (true, 3) => rest,
        (true, size) => rest.get(1 << size..)?,
        (false, _) => new_length(rest)?.1,
    };
    match body.first()? {
        3 => array(body, 7),
        4 => {
            let (hashed, rest) = subpackets(body.get(4..)?)?;
            issuer_subpacket(hashed).or_else(|| issuer_subpacket(subpackets(rest)?.0))
        }
        _ => None,
    }
}

/// A run of subpackets behind its 16-bit length, and what follows it.
fn subpackets(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn issuer_subpacket(mut bytes: &[u8]) -> Option<[u8; 8]> {
    const ISSUER: u8 = 16;
    const FINGERPRINT: u8 = 33;
    loop {
        let (length, rest) = new_length(bytes)?;
        let (subpacket, rest) = rest.split_at_checked(length)?;
        let (kind, body) = subpacket.split_first()?;
        match kind & 0x7f {
            ISSUER => return array(body, 0),
            FINGERPRINT if body.len() == 21 => return body.last_chunk().copied(),
            _ => bytes = rest,
        }
    }
}

/// A length in the new format, and what follows it.
fn new_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        0..192 => Some((usize::from(first), rest)),
        192..255 => {
            let (&second, rest) = rest.split_first()?;
            Some((
                (usize::from(first) - 192) * 256 + usize::from(second) + 192,
                rest,
            ))
        }
        255 => {
            let (length, rest) = rest.split_first_chunk()?;
            Some((u32::from_be_bytes(*length) as usize, rest))
        }
    }
}
