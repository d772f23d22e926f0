//! Where connections come from: an address and port, or a Unix socket.

use std::io;
#[cfg(unix)]
use std::net::Ipv4Addr;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::{Path, PathBuf};

use rocket::tokio::net::{TcpListener, TcpSocket, TcpStream};
#[cfg(unix)]
use rocket::tokio::net::{UnixListener, UnixStream};
use tokio_util::either::Either;

use crate::error::Error;

/// How many connections may wait until they are accepted.
const BACKLOG: u32 = 1_024;

/// How much of an answer the kernel takes beyond what it can send.
#[cfg(target_os = "linux")]
const MAX_UNSENT_BYTES: u32 = 128 * 1024;

pub enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixSocket),
}

/// A Unix socket. Its file is deleted when it is dropped.
#[cfg(unix)]
pub struct UnixSocket {
    listener: UnixListener,
    /// `None`: the file belongs to the program that has passed the socket.
    file: Option<PathBuf>,
}

#[cfg(unix)]
impl Drop for UnixSocket {
    /// Before it closes: afterwards the file may be that of the next process.
    fn drop(&mut self) {
        if let Some(file) = &self.file
            && let Err(cause) = std::fs::remove_file(file)
        {
            log::warn!("cannot delete the socket {}: {cause}", file.display());
        }
    }
}

/// The stream of a connection.
#[cfg(unix)]
pub type Link = Either<TcpStream, UnixStream>;
#[cfg(not(unix))]
pub type Link = Either<TcpStream, TcpStream>;

impl Listener {
    /// The socket that was opened for this process (`sd_listen_fds(3)`), if there is one: for TCP, or a
    /// Unix socket. [`Error::Conflict`] if there are several.
    #[cfg(unix)]
    pub fn passed() -> Result<Option<Self>, Error> {
        let cannot = |cause| Error::internal("cannot use the socket of systemd", cause);
        let mut sockets = listenfd::ListenFd::from_env();
        match sockets.len() {
            0 => return Ok(None),
            1 => {}
            count => {
                let why = format!("systemd passes {count} sockets, and widgetd serves one");
                return Err(Error::Conflict(why));
            }
        }
        // It stays where it is if it is of the other kind.
        let listener = match sockets.take_unix_listener(0) {
            Ok(socket) => socket.map(Self::try_from),
            Err(_) => sockets.take_tcp_listener(0).map_err(cannot)?.map(Self::try_from),
        };
        listener.transpose().map_err(cannot)
    }

    #[cfg(not(unix))]
    pub fn passed() -> Result<Option<Self>, Error> {
        Ok(None)
    }

    /// Listens at an address. Port 0 is any free one.
    pub fn bind(address: SocketAddr) -> Result<Self, Error> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let listening = socket.and_then(|socket| {
            // Otherwise, after a restart, old connections would keep the port for a minute.
            if cfg!(unix) {
                socket.set_reuseaddr(true)?;
            }
            socket.bind(address)?;
            socket.listen(BACKLOG)
        });
        listening.map(Self::Tcp).map_err(|cause| {
            let hint = match cause.kind() {
                io::ErrorKind::AddrInUse => {
                    " (is another widgetd running? `--port` or WIDGETD_PORT chooses another port)"
                }
                _ => "",
            };
            Error::internal(&format!("cannot listen at {address}{hint}"), cause)
        })
    }

    /// Listens at a file, which its owner and group may use.
    #[cfg(unix)]
    pub fn bind_file(file: &Path) -> Result<Self, Error> {
        use std::fs::Permissions;
        use std::os::unix::fs::{FileTypeExt, PermissionsExt};
        use std::os::unix::net::UnixStream;

        let cannot = |cause: &dyn std::fmt::Display| {
            Error::internal(&format!("cannot listen at {}", file.display()), cause)
        };
        if let Ok(found) = std::fs::symlink_metadata(file) {
            if !found.file_type().is_socket() {
                return Err(cannot(&"there is a file that is no socket"));
            }
            if UnixStream::connect(file).is_ok() {
                return Err(cannot(&"another program listens there"));
            }
            // A process that was killed leaves its own.
            std::fs::remove_file(file).map_err(|cause| cannot(&cause))?;
        }
        let listener = UnixListener::bind(file).map_err(|cause| cannot(&cause))?;
        let listener = Self::Unix(UnixSocket { listener, file: Some(file.to_owned()) });
        std::fs::set_permissions(file, Permissions::from_mode(0o660))
            .map_err(|cause| cannot(&cause))?;
        Ok(listener)
    }

    /// The address and port; `None` for a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    /// The kernel takes no more of an answer than the client's window and this much. Otherwise each
    /// client that does not read could fill megabytes of the kernel's memory. Connections inherit it.
    pub fn bound_unsent(&self) {
        #[cfg(target_os = "linux")]
        if let Self::Tcp(listener) = self
            && let Err(error) =
                socket2::SockRef::from(listener).set_tcp_notsent_lowat(MAX_UNSENT_BYTES)
        {
            log::warn!("cannot bound what is sent to clients that do not read: {error}");
        }
    }

    /// The next connection and its client's address. Clients of a Unix socket are on this machine.
    pub async fn accept(&self) -> io::Result<(Link, SocketAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Either::Left(stream), peer))
            }
            #[cfg(unix)]
            Self::Unix(socket) => {
                let (stream, _) = socket.listener.accept().await?;
                Ok((Either::Right(stream), SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
            }
        }
    }
}

#[cfg(unix)]
impl TryFrom<std::net::TcpListener> for Listener {
    type Error = io::Error;

    fn try_from(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener).map(Self::Tcp)
    }
}

#[cfg(unix)]
impl TryFrom<std::os::unix::net::UnixListener> for Listener {
    type Error = io::Error;

    fn try_from(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        Ok(Self::Unix(UnixSocket { listener, file: None }))
    }
}

/// Sends at once what is written: answers are written whole, so there is nothing to wait for.
pub fn send_at_once(link: &Link) {
    if let Either::Left(stream) = link {
        let _ = stream.set_nodelay(true);
    }
}

/// Writes what the kernel takes at once.
pub fn try_write(link: &Link, bytes: &[u8]) -> io::Result<usize> {
    match link {
        Either::Left(stream) => stream.try_write(bytes),
        Either::Right(stream) => stream.try_write(bytes),
    }
}
