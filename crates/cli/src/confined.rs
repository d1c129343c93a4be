//! Reads an image on a thread that has given up the network and files that it does not need.

use std::panic::resume_unwind;
use std::path::PathBuf;

use pellucid_image::OpenImage;
use pellucid_sandbox::{Allowed, confine};

/// Runs `work`, which reads `image`, and every thread that it starts, confined as far as the kernel
/// can: it makes no file with a name, and asks no other host where the image is on this one.
pub(crate) fn reading<T: Send>(image: &OpenImage, work: impl FnOnce() -> T + Send) -> T {
    let allowed = allowed(&image.image().reference);
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let confined = confine(&allowed);
            tracing::debug!(sandbox = confined.words(), "reading the image");
            work()
        });
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// What reading an image needs, by the source that its full reference begins with.
fn allowed(reference: &str) -> Allowed {
    let source = reference.split_once(':').map_or("", |(source, _)| source);
    let spool = vec![std::env::temp_dir()];
    match source {
        // An archive is open already, and all that it says lies in it.
        "docker-archive" | "oci-archive" => Allowed {
            spool,
            ..Allowed::default()
        },
        // Layers come while they are read; names are looked up by what /etc says.
        "registry" => Allowed {
            read: vec![PathBuf::from("/")],
            spool,
            connect: true,
        },
        // Layers are files of folders, or come over a socket of this machine.
        _ => Allowed {
            read: vec![PathBuf::from("/")],
            spool,
            connect: false,
        },
    }
}
