//! `pellucid healthcheck`: whether a service answers, for images that hold no other program.
//!
//! Plain HTTP to the health port, which is always that; a status of 2xx within the time is healthy.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::exit::{Exit, Usage};
use crate::units;

/// Arguments of `healthcheck`.
#[derive(clap::Args)]
pub(crate) struct HealthcheckArgs {
    /// Where to ask.
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:6061/healthz")]
    url: String,
    /// How long to wait.
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = units::duration)]
    timeout: Duration,
}

/// Asks.
pub(crate) fn run(args: &HealthcheckArgs) -> anyhow::Result<Exit> {
    let wrong = || Usage(format!("{:?} is no http:// URL", args.url));
    let rest = args.url.strip_prefix("http://").ok_or_else(wrong)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() || args.url.contains(char::is_whitespace) {
        return Err(wrong().into());
    }
    let unreachable = || format!("cannot reach {host}");
    let place = if host.rsplit(']').next().is_some_and(|end| end.contains(':')) {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let mut addresses = place.to_socket_addrs().with_context(unreachable)?;
    let address = addresses.next().with_context(unreachable)?;
    let mut stream =
        TcpStream::connect_timeout(&address, args.timeout).with_context(unreachable)?;
    stream.set_read_timeout(Some(args.timeout))?;
    stream.set_write_timeout(Some(args.timeout))?;
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .with_context(unreachable)?;
    // `HTTP/1.1 200`
    let mut start = [0; 12];
    stream.read_exact(&mut start).with_context(unreachable)?;
    let status = String::from_utf8_lossy(&start).into_owned();
    match status.rsplit(' ').next() {
        Some(code) if code.len() == 3 && code.starts_with('2') => Ok(Exit::Clean),
        _ => bail!("{} answers {status:?}", args.url),
    }
}
