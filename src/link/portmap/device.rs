//! Speaks to UPnP devices: the sockets around [`Igd`].

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket},
    time::Duration,
};

use futures_lite::future;
use socket2::SockRef;

use super::igd::{self, Call, Igd, SEARCH_GROUP, Step, Url};
use crate::runtime::{
    Async, TcpIo, clock,
    http::{self, Request},
};

/// The waits between searches, which may get lost in a wireless network, and after the last one.
const SEARCHES: [Duration; 3] =
    [Duration::from_millis(400), Duration::from_millis(800), Duration::from_millis(1800)];
/// Devices that are tried.
const MAX_DEVICES: usize = 4;
/// For one request; routers are slow.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// Octets of a description or an answer.
const MAX_DOCUMENT: usize = 128 * 1024;

/// A mapping that a device keeps.
#[derive(Debug)]
pub(super) struct DeviceMapping {
    igd: Igd,
    pub(super) external: SocketAddrV4,
}

impl DeviceMapping {
    /// Looks for a device that maps `port` to this host; `gateway` is asked first.
    pub(super) async fn acquire(gateway: Option<Ipv4Addr>, port: u16) -> Option<DeviceMapping> {
        let found = search(gateway).await.ok()?;
        for location in found {
            let own = own_address(location.host.into())?;
            let mut igd = Igd::new(location, SocketAddrV4::new(own, port));
            if let Some(external) = carry_out(&mut igd).await {
                return Some(DeviceMapping { igd, external });
            }
        }
        None
    }

    /// Renews the mapping for ever, until that fails; tells each new address.
    pub(super) async fn keep(&mut self, mut changed: impl FnMut(SocketAddrV4)) {
        loop {
            clock::sleep(Duration::from_secs(igd::LEASE.into()) / 2).await;
            self.igd.renew();
            let Some(external) = carry_out(&mut self.igd).await else { return };
            if external != self.external {
                self.external = external;
                changed(external);
            }
        }
    }

    /// Takes the mapping away; true if the device says so.
    pub(super) async fn withdraw(self) -> bool {
        let Some(call) = self.igd.withdrawal() else { return false };
        igd::is_withdrawn(&post(call).await)
    }
}

/// The address from which this host sends to another.
pub(super) fn own_address(to: SocketAddr) -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(to).ok()?; // nothing is sent
    match socket.local_addr().ok()? {
        SocketAddr::V4(v4) => Some(*v4.ip()).filter(|own| !own.is_unspecified()),
        SocketAddr::V6(_) => None,
    }
}

async fn carry_out(igd: &mut Igd) -> Option<SocketAddrV4> {
    loop {
        match igd.step() {
            Step::Describe(url) => {
                let document = get(url).await;
                igd.handle_description(&document);
            }
            Step::Call(call) => {
                let answer = post(call).await;
                igd.handle_answer(&answer);
            }
            Step::Mapped(external) => return Some(external),
            Step::Failed => return None,
        }
    }
}

/// The descriptions of devices that answer a search, that of the gateway first.
async fn search(gateway: Option<Ipv4Addr>) -> io::Result<Vec<Url>> {
    let socket = Async::<UdpSocket>::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    if let Some(own) = gateway.and_then(|gateway| own_address((gateway, 1900).into())) {
        SockRef::from(&socket).set_multicast_if_v4(&own)?;
    }
    let mut found = Vec::new();
    for wait in SEARCHES {
        // some routers hear only one of them; without a route there is nobody to hear
        let _ = socket.send_to(&igd::search(), SEARCH_GROUP).await;
        if let Some(gateway) = gateway {
            let _ = socket.send_to(&igd::search(), (gateway, 1900)).await;
        }
        clock::timeout(wait, collect(&socket, gateway, &mut found)).await;
        if !found.is_empty() {
            break;
        }
    }
    Ok(found)
}

/// Hears answers until the gateway's is there, or for as long as it is let.
async fn collect(socket: &Async<UdpSocket>, gateway: Option<Ipv4Addr>, found: &mut Vec<Url>) {
    let mut buffer = [0; 2048];
    while found.len() < MAX_DEVICES {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            return future::pending().await; // an ICMP error: others may still answer
        };
        let Some(location) = igd::location(&buffer[..length], from) else { continue };
        let of_gateway = Some(*location.host.ip()) == gateway;
        if !found.contains(&location) {
            found.insert(if of_gateway { 0 } else { found.len() }, location);
        }
        if of_gateway {
            return;
        }
    }
}

async fn get(url: Url) -> String {
    let request = hyper::Request::get(url.path.as_str()).header("Host", url.host.to_string());
    match request.body(http::empty()) {
        Ok(request) => exchange(url.host, request).await,
        Err(_) => String::new(),
    }
}

async fn post(Call { url, action, body }: Call) -> String {
    let request = hyper::Request::post(url.path.as_str())
        .header("Host", url.host.to_string())
        .header("Content-Type", "text/xml; charset=\"utf-8\"")
        .header("SOAPAction", action);
    match request.body(http::full(body)) {
        Ok(request) => exchange(url.host, request).await,
        Err(_) => String::new(),
    }
}

/// The body of the answer, whatever its status; empty if there is none in time.
async fn exchange(host: SocketAddrV4, request: Request) -> String {
    let exchange = async {
        let stream = Async::<TcpStream>::connect(host).await.ok()?;
        let io = TcpIo::new(stream, REQUEST_TIME);
        let response = http::request_over(Box::new(io), request).await.ok()?;
        let body = http::collect(response.into_body(), MAX_DOCUMENT, REQUEST_TIME).await?;
        Some(String::from_utf8_lossy(&body).into_owned())
    };
    clock::timeout(REQUEST_TIME, exchange).await.flatten().unwrap_or_default()
}
