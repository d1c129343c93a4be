//! The least that reading an image's compressed layers can cost with the decoders and hashes that a
//! scan uses: every blob of an OCI layout that is gzip or zstd is hashed, inflated and hashed again,
//! all in parallel, and thrown away. Prints seconds.
//!
//! `cargo run --profile fast -p pellucid-image --example floor -- OCI_DIRECTORY`

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use sha2::{Digest as _, Sha256};

fn main() -> io::Result<()> {
    let root = std::env::args_os()
        .nth(1)
        .map(PathBuf::from)
        .unwrap_or_default();
    let mut blobs = Vec::new();
    for entry in std::fs::read_dir(root.join("blobs/sha256"))? {
        let entry = entry?;
        blobs.push((entry.metadata()?.len(), entry.path()));
    }
    blobs.sort();
    blobs.reverse();
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        let readers: Vec<_> = std::iter::repeat_with(|| {
            scope.spawn(|| {
                while let Some((_, path)) = blobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    inflate(path.clone())?;
                }
                io::Result::Ok(())
            })
        })
        .take(threads)
        .collect();
        readers
            .into_iter()
            .try_for_each(|reader| match reader.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
    })?;
    println!("{:.3}", start.elapsed().as_secs_f64());
    Ok(())
}

/// Hashes what goes by.
struct Hashed<'a, R>(R, &'a mut Sha256);

impl<R: Read> Read for Hashed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

fn inflate(path: PathBuf) -> io::Result<()> {
    let mut digest = Sha256::new();
    let blob = Hashed(File::open(path)?, &mut digest);
    let mut blob = BufReader::with_capacity(128 << 10, blob);
    let tar: Box<dyn Read + '_> = match blob.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(pellucid_inflate::Gunzip::new(blob)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::with_buffer(blob)?),
        _ => return Ok(()),
    };
    let mut diff_id = Sha256::new();
    read(Hashed(tar, &mut diff_id))?;
    std::hint::black_box(diff_id.finalize());
    std::hint::black_box(digest.finalize());
    Ok(())
}

fn read(mut tar: impl Read) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    while tar.read(&mut buffer)? > 0 {}
    Ok(())
}
