//! The description of a device (UPnP Device Architecture 2.0, section 2): which service maps ports.

use super::{Call, soap, soap::Action, url::Url, xml};

/// Services that map ports, the best first.
const TYPES: [&str; 4] = [
    "urn:schemas-upnp-org:service:WANIPConnection:2",
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
    "urn:schemas-upnp-org:service:WANPPPConnection:2",
];

/// A service that maps ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    kind: &'static str,
    control: Url,
}

impl Service {
    pub(super) fn call(&self, action: &Action<'_>) -> Call {
        Call {
            url: self.control.clone(),
            action: format!("\"{}#{}\"", self.kind, action.name),
            body: soap::envelope(self.kind, action),
        }
    }
}

/// The best service in the description of a device, which was got from `location`.
pub(super) fn find_service(document: &str, location: &Url) -> Option<Service> {
    let (mut base, mut kind, mut control) = (None, String::new(), String::new());
    let mut found: Vec<(usize, String)> = Vec::new();
    xml::visit(document, |name, text| match name {
        "URLBase" => base = location.join(text),
        "serviceType" => kind = text.to_owned(),
        "controlURL" => control = text.to_owned(),
        "service" => {
            let (kind, control) = (std::mem::take(&mut kind), std::mem::take(&mut control));
            if let Some(rank) = TYPES.iter().position(|known| *known == kind) {
                found.push((rank, control));
            }
        }
        _ => {}
    });
    let (rank, control) = found.into_iter().min()?;
    let control = base.as_ref().unwrap_or(location).join(&control)?;
    Some(Service { kind: TYPES[rank], control })
}
