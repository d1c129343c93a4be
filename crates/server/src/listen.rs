//! Listeners and connections.
//!
//! Time bounds every state a connection can be in without a request: a header that does not come, a
//! handshake that does not end, an answer that is not taken. Who asks for nothing makes room for others
//! ([`Places`]). Stopping takes no new connections, lets requests end, then closes.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::app::Peer;
use crate::metrics::Metrics;
use crate::patient::Patient;
use crate::places::{Places, Seat};
use crate::reply::Reply;
use crate::tls::{self, Tls};

/// Time for a request's header to come, the pause between requests included.
const HEADER: Duration = Duration::from_secs(75);
/// Time for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Bytes of a request's header.
const HEADER_BYTES: usize = 64 << 10;
/// Time in which the other end has to take something of what is sent to it.
const STALLED: Duration = Duration::from_secs(60);
/// Time in which the other end has to take a long answer as a whole.
const TAKEN: Duration = Duration::from_secs(300);
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 128;
/// Connections at once.
pub(crate) const CONNECTIONS: usize = 8192;

/// The protocol of a connection.
enum Speaks {
    Http1,
    Http2,
}

/// Opens a port on the first of these addresses that can be had.
pub(crate) fn bind(addresses: &[IpAddr], port: u16) -> std::io::Result<TcpListener> {
    let mut failed = std::io::Error::from(std::io::ErrorKind::InvalidInput);
    for address in addresses {
        match std::net::TcpListener::bind(SocketAddr::new(*address, port)) {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                return TcpListener::from_std(listener);
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Serves a listener until the token is cancelled and the last request has ended, or `drain` is over.
pub(crate) async fn serve<H, F>(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    metrics: Arc<Metrics>,
    places: Arc<Places>,
    stop: CancellationToken,
    drain: Duration,
    handle: H,
) where
    H: Fn(Peer, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let graceful = GracefulShutdown::new();
    let taking = take(&listener, tls, metrics, &places, &graceful, handle);
    tokio::select! {
        () = stop.cancelled() => {}
        () = places.watch() => {}
        () = taking => {}
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests were still running and are abandoned");
    }
}

/// Takes connections for ever.
async fn take<H, F>(
    listener: &TcpListener,
    tls: Option<Arc<Tls>>,
    metrics: Arc<Metrics>,
    places: &Arc<Places>,
    graceful: &GracefulShutdown,
    handle: H,
) where
    H: Fn(Peer, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: waiting is all that helps.
                tracing::warn!(error = &error as &dyn std::error::Error, "no connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(place) = places.take().await else {
            return;
        };
        // Small answers are not to wait for more.
        let _ = stream.set_nodelay(true);
        let watcher = graceful.watcher();
        let (tls, handle, metrics) = (tls.clone(), handle.clone(), Arc::clone(&metrics));
        tokio::spawn(async move {
            metrics.connections.fetch_add(1, Relaxed);
            let seat = Arc::clone(&place.seat);
            let served = async {
                match tls {
                    None => {
                        let peer = Peer {
                            address,
                            certificate: None,
                        };
                        connection(stream, Speaks::Http1, peer, seat, handle, watcher).await;
                    }
                    // In a place of its own: a connection without TLS has no need for the room that this takes.
                    Some(tls) => {
                        let secure = async move {
                            let (stream, peer) = handshake(tls, stream, address).await?;
                            let speaks = match stream.get_ref().1.alpn_protocol() {
                                Some(b"h2") => Speaks::Http2,
                                _ => Speaks::Http1,
                            };
                            connection(stream, speaks, peer, seat, handle, watcher).await;
                            Some(())
                        };
                        Box::pin(secure).await;
                    }
                }
            };
            if place.seat.leave.run_until_cancelled(served).await.is_none() {
                tracing::debug!(
                    "a connection was idle or took its answer too slowly, and had to go"
                );
            }
            metrics.connections.fetch_sub(1, Relaxed);
            drop(place);
        });
    }
}

async fn handshake(
    tls: Arc<Tls>,
    stream: TcpStream,
    address: SocketAddr,
) -> Option<(tokio_rustls::server::TlsStream<TcpStream>, Peer)> {
    let config = tokio::task::spawn_blocking(move || tls.config())
        .await
        .ok()?;
    let acceptor = TlsAcceptor::from(config);
    let accepted = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
    let stream = match accepted {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "no handshake");
            return None;
        }
        Err(_) => return None,
    };
    let (_, session) = stream.get_ref();
    let certificate = session
        .peer_certificates()
        .and_then(|chain| chain.first())
        .map(tls::fingerprint);
    Some((
        stream,
        Peer {
            address,
            certificate,
        },
    ))
}

/// Speaks HTTP/2 only where a handshake agreed on it: to find out from the first bytes which it is
/// would mean to wait for them without a limit.
async fn connection<S, H, F>(
    stream: S,
    speaks: Speaks,
    peer: Peer,
    seat: Arc<Seat>,
    handle: H,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Peer, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (seat, under_way) = (Arc::clone(&seat), seat.asked());
        let reply = handle(peer.clone(), request);
        async move {
            let reply = reply.await;
            let reply = reply.map(|body| body.within(TAKEN, &seat.leave).held(under_way));
            Ok::<_, std::convert::Infallible>(reply)
        }
    });
    let stream = TokioIo::new(Patient::new(stream, STALLED));
    let served = match speaks {
        Speaks::Http1 => {
            let mut builder = http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER)
                .max_buf_size(HEADER_BYTES);
            watcher
                .watch(builder.serve_connection(stream, service))
                .await
        }
        Speaks::Http2 => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS)
                .max_header_list_size(u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX))
                .keep_alive_interval(Duration::from_secs(30))
                .keep_alive_timeout(Duration::from_secs(20));
            let served = watcher.watch(builder.serve_connection(stream, service));
            Box::pin(served).await
        }
    };
    if let Err(error) = served {
        tracing::debug!(error = error.to_string().as_str(), "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn silent_connections_keep_nobody_out_however_many_they_are() {
        let listener = bind(&[IpAddr::from([127, 0, 0, 1])], 0).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let handle = |_, _| async { crate::reply::empty(StatusCode::OK) };
        let serving = tokio::spawn(serve(
            listener,
            None,
            Arc::default(),
            Places::new(4),
            stop.clone(),
            Duration::from_secs(60),
            handle,
        ));
        let mut silent = Vec::new();
        for number in 0..20 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let said: &[u8] = [b"".as_slice(), b"GET / HTTP/1.1\r\nX: "][number % 2];
            // It may have had to go already.
            let _ = stream.write_all(said).await;
            silent.push(stream);
        }
        let mut asking = TcpStream::connect(address).await.unwrap();
        for _ in 0..3 {
            let asked = asking.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
            asked.await.unwrap();
            let mut answer = [0; 15];
            asking.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200 OK");
            while !answer.ends_with(b"\r\n\r\n") {
                answer.rotate_left(1);
                answer[14] = asking.read_u8().await.unwrap();
            }
        }
        // The first to come went first.
        let mut rest = Vec::new();
        let _ = silent[0].read_to_end(&mut rest).await;
        assert!(rest.is_empty());
        drop((silent, asking));
        stop.cancel();
        serving.await.unwrap();
    }
}
