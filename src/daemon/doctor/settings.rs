//! Where a running daemon uses something else than the configuration says: it was started with options, or before
//! the configuration was changed.

use std::{collections::BTreeSet, net::SocketAddr};

use super::Check;
use crate::daemon::{Config, Status, Udp};

/// One note for each setting that differs.
pub(super) fn settings_checks(status: &Status, config: &Config) -> Vec<Check> {
    let used = status.overlays.iter().map(|overlay| overlay.address.clone()).collect();
    let overlays = config.overlays(&[]).ok().map(texts);
    let overlays = overlays.and_then(|configured| difference("overlay", used, configured));
    let used = status.rendezvous.iter().map(|node| node.address.clone()).collect();
    let rendezvous = difference("rendezvous", used, texts(config.rendezvous(&[])));
    let udp = udp_difference(&status.udp, &config.udp(&[]));
    [overlays, udp, rendezvous].into_iter().flatten().collect()
}

fn texts<T: ToString>(values: Vec<T>) -> BTreeSet<String> {
    values.iter().map(T::to_string).collect()
}

/// What to say of a setting, if its values are not those configured.
fn difference(key: &str, used: BTreeSet<String>, configured: BTreeSet<String>) -> Option<Check> {
    (used != configured).then(|| {
        let listed = |values: &BTreeSet<String>| match values.len() {
            0 => "none".to_owned(),
            _ => values.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        };
        let (used, configured) = (listed(&used), listed(&configured));
        let found = format!("{key}: the daemon uses {used}; the configuration says {configured}");
        Check::note("settings", found)
            .advise("what is configured counts when it is started next without options")
    })
}

/// The same for addresses, of which the configuration may leave the port to the system.
fn udp_difference(bound: &[String], udp: &Udp) -> Option<Check> {
    let used: Vec<SocketAddr> = bound.iter().filter_map(|text| text.parse().ok()).collect();
    let fits = |used: &SocketAddr, wanted: &SocketAddr| {
        let any_port = udp.or_any_port || wanted.port() == 0;
        used.ip() == wanted.ip() && (any_port || used.port() == wanted.port())
    };
    let is_wanted = |used: &SocketAddr| udp.addresses.iter().any(|wanted| fits(used, wanted));
    let is_used = |wanted: &SocketAddr| used.iter().any(|used| fits(used, wanted));
    // where any port will do, a machine without IPv6 will do too
    let is_all_used = udp.or_any_port || udp.addresses.iter().all(is_used);
    if used.iter().all(is_wanted) && is_all_used {
        return None;
    }
    difference("udp", bound.iter().cloned().collect(), texts(udp.addresses.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udp(addresses: &[&str], or_any_port: bool) -> Udp {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        Udp { addresses, or_any_port, exclude: Vec::new() }
    }

    #[test]
    fn ports_left_to_the_system_are_no_difference() {
        let bound = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let anywhere = ["0.0.0.0:5050", "[::]:5050"];
        for (used, udp, differs) in [
            (&anywhere[..], udp(&anywhere, true), false),
            (&["0.0.0.0:40001"], udp(&anywhere, true), false), // taken, and no IPv6
            (&["127.0.0.1:40001"], udp(&anywhere, true), true),
            (&["127.0.0.1:40001"], udp(&["127.0.0.1:0"], false), false),
            (&["127.0.0.1:40001"], udp(&["127.0.0.1:5050"], false), true),
            (&["0.0.0.0:5050"], udp(&anywhere, false), true),
        ] {
            let told = udp_difference(&bound(used), &udp);
            assert_eq!(told.is_some(), differs, "{used:?} {udp:?}");
        }
    }

    #[test]
    fn a_difference_names_both_sides() {
        let set = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let told = difference("overlay", set(&["lan"]), set(&[])).unwrap();
        assert_eq!(told.found, "overlay: the daemon uses lan; the configuration says none");
        assert_eq!(
            difference("overlay", set(&["a", "b"]), set(&["b", "a"])).map(|c| c.found),
            None
        );
    }
}
