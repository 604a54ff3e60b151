//! nftables rules for a NAT done by a router's own kernel, with the habits of real home routers.
//!
//! | `nat=kernel:…` | mapping and filtering (RFC 4787) | rules |
//! |---|---|---|
//! | `fullcone` | endpoint-independent, endpoint-independent | a map learned from outgoing packets |
//! | `restricted` | endpoint-independent, address-dependent | the map, and a set of known addresses |
//! | `portrestricted` | endpoint-independent, address- and port-dependent | masquerade, input dropped |
//! | `masquerade` | the same, until a peer's packet comes first | masquerade and nothing else |
//! | `symmetric` | address- and port-dependent, both | masquerade fully-random |
//! | `blockudp` | | as `portrestricted`, no UDP |
//! | `tcp443` | | as `portrestricted`, nothing but TCP to port 443 |
//! | `none` | | a plain router |
//!
//! Each may be followed by `,hairpin`. The lifetime of a mapping is that of the kernel: `sysctl
//! net.netfilter.nf_conntrack_udp_timeout` and `…_udp_timeout_stream` in the router.
//!
//! What to know of them:
//!
//! * Without its `drop`, the input chain lets a peer's probe that arrives before ours make an entry to the
//!   router itself, which takes the port: our own probe is then mapped to another one, and punching fails. Real
//!   routers exist with and without it, so there are `portrestricted` and `masquerade`.
//! * A masquerade is endpoint-independent as long as the source port is free. The second host with the same source port
//!   gets another port, still endpoint-independent; the map of the cones has public port = inside port as its
//!   key, so there that host is not reachable.
//! * `fullcone` and `restricted` open UDP only.
//! * With `br_netfilter` loaded a hairpinned packet is translated at the bridge, and its source never: routers
//!   here set `net.bridge.bridge-nf-call-iptables=0`.

use crate::Error;

/// The rules of a kind for a router with these addresses.
///
/// # Errors
/// When there is no such kind.
pub fn rules(kind: &str, external: &str, lan: &str) -> Result<String, Error> {
    let (base, hairpin) = match kind.strip_suffix(",hairpin") {
        Some(base) => (base, true),
        None => (kind, false),
    };
    let unknown = || Error::Setting(format!("nat=kernel:{kind}: there is no such kind"));
    let Kind { dnat, masquerade, forward, input } = match base {
        "none" if !hairpin => return Ok(String::new()),
        _ => Kind::find(base).ok_or_else(unknown)?,
    };
    let learn = if dnat.is_empty() && !hairpin { "" } else { LEARN };
    let (hairpin_dnat, hairpin_snat) = match hairpin {
        true => (HAIRPIN_DNAT, format!("{HAIRPIN_SNAT} {external}")),
        false => ("", String::new()),
    };
    // every statement stands on a line of its own: nft rejects `masquerade }` on one
    Ok(format!(
        "table ip nat {{
 map eim {{ type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; timeout 120s; }}
 set perm {{ type inet_service . ipv4_addr; flags dynamic,timeout; timeout 120s; }}
 set lanaddr {{ type ipv4_addr; elements = {{ {lan} }}; }}
 chain learn {{
  type filter hook forward priority filter - 1; policy accept;
{learn}
 }}
 chain pre {{
  type nat hook prerouting priority dstnat; policy accept;
{dnat}
{hairpin_dnat}
 }}
 chain post {{
  type nat hook postrouting priority srcnat; policy accept;
{hairpin_snat}
  oifname \"wan\" {masquerade}
 }}
}}
table ip fw {{
 chain input {{
  type filter hook input priority filter; policy accept;
  iifname \"wan\" ct state established,related accept
  iifname \"wan\" icmp type echo-request accept
  {input}
 }}
 chain forward {{
  type filter hook forward priority filter; policy accept;
  {forward}
  ct state established,related accept
  iifname \"wan\" ct status dnat accept
  iifname \"wan\" drop
 }}
}}
"
    ))
}

/// What the kinds differ in.
struct Kind {
    dnat: &'static str,
    masquerade: &'static str,
    forward: &'static str,
    input: &'static str,
}

impl Kind {
    fn find(name: &str) -> Option<Kind> {
        let usual =
            Kind { dnat: "", masquerade: "masquerade", forward: "", input: "iifname \"wan\" drop" };
        Some(match name {
            "fullcone" => Kind { dnat: DNAT_ANYBODY, ..usual },
            "restricted" => Kind { dnat: DNAT_KNOWN_ADDRESSES, ..usual },
            "portrestricted" => usual,
            "masquerade" => Kind { input: "", ..usual },
            "symmetric" => Kind { masquerade: "masquerade fully-random", ..usual },
            "blockudp" => Kind { forward: "meta l4proto udp drop", ..usual },
            "tcp443" => Kind { forward: TCP_443, ..usual },
            _ => return None,
        })
    }
}

const DNAT_ANYBODY: &str = "  iifname \"wan\" dnat ip to udp dport map @eim";
const DNAT_KNOWN_ADDRESSES: &str =
    "  iifname \"wan\" udp dport . ip saddr @perm dnat ip to udp dport map @eim";
const LEARN: &str =
    "  oifname { \"wan\", \"lan0\" } iifname \"lan0\" update @eim { udp sport : ip saddr . udp sport }
  oifname \"wan\" update @perm { udp sport . ip daddr }";
const HAIRPIN_DNAT: &str =
    "  iifname \"lan0\" fib daddr type local ip daddr != @lanaddr dnat ip to udp dport map @eim";
const HAIRPIN_SNAT: &str = "  iifname \"lan0\" oifname \"lan0\" ct status dnat snat to";
const TCP_443: &str = "oifname \"wan\" tcp dport != 443 drop
  oifname \"wan\" meta l4proto != tcp drop";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        for kind in ["fullcone,hairpin", "restricted", "masquerade", "tcp443", "none"] {
            assert!(rules(kind, "11.3.0.1", "192.168.1.1").is_ok(), "{kind}");
        }
        for kind in ["conical", "fullcone,hairpinning", ""] {
            assert!(rules(kind, "11.3.0.1", "192.168.1.1").is_err(), "{kind}");
        }
    }

    #[test]
    fn addresses_are_filled_in() {
        let text = rules("fullcone,hairpin", "11.3.0.1", "192.168.1.1").unwrap();
        assert!(text.contains("snat to 11.3.0.1"));
        assert!(text.contains("elements = { 192.168.1.1 }"));
    }
}
