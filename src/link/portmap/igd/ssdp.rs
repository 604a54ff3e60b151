//! Finds devices: the Simple Service Discovery Protocol (UPnP Device Architecture 2.0, section 1).

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use super::url::Url;

/// Where searches go.
pub(in crate::link::portmap) const SEARCH_GROUP: SocketAddrV4 =
    SocketAddrV4::new(Ipv4Addr::new(239, 255, 255, 250), 1900);
/// Longer answers are none.
const MAX_ANSWER: usize = 2048;

/// A search for gateways; they answer within a second. Devices of version 2 answer for version 1 too.
pub(in crate::link::portmap) fn search() -> Vec<u8> {
    format!(
        "M-SEARCH * HTTP/1.1\r\nHOST: {SEARCH_GROUP}\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n\
         ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n"
    )
    .into_bytes()
}

/// Where the description of a device is that answered a search; None if it is elsewhere than at the
/// sender, or outside of a site.
pub(in crate::link::portmap) fn location(answer: &[u8], from: SocketAddr) -> Option<Url> {
    let text = str::from_utf8(answer.get(..answer.len().min(MAX_ANSWER))?).ok()?;
    let mut lines = text.split("\r\n");
    let status = lines.next()?;
    let ok = status.starts_with("HTTP/1.") && status.split(' ').nth(1) == Some("200");
    let field = |name: &str| {
        lines.clone().take_while(|line| !line.is_empty()).find_map(|line| {
            let (of, value) = line.split_once(':')?;
            of.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let gateway = field("st").is_some_and(|st| st.contains("InternetGatewayDevice"));
    let url = Url::parse(field("location")?)?;
    let site = url.host.ip().is_private() || url.host.ip().is_link_local();
    (ok && gateway && site && IpAddr::V4(*url.host.ip()) == from.ip()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(location: &str) -> Vec<u8> {
        format!(
            "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nEXT:\r\n\
             ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nLocation: {location}\r\n\r\n"
        )
        .into_bytes()
    }

    #[test]
    fn a_device_says_where_it_is_described() {
        let from = "192.168.1.1:1900".parse().unwrap();
        let found = location(&answer("http://192.168.1.1:5000/root.xml"), from).unwrap();
        assert_eq!(found.to_string(), "http://192.168.1.1:5000/root.xml");
    }

    #[test]
    fn nobody_sends_us_elsewhere() {
        let from = "192.168.1.1:1900".parse().unwrap();
        assert_eq!(location(&answer("http://192.168.1.9:5000/root.xml"), from), None);
        let global = "198.51.100.1:1900".parse().unwrap();
        assert_eq!(location(&answer("http://198.51.100.1/root.xml"), global), None);
        let own = "127.0.0.1:1900".parse().unwrap();
        assert_eq!(location(&answer("http://127.0.0.1/root.xml"), own), None);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let from = "192.168.1.1:1900".parse().unwrap();
        let good = answer("http://192.168.1.1/");
        let text = String::from_utf8(good).unwrap();
        for bad in [
            text.replace("200", "404"),
            text.replace("Location", "Elsewhere"),
            text.replace("InternetGateway", "MediaServer"),
            text.replace("HTTP/1.1", "NOTIFY"),
            String::new(),
        ] {
            assert_eq!(location(bad.as_bytes(), from), None, "{bad}");
        }
        assert_eq!(location(&[0xff; 100], from), None);
    }

    proptest::proptest! {
        #[test]
        fn any_answer_leads_to_its_sender_or_nowhere(
            at in 0usize..200,
            octets in proptest::collection::vec(proptest::num::u8::ANY, 0..40),
        ) {
            let from: SocketAddr = "192.168.1.1:1900".parse().unwrap();
            let mut changed = answer("http://192.168.1.1:5000/root.xml");
            let start = at.min(changed.len());
            let end = (start + octets.len()).min(changed.len());
            changed.splice(start..end, octets);
            if let Some(url) = location(&changed, from) {
                proptest::prop_assert_eq!(IpAddr::V4(*url.host.ip()), from.ip());
            }
        }
    }
}
