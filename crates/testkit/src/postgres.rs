//! A PostgreSQL server of a test's own, in a folder that goes with it.
//!
//! It listens on a socket in that folder and nowhere else. PostgreSQL refuses to run as root, so
//! root hands the folder to the user `postgres` (else `nobody`) and starts it as that. It does not sync:
//! what it committed survives its own death, which tests bring about, but not the machine's.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; dropping it stops it and removes its data.
pub struct PostgresServer {
    directory: TempDir,
    binaries: PathBuf,
    user: Option<(u32, u32)>,
    child: Option<Child>,
}

impl PostgresServer {
    /// Makes a cluster and starts it.
    ///
    /// # Errors
    /// Why the test has to be skipped: PostgreSQL is not installed, or cannot run here.
    pub fn start() -> Result<Self, String> {
        let binaries = binaries().ok_or("PostgreSQL is not installed")?;
        let directory = tempfile::Builder::new()
            .prefix("pg")
            .tempdir()
            .map_err(|error| format!("no folder for PostgreSQL: {error}"))?;
        let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let user = if root {
            let user = account("postgres").or_else(|| account("nobody"));
            let (uid, gid) = user.ok_or("no user that PostgreSQL can run as")?;
            chown(directory.path(), Some(uid), Some(gid)).map_err(|error| error.to_string())?;
            Some((uid, gid))
        } else {
            None
        };
        let mut server = Self {
            directory,
            binaries,
            user,
            child: None,
        };
        let made = server
            .command("initdb")
            .args([
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--no-locale",
            ])
            .args(["--no-sync", "-D"])
            .arg(server.data())
            .output()
            .map_err(|error| format!("initdb does not run: {error}"))?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)));
        }
        server.resume()?;
        Ok(server)
    }

    /// How to connect to it, as libpq's keys and values.
    pub fn source(&self) -> String {
        format!(
            "host={} user=postgres dbname=postgres",
            self.directory.path().display()
        )
    }

    /// Stops it at once, as a crash would; clients see their connections closed.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let asked = self
            .command("pg_ctl")
            .args(["stop", "-m", "immediate", "-D"])
            .arg(self.data())
            .output();
        if !asked.is_ok_and(|asked| asked.status.success()) {
            drop(child.kill());
        }
        drop(child.wait());
    }

    /// Starts it again on the same data.
    ///
    /// # Errors
    /// It does not start; the text is its log.
    pub fn resume(&mut self) -> Result<(), String> {
        let log = self.directory.path().join("log");
        let file = fs::File::create(&log).map_err(|error| error.to_string())?;
        let child = self
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.directory.path())
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                "max_connections=60",
                "-c",
                "fsync=off",
            ])
            .stderr(Stdio::from(file))
            .spawn()
            .map_err(|error| format!("postgres does not run: {error}"))?;
        self.child = Some(child);
        let started = Instant::now();
        while !self.is_ready() {
            let ended = self
                .child
                .as_mut()
                .is_none_or(|child| child.try_wait().map_or(true, |status| status.is_some()));
            if ended || started.elapsed() > PATIENCE {
                self.stop();
                return Err(fs::read_to_string(&log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The last line of its lock file says when it takes connections.
    fn is_ready(&self) -> bool {
        fs::read_to_string(self.data().join("postmaster.pid")).is_ok_and(|text| {
            text.lines()
                .nth(7)
                .is_some_and(|line| line.trim() == "ready")
        })
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        command
            .current_dir(self.directory.path())
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The folder with `postgres` and `initdb`: where the one in PATH really is, else Debian's newest.
fn binaries() -> Option<PathBuf> {
    let path: OsString = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).find(|folder| is_complete(folder));
    found
        .and_then(|folder| fs::canonicalize(folder.join("postgres")).ok())
        .and_then(|file| file.parent().map(Path::to_path_buf))
        .or_else(|| {
            let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
                .ok()?
                .filter_map(|entry| {
                    let entry = entry.ok()?;
                    let version = entry.file_name().to_str()?.parse().ok()?;
                    Some((version, entry.path().join("bin")))
                })
                .filter(|(_, folder)| is_complete(folder))
                .collect();
            versions.sort();
            versions.pop().map(|(_, folder)| folder)
        })
}

fn is_complete(folder: &Path) -> bool {
    folder.join("postgres").is_file() && folder.join("initdb").is_file()
}

/// Numbers of a user and its group.
fn account(name: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let uid = fields.nth(1)?.parse().ok()?;
        Some((uid, fields.next()?.parse().ok()?))
    })
}
