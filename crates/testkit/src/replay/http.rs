//! The smallest HTTP/1.1 client that sends a request target as it was recorded.
//!
//! Ordinary clients tidy paths up, add headers and inflate bodies; a replay must not. Each request
//! has a connection of its own, as when recorded.

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// The largest body.
const BODY: u64 = 64 << 20;

/// An answer, its body inflated.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// The value of a header, whatever the case of its name.
pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(header, _)| header.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// Sends a request to `HOST:PORT` and reads the answer.
pub(crate) fn ask(
    authority: &str,
    method: &str,
    target: &str,
    headers: &[(String, String)],
    body: Option<&[u8]>,
) -> io::Result<Answer> {
    let address = authority
        .to_socket_addrs()?
        .next()
        .ok_or(io::ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    for (name, value) in headers {
        write!(request, "{name}: {value}\r\n")?;
    }
    if let Some(body) = body {
        write!(request, "Content-Length: {}\r\n", body.len())?;
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body.unwrap_or_default());
    stream.write_all(&request)?;
    read(&mut BufReader::new(stream), method)
}

fn read(stream: &mut BufReader<TcpStream>, method: &str) -> io::Result<Answer> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let first = line(stream)?;
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| bad("no status line"))?;
    let mut headers = Vec::new();
    loop {
        let line = line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| bad("no header"))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut body = Vec::new();
    let chunked = header(&headers, "transfer-encoding").is_some_and(|coding| coding == "chunked");
    if method == "HEAD" || status == 204 || status == 304 {
        // Whatever the headers say, there is none.
    } else if chunked {
        loop {
            let size = line(stream)?;
            let size = u64::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
                .map_err(|_| bad("no chunk size"))?;
            if size == 0 {
                while !line(stream)?.is_empty() {}
                break;
            }
            exactly(stream, size, &mut body)?;
            line(stream)?;
        }
    } else if let Some(length) = header(&headers, "content-length") {
        let length = length.parse().map_err(|_| bad("no content length"))?;
        exactly(stream, length, &mut body)?;
    } else {
        stream.take(BODY).read_to_end(&mut body)?;
    }
    if header(&headers, "content-encoding") == Some("gzip") && !body.is_empty() {
        let mut inflated = Vec::new();
        flate2::read::MultiGzDecoder::new(&*body)
            .take(BODY)
            .read_to_end(&mut inflated)?;
        body = inflated;
    }
    Ok(Answer {
        status,
        headers,
        body,
    })
}

fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    if stream.take(64 << 10).read_until(b'\n', &mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

fn exactly(stream: &mut impl Read, size: u64, body: &mut Vec<u8>) -> io::Result<()> {
    if size > BODY {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    if stream.take(size).read_to_end(body)? as u64 == size {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
