//! A root file system in a directory.

use std::os::unix::fs::symlink;

use pellucid_image::{Limits, OpenOptions};

use crate::seen::{self, image, image_at};

#[test]
fn a_tree_is_walked_without_following_links() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), b"secret").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::create_dir_all(root.join("etc/deep/er")).unwrap();
    std::fs::write(root.join("etc/os-release"), b"ID=debian\n").unwrap();
    std::fs::write(root.join("etc/.wh.x"), b"").unwrap();
    std::fs::write(root.join("etc/deep/er/file"), b"1").unwrap();
    symlink(outside.path(), root.join("etc/away")).unwrap();
    symlink(outside.path().join("secret"), root.join("secret")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("etc/socket")).unwrap();

    let layers = image_at(root).unwrap();
    let (lines, read) = &layers[0];
    let away = outside.path().display();
    let wanted: Vec<(String, &[u8])> = vec![
        ("directory etc".to_owned(), b""),
        (format!("symlink secret {away}/secret"), b""),
        ("file etc/.wh.x 0".to_owned(), b""),
        (format!("symlink etc/away {away}"), b""),
        ("directory etc/deep".to_owned(), b""),
        ("file etc/os-release 10".to_owned(), b"ID=debian\n"),
        ("other etc/socket".to_owned(), b""),
        ("directory etc/deep/er".to_owned(), b""),
        ("file etc/deep/er/file 1".to_owned(), b"1"),
    ];
    let seen: Vec<_> = lines
        .iter()
        .map(|(line, body)| (line.clone(), body.as_slice()))
        .collect();
    assert_eq!(seen, wanted);
    assert_eq!((read.digest, read.diff_id, read.entries), (None, None, 9));
}

#[test]
fn limits_hold_in_a_tree_too() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("etc/a/b/c")).unwrap();
    for number in 0..20 {
        std::fs::write(folder.path().join(format!("etc/{number}")), b"12345").unwrap();
    }
    let reference = folder.path().to_str().unwrap();
    for (limits, text) in [
        (
            Limits {
                layer_entries: 10,
                ..Limits::default()
            },
            "layer_entries = 10",
        ),
        (
            Limits {
                path_depth: 2,
                ..Limits::default()
            },
            "path_depth = 2",
        ),
    ] {
        let options = OpenOptions {
            limits,
            ..OpenOptions::default()
        };
        let said = seen::chain(&image(reference, &options).err().unwrap());
        assert!(said.contains(text), "{said}");
    }
}

#[test]
fn a_directory_that_is_no_root_needs_the_prefix() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x"), b"1").unwrap();
    let path = folder.path().to_str().unwrap();
    let said = seen::chain(&image_at(folder.path()).err().unwrap());
    assert!(
        said.contains("neither an OCI layout nor a root file system"),
        "{said}"
    );
    let layers = image(&format!("dir:{path}"), &OpenOptions::default()).unwrap();
    assert_eq!(layers[0].0[0].0, "file x 1");
}

#[test]
fn nothing_is_chosen_from_a_root_file_system() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("etc")).unwrap();
    let path = folder.path().to_str().unwrap();
    for reference in [format!("{path}:18"), format!("dir:{path}:18")] {
        let said = seen::chain(&image(&reference, &OpenOptions::default()).unwrap_err());
        assert!(said.contains("none is chosen from it"), "{said}");
    }
}
