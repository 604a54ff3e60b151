//! What sockets can do without blocking.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream},
    path::Path,
};

use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use super::nonblocking::Async;

impl Async<TcpListener> {
    /// Listens at an address.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn bind(address: impl Into<SocketAddr>) -> io::Result<Async<TcpListener>> {
        Async::new(TcpListener::bind(address.into())?)
    }

    /// The next connection.
    ///
    /// # Errors
    /// Those of the system; some of them concern one connection only.
    pub async fn accept(&self) -> io::Result<(Async<TcpStream>, SocketAddr)> {
        let (stream, address) = self.read_with(TcpListener::accept).await?;
        Ok((Async::new(stream)?, address))
    }
}

impl Async<UnixListener> {
    /// The next connection.
    ///
    /// # Errors
    /// Those of the system; some of them concern one connection only.
    pub async fn accept(&self) -> io::Result<(Async<UnixStream>, UnixAddress)> {
        let (stream, address) = self.read_with(UnixListener::accept).await?;
        Ok((Async::new(stream)?, address))
    }
}

impl Async<TcpStream> {
    /// Connects to an address.
    ///
    /// # Errors
    /// When nobody is there, or nobody answers.
    pub async fn connect(address: impl Into<SocketAddr>) -> io::Result<Async<TcpStream>> {
        let address = address.into();
        let stream = connect(Domain::for_address(address), &address.into())?;
        let stream = Async::new_nonblocking(TcpStream::from(stream))?;
        stream.writable().await?;
        match stream.get_ref().take_error()? {
            Some(error) => Err(error),
            None => Ok(stream),
        }
    }
}

impl Async<UnixStream> {
    /// Connects to the socket with a name.
    ///
    /// # Errors
    /// When nobody is there.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Async<UnixStream>> {
        let stream = connect(Domain::UNIX, &SockAddr::unix(path)?)?;
        let stream = Async::new_nonblocking(UnixStream::from(stream))?;
        stream.writable().await?;
        match stream.get_ref().take_error()? {
            Some(error) => Err(error),
            None => Ok(stream),
        }
    }

    /// Two ends of one connection.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub fn pair() -> io::Result<(Async<UnixStream>, Async<UnixStream>)> {
        let (one, other) = UnixStream::pair()?;
        Ok((Async::new(one)?, Async::new(other)?))
    }
}

impl Async<UdpSocket> {
    /// Binds a socket to an address.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn bind(address: impl Into<SocketAddr>) -> io::Result<Async<UdpSocket>> {
        Async::new(UdpSocket::bind(address.into())?)
    }

    /// The next datagram, from whomever.
    ///
    /// # Errors
    /// Those of the system, as when an earlier datagram found nobody.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.read_with(|socket| socket.recv_from(buffer)).await
    }

    /// The next datagram from whom the socket is connected to.
    ///
    /// # Errors
    /// Those of the system, as when an earlier datagram found nobody.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_with(|socket| socket.recv(buffer)).await
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// When it cannot go there.
    pub async fn send_to(&self, datagram: &[u8], to: impl Into<SocketAddr>) -> io::Result<usize> {
        let to = to.into();
        self.write_with(|socket| socket.send_to(datagram, to)).await
    }

    /// Sends a datagram to whom the socket is connected to.
    ///
    /// # Errors
    /// When it cannot go there.
    pub async fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        self.write_with(|socket| socket.send(datagram)).await
    }
}

/// A stream that is being connected.
fn connect(domain: Domain, address: &SockAddr) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), None)?;
    match socket.connect(address) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(error),
        _ => Ok(socket),
    }
}
