//! Keeps one port of the router mapped to the link's socket, as long as somebody serves.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    path::Path,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_lite::future;

use super::{
    device::{DeviceMapping, own_address},
    gateway,
    gateway_client::{Event, GatewayClient},
};
use crate::link::host::Link;
use crate::link::locators::interface_addresses;
use crate::runtime::{Async, Task, clock, file, ip::is_global_v4, random, spawn};

/// Where PCP and NAT-PMP are spoken.
const PORT: u16 = 5351;
/// More than the table of any host.
const MAX_TABLE: usize = 256 * 1024;
/// Between two searches for a router that maps ports, while nothing changes.
const RETRY: Duration = Duration::from_secs(15 * 60);
/// How long the end may take.
const WITHDRAW_TIME: Duration = Duration::from_secs(3);

/// A port mapping that is looked for, kept and in the end taken away.
pub struct PortMapper {
    stop: async_channel::Sender<()>,
    task: Task<()>,
}

impl PortMapper {
    /// Begins to look for a router that maps a port to the link's IPv4 socket. The link learns the
    /// address, and forgets it when it is gone.
    pub fn start(link: &Arc<Link>) -> PortMapper {
        let (stop, stopped) = async_channel::bounded(1);
        let task = spawn(run(Arc::downgrade(link), stopped));
        PortMapper { stop, task }
    }

    /// Takes the mapping away; three seconds at most.
    pub async fn withdraw(self) {
        self.stop.close();
        clock::timeout(WITHDRAW_TIME, self.task).await;
    }
}

/// A mapping and who keeps it.
enum Held {
    Gateway(GatewayMapping),
    Device(DeviceMapping),
}

/// What ended a wait.
enum End {
    /// Nobody serves any more.
    Stopped,
    /// The network is another.
    Changed,
    /// It is over by itself.
    Done,
}

async fn run(link: Weak<Link>, stopped: async_channel::Receiver<()>) {
    loop {
        let Some(changed) = link.upgrade().map(|link| link.other_network()) else { return };
        let Some(port) = link.upgrade().and_then(|link| mappable_port(&link)) else { return };
        let stop = async {
            let _ = stopped.recv().await; // it is closed, never sent to
            End::Stopped
        };
        let change = async {
            changed.await;
            End::Changed
        };
        let mut interrupted = std::pin::pin!(future::or(stop, change));
        let mut held = None;
        let acquiring = async {
            held = acquire(port).await;
            End::Done
        };
        let mut end = future::or(&mut interrupted, acquiring).await;
        if let (End::Done, Some(held)) = (&end, &mut held) {
            let keeping = async {
                keep(held, &link).await;
                End::Done
            };
            end = future::or(&mut interrupted, keeping).await;
            report(&link, None);
        } else if let End::Done = end {
            let waiting = async {
                clock::sleep(RETRY).await;
                End::Done
            };
            end = future::or(&mut interrupted, waiting).await;
        }
        if let End::Stopped = end {
            if let Some(held) = held {
                withdraw(held).await;
            }
            return;
        }
    }
}

/// The port of the socket that a router in IPv4 can send to.
fn mappable_port(link: &Link) -> Option<u16> {
    let bound = link.bound_addresses();
    bound.iter().find(|b| b.is_ipv4() && !b.ip().is_loopback()).map(SocketAddr::port)
}

/// Asks by all protocols at once; the first mapping counts. Another that comes too late ends by itself.
async fn acquire(port: u16) -> Option<Held> {
    let gateway = find_gateway();
    let by_gateway = async { Some(Held::Gateway(GatewayMapping::acquire(gateway?, port).await?)) };
    let by_device = async { Some(Held::Device(DeviceMapping::acquire(gateway, port).await?)) };
    // a client for HTTP, which a task that lives as long as the daemon should not have room for
    first_of(by_gateway, Box::pin(by_device)).await
}

/// The first that is not None.
async fn first_of<T>(
    one: impl Future<Output = Option<T>>,
    other: impl Future<Output = Option<T>>,
) -> Option<T> {
    let failed = AtomicBool::new(false);
    let last_counts = async |result: Option<T>| {
        if result.is_none() && !failed.swap(true, Relaxed) {
            return future::pending().await;
        }
        result
    };
    future::or(async { last_counts(one.await).await }, async { last_counts(other.await).await })
        .await
}

async fn keep(held: &mut Held, link: &Weak<Link>) {
    let told = |external| report(link, Some(external));
    match held {
        Held::Gateway(mapping) => {
            log::info!("the router sends {} here", mapping.external);
            told(mapping.external);
            mapping.keep(told).await;
        }
        Held::Device(mapping) => {
            log::info!("the router sends {} here (UPnP)", mapping.external);
            told(mapping.external);
            mapping.keep(told).await;
        }
    }
    log::info!("the router does not keep its port mapping");
}

async fn withdraw(held: Held) {
    let gone = match held {
        Held::Gateway(mapping) => mapping.withdraw().await,
        Held::Device(mapping) => mapping.withdraw().await,
    };
    if !gone {
        log::debug!("the router did not say that the port mapping is gone");
    }
}

/// Tells the link. An address that the Internet does not have is of no use: the router is behind
/// another NAT.
fn report(link: &Weak<Link>, external: Option<SocketAddrV4>) {
    let Some(link) = link.upgrade() else { return };
    let usable = external.filter(|external| is_global_v4(*external.ip()));
    link.set_mapped(usable.into_iter().map(SocketAddr::V4).collect());
}

fn find_gateway() -> Option<Ipv4Addr> {
    let table = file::read(Path::new("/proc/net/route"), MAX_TABLE).unwrap_or_default();
    gateway::from_route_table(&String::from_utf8_lossy(&table))
        .or_else(|| gateway::guess(interface_addresses().into_iter().map(|address| address.ip)))
}

/// A mapping that the router keeps by PCP or NAT-PMP.
struct GatewayMapping {
    socket: Async<UdpSocket>,
    client: GatewayClient,
    external: SocketAddrV4,
}

impl GatewayMapping {
    async fn acquire(gateway: Ipv4Addr, port: u16) -> Option<GatewayMapping> {
        let own = own_address((gateway, PORT).into())?;
        let socket = Async::<UdpSocket>::bind((own, 0)).ok()?;
        // only the gateway's datagrams arrive from now on
        socket.get_ref().connect((gateway, PORT)).ok()?;
        let mut client =
            GatewayClient::new(SocketAddrV4::new(own, port), random::bytes(), clock::now());
        match next_event(&socket, &mut client).await {
            Event::Mapped(external) => Some(GatewayMapping { socket, client, external }),
            Event::Lost | Event::Withdrawn => None,
        }
    }

    /// Renews the mapping for ever, until that fails; tells each new address.
    async fn keep(&mut self, mut changed: impl FnMut(SocketAddrV4)) {
        while let Event::Mapped(external) = next_event(&self.socket, &mut self.client).await {
            self.external = external;
            changed(external);
        }
    }

    /// Takes the mapping away; true if the router says so, or nothing at all.
    async fn withdraw(mut self) -> bool {
        self.client.withdraw(clock::now());
        next_event(&self.socket, &mut self.client).await == Event::Withdrawn
    }
}

/// Lets the client work until something has happened.
async fn next_event(socket: &Async<UdpSocket>, client: &mut GatewayClient) -> Event {
    loop {
        client.handle_timeout(clock::now());
        while let Some(datagram) = client.poll_transmit() {
            let _ = socket.send(&datagram).await; // as good as lost
        }
        if let Some(event) = client.poll_event() {
            return event;
        }
        let due = client.poll_timeout();
        let timeout = async {
            clock::sleep_until(due).await;
            Ok(None)
        };
        match future::or(receive(socket), timeout).await {
            Ok(Some((buffer, length))) => client.handle_datagram(&buffer[..length], clock::now()),
            Ok(None) => {}
            // refused: there is no such service; the client comes to the same end
            Err(_) => clock::sleep_until(due).await,
        }
    }
}

/// The longest PCP message (RFC 6887, section 7).
const MAX_DATAGRAM: usize = 1100;

async fn receive(socket: &Async<UdpSocket>) -> io::Result<Option<([u8; MAX_DATAGRAM], usize)>> {
    let mut buffer = [0; MAX_DATAGRAM];
    let length = socket.recv(&mut buffer).await?;
    Ok(Some((buffer, length)))
}

impl fmt::Debug for PortMapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PortMapper")
    }
}
