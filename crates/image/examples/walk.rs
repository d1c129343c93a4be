//! Reads all layers of an image for a visitor that wants nothing, and says how long it took.
//!
//! `cargo run --profile fast -p pellucid-image --example walk -- IMAGE [--full] [--threads N]`

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use pellucid_image::{
    Body, Entry, ImageError, LayerVisitor, OpenImage, OpenOptions, Verify, Want, open,
};

struct Nothing;

impl LayerVisitor for Nothing {
    fn entry(&mut self, _: &Entry<'_>) -> Want {
        Want::Skip
    }

    fn file(&mut self, _: &Entry<'_>, _: &Body) {}

    fn too_large(&mut self, _: &Entry<'_>, _: u64) {}
}

fn main() -> Result<(), ImageError> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let mut options = OpenOptions::default();
    if arguments.iter().any(|argument| argument == "--full") {
        options.verify = Verify::Full;
    }
    let threads = arguments
        .iter()
        .skip_while(|argument| *argument != "--threads")
        .nth(1)
        .and_then(|threads| threads.parse().ok())
        .or_else(|| std::thread::available_parallelism().ok().map(usize::from))
        .unwrap_or(2);
    let start = Instant::now();
    let image = open(arguments.first().map_or("", String::as_str), &options)?;
    let (entries, bytes) = read(&image, threads)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{seconds:.3} s, {entries} entries, {bytes} bytes of tar");
    Ok(())
}

fn read(image: &OpenImage, threads: usize) -> Result<(u64, u64), ImageError> {
    let mut order: Vec<_> = image.image().layers.iter().enumerate().collect();
    order.sort_by_key(|(_, layer)| std::cmp::Reverse(layer.size));
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let readers: Vec<_> = std::iter::repeat_with(|| {
            scope.spawn(|| {
                let mut sums = (0, 0);
                while let Some((index, _)) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let read = image.read_layer(*index, &mut Nothing, &())?;
                    sums = (sums.0 + read.entries, sums.1 + read.tar_bytes);
                }
                Ok(sums)
            })
        })
        .take(threads)
        .collect();
        readers
            .into_iter()
            .try_fold((0, 0), |sums, reader| match reader.join() {
                Ok(read) => read.map(|read: (u64, u64)| (sums.0 + read.0, sums.1 + read.1)),
                Err(panic) => std::panic::resume_unwind(panic),
            })
    })
}
