//! What a confined thread can still do, asked of the kernel at hand.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is a test's report, and a skipped test says so"
)]

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use pellucid_sandbox::{Allowed, Confined, available, confine};

/// Runs on a thread of its own, which ends confined; not at all where the kernel cannot confine.
fn confined<T: Send>(allowed: &Allowed, work: impl FnOnce() -> T + Send) -> Option<T> {
    if available() != Confined::Fully {
        println!("skipped: this kernel does not know all of landlock");
        return None;
    }
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            assert_eq!(confine(allowed), Confined::Fully);
            work()
        });
        Some(thread.join().unwrap())
    })
}

#[test]
fn only_what_is_allowed_can_be_read_and_nothing_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let (open, closed) = (folder.path().join("open"), folder.path().join("closed"));
    std::fs::write(&open, "yes").unwrap();
    std::fs::write(&closed, "no").unwrap();
    let allowed = Allowed {
        read: vec![open.clone(), folder.path().join("not there")],
        ..Allowed::default()
    };
    confined(&allowed, || {
        assert_eq!(std::fs::read(&open).unwrap(), b"yes");
        let refused = [
            std::fs::read(&closed).err(),
            std::fs::write(&open, "other").err(),
            std::fs::write(folder.path().join("new"), "").err(),
            std::fs::create_dir(folder.path().join("d")).err(),
            std::fs::remove_file(&open).err(),
            File::open("/etc/passwd").err(),
        ];
        for error in refused {
            assert_eq!(error.unwrap().kind(), ErrorKind::PermissionDenied);
        }
    });
    assert_eq!(std::fs::read(&open).unwrap(), b"yes");
}

#[test]
fn what_was_open_before_stays_open() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"kept").unwrap();
    let read = confined(&Allowed::default(), || {
        let mut text = String::new();
        std::os::unix::fs::FileExt::read_at(&file, &mut [0; 4], 0).unwrap();
        std::io::Seek::rewind(&mut &file).unwrap();
        (&file).read_to_string(&mut text).unwrap();
        text
    });
    assert!(read.is_none_or(|text| text == "kept"));
}

#[test]
fn a_spool_takes_unnamed_files() {
    let folder = tempfile::tempdir().unwrap();
    let allowed = Allowed {
        spool: vec![folder.path().to_owned()],
        ..Allowed::default()
    };
    confined(&allowed, || {
        let mut file = tempfile::tempfile_in(folder.path()).unwrap();
        file.write_all(b"x").unwrap();
        file.set_len(0).unwrap();
        let elsewhere = OpenOptions::new().write(true).open("/dev/null");
        assert_eq!(elsewhere.unwrap_err().kind(), ErrorKind::PermissionDenied);
    });
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "nothing stays behind");
}

#[test]
fn no_connection_is_made_unless_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connect = || {
        TcpStream::connect(address)
            .map(drop)
            .map_err(|error| error.kind())
    };
    let outcome = confined(&Allowed::default(), connect);
    assert!(outcome.is_none_or(|outcome| outcome == Err(ErrorKind::PermissionDenied)));
    let allowed = Allowed {
        connect: true,
        ..Allowed::default()
    };
    let outcome = confined(&allowed, connect);
    assert!(outcome.is_none_or(|outcome| outcome == Ok(())));
}

#[test]
fn threads_of_a_confined_thread_are_confined() {
    let outcome = confined(&Allowed::default(), || {
        let child = std::thread::spawn(|| File::open("/etc/passwd").map(drop));
        child.join().unwrap().map_err(|error| error.kind())
    });
    assert!(outcome.is_none_or(|outcome| outcome == Err(ErrorKind::PermissionDenied)));
}
