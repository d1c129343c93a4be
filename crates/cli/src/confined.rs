//! Reads what strangers wrote on threads that have given up the network and files that they do not need.

use std::panic::resume_unwind;
use std::path::Path;

use pellucid_image::OpenImage;
use pellucid_sandbox::{Allowed, confine};

/// Leaves the calling thread, and every thread that it starts, the place that an image is read from and
/// files without names, as far as the kernel can hold it to that.
pub(crate) fn to(place: Option<&Path>) {
    let confined = confine(&Allowed {
        read: place.map(Path::to_owned).into_iter().collect(),
        spool: vec![std::env::temp_dir()],
        ..Allowed::default()
    });
    tracing::debug!(sandbox = confined.words(), "reading an image");
}

/// Runs `work`, which reads the layers of `image`. Those of a registry come over connections of other
/// threads.
pub(crate) fn reading<T: Send>(image: &OpenImage, work: impl FnOnce() -> T + Send) -> T {
    let place = image.place();
    apart(|| to(place), work)
}

/// Runs `work`, which reads what is in memory already.
pub(crate) fn parsing<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let nothing = || {
        let confined = confine(&Allowed::default());
        tracing::debug!(sandbox = confined.words(), "reading a list of packages");
    };
    apart(nothing, work)
}

/// Runs `work` on a thread of its own that is confined first.
fn apart<T: Send>(confine: impl FnOnce() + Send, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            confine();
            work()
        });
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use pellucid_sandbox::{Confined, available};

    use super::*;

    #[test]
    fn what_reads_an_image_opens_its_place_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let tried = || {
            let elsewhere = [
                File::open("/etc/passwd").map(drop),
                File::create_new(folder.path().join("new")).map(drop),
                TcpStream::connect(address).map(drop),
            ];
            let elsewhere = elsewhere.map(|tried| tried.map_err(|error| error.kind()));
            let spooled = tempfile::tempfile().is_ok();
            (File::open(&file).is_ok(), spooled, elsewhere)
        };
        if available() == Confined::Fully {
            let refused = [Err(ErrorKind::PermissionDenied); 3];
            let place = folder.path();
            assert_eq!(apart(|| to(Some(place)), tried), (true, true, refused));
            let list = parsing(tried);
            assert_eq!(list, (false, false, refused));
        }
    }
}
