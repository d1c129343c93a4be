//! What `rpm` itself says of a database it made.

use std::path::Path;
use std::process::Command;

use pellucid_detect::rpmdb::{Limits, read};

const SPEC: &str = "Name: acme\nEpoch: 2\nVersion: 1.0~rc1\nRelease: 3.el9\nSummary: acme\n\
License: MIT\nVendor: Acme\nModularityLabel: acme:1:2024:ab\nBuildArch: noarch\n\
%description\nacme\n%package -n tiny\nVersion: 0.1\nRelease: 1\nSummary: tiny\n%description -n tiny\n\
tiny\n%install\nmkdir -p %{buildroot}/usr/share/acme %{buildroot}/etc\n\
for n in $(seq 1 300); do echo $n > %{buildroot}/usr/share/acme/$n; done\n\
touch %{buildroot}/etc/ghost\n%files\n/usr/share/acme\n%ghost /etc/ghost\n%files -n tiny\n";

const QUERY: &str = "%{NAME}|%{EPOCH}|%{VERSION}|%{RELEASE}|%{ARCH}|%{SOURCERPM}|%{VENDOR}|\
%{MODULARITYLABEL}\\n[file %{FILENAMES} %{FILEDIGESTS} %{FILEFLAGS}\\n]";

/// Standard output, or `None` if the program is not there or fails.
fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Our answer in the form of [`QUERY`].
fn listing(database: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    read(database, None, &Limits::default(), &mut |header| {
        let header = header.unwrap();
        let or_none = |text: Option<&str>| text.unwrap_or("(none)").to_owned();
        let number = |number: Option<u32>| number.map_or("(none)".to_owned(), |n| n.to_string());
        lines.push(format!(
            "{}|{}|{}|{}|{}|{}|{}|{}",
            header.name,
            number(header.epoch),
            header.version,
            header.release,
            or_none(header.arch.as_deref()),
            or_none(header.source_rpm.as_deref()),
            or_none(header.vendor.as_deref()),
            or_none(header.modularity_label.as_deref()),
        ));
        for file in header.files().unwrap() {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (path, digest) = (text(&file.path()), text(file.digest.unwrap_or_default()));
            lines.push(format!("file {path} {digest} {}", file.flags));
        }
    })
    .unwrap();
    lines.sort();
    lines
}

fn same_as_rpm(folder: &Path, file: &str, backend: &str) {
    let folder_text = folder.to_str().unwrap();
    let backend = format!("_db_backend {backend}");
    let args = [
        "--define",
        &backend,
        "--dbpath",
        folder_text,
        "-qa",
        "--qf",
        QUERY,
    ];
    let Some(truth) = output("rpm", &args) else {
        println!("skipped: rpm does not read {file}");
        return;
    };
    let mut truth: Vec<_> = truth.lines().map(str::to_owned).collect();
    truth.sort();
    assert!(!truth.is_empty());
    assert_eq!(listing(&std::fs::read(folder.join(file)).unwrap()), truth);
}

#[test]
fn a_database_that_rpm_made_reads_as_rpm_reads_it() {
    let top = tempfile::tempdir().unwrap();
    let path = |name: &str| top.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("acme.spec"), SPEC).unwrap();
    let define = format!("_topdir {}", path("build"));
    if output(
        "rpmbuild",
        &["-bb", "--quiet", "--define", &define, &path("acme.spec")],
    )
    .is_none()
    {
        println!("skipped: no rpmbuild");
        return;
    }
    let rpms = std::fs::read_dir(path("build/RPMS/noarch")).unwrap();
    let rpms: Vec<_> = rpms.map(|rpm| rpm.unwrap().path()).collect();
    let (folder, root) = (path("root/db"), path("root"));
    std::fs::create_dir_all(&folder).unwrap();
    let install = [
        "--define",
        "_db_backend sqlite",
        "--define",
        "_dbpath /db",
        "--root",
        &root,
    ];
    let mut args = install.to_vec();
    args.extend(["-i", "--justdb", "--nodeps", "--ignorearch", "--ignoreos"]);
    args.extend(rpms.iter().map(|rpm| rpm.to_str().unwrap()));
    if output("rpm", &args).is_none() {
        println!("skipped: rpm cannot install here");
        return;
    }
    same_as_rpm(Path::new(&folder), "rpmdb.sqlite", "sqlite");
}

#[test]
fn real_databases_read_as_rpm_reads_them() {
    for (path, backend) in [
        ("libuuid/Packages", "bdb_ro"),
        ("cbl-mariner-2.0/rpmdb.sqlite", "sqlite"),
    ] {
        let Some(path) = super::shared(path) else {
            return;
        };
        // rpm wants to write beside the database.
        let copy = tempfile::tempdir().unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        std::fs::write(copy.path().join(name), std::fs::read(&path).unwrap()).unwrap();
        same_as_rpm(copy.path(), name, backend);
    }
}
