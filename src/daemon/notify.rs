//! systemd's notify socket (sd_notify(3)): tells the service manager when the daemon is ready and when
//! it stops. Without `$NOTIFY_SOCKET` nothing happens.

use std::{env, os::unix::net::UnixDatagram};

/// Says that work is accepted.
pub fn ready() {
    send("READY=1");
}

/// Says that the daemon is about to end.
pub fn stopping() {
    send("STOPPING=1");
}

fn send(state: &str) {
    let Some(address) = env::var_os("NOTIFY_SOCKET") else { return };
    let sent = UnixDatagram::unbound().and_then(|socket| {
        connect(&socket, &address.to_string_lossy()).and_then(|()| socket.send(state.as_bytes()))
    });
    if let Err(error) = sent {
        log::warn!("cannot notify the service manager: {error}");
    }
}

/// An address with `@` in front lies in Linux' abstract name space.
fn connect(socket: &UnixDatagram, address: &str) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    if let Some(name) = address.strip_prefix('@') {
        use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
        return socket.connect_addr(&SocketAddr::from_abstract_name(name)?);
    }
    socket.connect(address)
}
