//! DEFLATE streams (RFC 1951) and the gzip members around them (RFC 1952), decompressed.
//!
//! Most of what a scan does is inflating layers, and general decoders leave a fifth of that time
//! on the table: this one keeps its bits in a register, looks up as much as eleven of them at once,
//! copies in words, and writes where the caller wants the bytes. It accepts what zlib accepts and
//! refuses what zlib refuses; memory is 52 KiB a stream, whatever the stream says.

mod code;
mod decoder;
mod deflate;
mod gzip;
mod window;

pub use deflate::Inflate;
pub use gzip::Gunzip;
