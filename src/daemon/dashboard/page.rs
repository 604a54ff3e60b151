//! The dashboard as a page: what comes from peers, overlays and files is put in as text, never as markup.

use super::view::{AuthorityView, Person, View};
use crate::daemon::status::{CandidateStatus, OverlayStatus, PeerStatus, ServiceStatus};
use crate::identity::{AccessForm, Destination, Name, ServicePort};
use crate::runtime::html::{Part, escape, fill};
use crate::runtime::http::Response;
use crate::web::own_page;

const STYLE: &str = include_str!("dashboard.css");
const TEMPLATE: &str = include_str!("dashboard.html");
/// The length of a printed fingerprint.
const FINGERPRINT: usize = 6 * 5 - 1;
const ROW: &str = "<li><p class=\"who\"><b>{{title}}</b>{{tag}}</p>\n{{more}}</li>\n";

/// The page.
pub(super) fn page(view: &View) -> Response {
    own_page("p2p dashboard", STYLE, &main(view))
}

/// The page of a browser that came in, on its way to the other.
pub(super) fn welcome(to: &str) -> Response {
    let main = fill(
        "<h1>Come in</h1>\n<p class=\"lead\"><a href=\"{{to}}\">To the dashboard</a></p>\n",
        &[("to", Part::Text(to))],
    );
    own_page("p2p dashboard", STYLE, &main)
}

fn main(view: &View) -> String {
    let status = &view.status;
    let name = status.name.as_deref().unwrap_or("no name yet: p2p init makes one");
    let list = |rows: Vec<String>, none: &str| {
        if rows.is_empty() { nothing(none) } else { format!("<ul>\n{}</ul>\n", rows.concat()) }
    };
    let services = status.services.iter().map(|service| about_service(service, view)).collect();
    let contacts = view.contacts.iter().map(about_person).collect();
    let strangers: Vec<String> = view.strangers.iter().map(about_person).collect();
    let peers = status.peers.iter().map(about_peer).collect();
    let overlays = status.overlays.iter().map(about_overlay).collect();
    let authorities = view.authorities.iter().map(about_authority).collect();
    let certificates = status.certificates.iter().map(|certificate| {
        let warns = certificate.warns || certificate.problem.is_some();
        let tag = if warns { tag("look", true) } else { String::new() };
        row(&certificate.name, &tag, &text(&certificate.words()))
    });
    let more = match view.more_contacts {
        0 => String::new(),
        more => nothing(&format!("and {more} more: p2p contact list shows all")),
    };
    let strangers = match strangers.is_empty() {
        true => String::new(),
        false => format!("<h2>Looked for, no contacts</h2>\n{}", list(strangers, "")),
    };
    fill(
        TEMPLATE,
        &[
            ("alarms", Part::Markup(&alarms(&view.alarms))),
            ("name", Part::Text(name)),
            ("fingerprint", Part::Text(&status.fingerprint)),
            ("share", Part::Markup(&share(view))),
            ("facts", Part::Markup(&facts(view))),
            ("services", Part::Markup(&list(services, "Nothing: p2p serve shares a folder."))),
            ("contacts", Part::Markup(&list(contacts, "Nobody yet: p2p open takes a share link."))),
            ("more", Part::Markup(&more)),
            ("strangers", Part::Markup(&strangers)),
            ("peers", Part::Markup(&list(peers, "Nobody now."))),
            ("overlays", Part::Markup(&list(overlays, "None are configured."))),
            ("authorities", Part::Markup(&list(authorities, "None: p2p authority add."))),
            ("certificates", Part::Markup(&list(certificates.collect(), "None."))),
        ],
    )
}

fn alarms(alarms: &[String]) -> String {
    if alarms.is_empty() {
        return String::new();
    }
    let line = |alarm: &String| format!("<li>{}</li>\n", in_one_piece(alarm));
    let lines: String = alarms.iter().map(line).collect();
    format!(
        "<section class=\"alarms\" role=\"alert\">\n<h2>Look at this</h2>\n<ul>\n{lines}</ul>\n\
         </section>\n"
    )
}

fn share(view: &View) -> String {
    let Some(code) = &view.share_code else { return String::new() };
    fill(
        "<div class=\"qr\" role=\"img\" aria-label=\"the share link as QR code\">{{code}}</div>\n",
        &[("code", Part::Markup(code))],
    )
}

/// What else is told of this identity, a line each.
fn facts(view: &View) -> String {
    let status = &view.status;
    let mut facts = Vec::new();
    if !status.share_link.is_empty() {
        facts.push(("Share link", status.share_link.clone()));
    }
    facts.extend(status.presence.iter().map(|presence| ("Found by", presence.words())));
    facts.push(("Peers come to", status.udp.join(" ")));
    let candidates: Vec<String> = status.candidates.iter().map(CandidateStatus::words).collect();
    if !candidates.is_empty() {
        facts.push(("Known addresses", candidates.join(", ")));
    }
    facts.push(("Browsers come to", status.proxy.join(" ")));
    facts.extend(status.rendezvous.iter().map(|node| ("Rendezvous", node.words())));
    facts.extend(status.lending.iter().map(|lending| ("Lends itself", lending.words())));
    facts.extend(status.teredo.iter().map(|state| ("Teredo", state.clone())));
    let line = |(what, fact): &(&str, String)| {
        fill(
            "<dt>{{what}}</dt>\n<dd><code>{{fact}}</code></dd>\n",
            &[("what", Part::Text(what)), ("fact", Part::Text(fact))],
        )
    };
    facts.iter().map(line).collect()
}

fn about_service(service: &ServiceStatus, view: &View) -> String {
    let ServiceStatus { port, target, allow, .. } = service;
    let private = if allow == "public" { String::new() } else { tag("private", false) };
    let mut more = text(target) + &text(&format!("for {allow}"));
    let name = view.status.name.as_deref().and_then(|name| Name::parse(name).ok());
    if let (Some(name), Some(port), Some(daemon)) = (name, ServicePort::new(*port), &view.daemon) {
        more.push_str(&ways(&Destination { name, port }, daemon));
    }
    row(&format!("Port {port}"), &private, &more)
}

/// The three addresses of a service.
fn ways(destination: &Destination, daemon: &str) -> String {
    let url = |form| destination.url(form, daemon, "/");
    fill(
        "<dl class=\"ways\">\n<dt>Browser</dt>\n<dd><a href=\"{{own}}\">{{own}}</a></dd>\n\
         <dt>Programs</dt>\n<dd><code>{{path}}</code></dd>\n\
         <dt>Proxy</dt>\n<dd><code>{{proxy}}</code></dd>\n</dl>\n",
        &[
            ("own", Part::Text(&url(AccessForm::OwnOrigin))),
            ("path", Part::Text(&url(AccessForm::Path))),
            ("proxy", Part::Text(&url(AccessForm::Proxy))),
        ],
    )
}

fn about_person(person: &Person) -> String {
    let Person { name, fingerprint, verdict, is_doubtful, reason } = person;
    let print = fingerprint.iter().map(|print| code(print)).collect::<String>();
    row(name, &tag(verdict, *is_doubtful), &(print + &text(reason)))
}

fn about_peer(peer: &PeerStatus) -> String {
    let who = peer.name.as_ref().unwrap_or(&peer.fingerprint);
    let is_doubtful = peer.path == "doubtful";
    let print = if peer.name.is_some() { code(&peer.fingerprint) } else { String::new() };
    row(who, &tag(&peer.path, is_doubtful), &(print + &text(&peer.path_words())))
}

fn about_overlay(overlay: &OverlayStatus) -> String {
    let failing = if overlay.error.is_some() { tag("fails", true) } else { String::new() };
    let alarm = if overlay.rollbacks > 0 { tag("goes back", true) } else { String::new() };
    let source = match overlay.source_words() {
        words if words.is_empty() => "not asked yet".into(),
        words => words,
    };
    let more = text(&overlay.storing_words()) + &text(&source);
    row(&overlay.address, &(failing + &alarm), &more)
}

fn about_authority(authority: &AuthorityView) -> String {
    let AuthorityView { name, fingerprints, patterns, list } = authority;
    let prints: String = fingerprints.iter().map(|print| code(print)).collect();
    row(name, "", &(prints + &text(&format!("for {patterns}; {list}"))))
}

/// One of a list: tag and more are markup.
fn row(title: &str, tag: &str, more: &str) -> String {
    let parts =
        [("title", Part::Text(title)), ("tag", Part::Markup(tag)), ("more", Part::Markup(more))];
    fill(ROW, &parts)
}

fn tag(word: &str, is_alarm: bool) -> String {
    let class = if is_alarm { "tag alarm" } else { "tag" };
    format!(" <span class=\"{class}\">{}</span>", escape(word))
}

/// A line, with fingerprints in one piece, as people compare them.
fn text(text: &str) -> String {
    format!("<p>{}</p>\n", in_one_piece(text))
}

fn in_one_piece(text: &str) -> String {
    let word = |word: &str| {
        let (bare, word) = (word.trim_end_matches([',', ';', ':', '.']), escape(word));
        if is_fingerprint(bare) { format!("<span class=\"print\">{word}</span>") } else { word }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Whether a word looks like one: groups of letters and digits with hyphens between.
fn is_fingerprint(word: &str) -> bool {
    let mut groups = word.split('-');
    word.len() == FINGERPRINT
        && groups.all(|g| g.len() == 4 && g.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn code(text: &str) -> String {
    format!("<p><code>{}</code></p>\n", escape(text))
}

fn nothing(text: &str) -> String {
    format!("<p class=\"none\">{}</p>\n", escape(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_stay_in_one_piece_and_markup_stays_text() {
        let print = "flnr-7zix-uujm-gz2m-56fp-ctvh";
        assert_eq!(
            in_one_piece(&format!("has key {print}, <b> a-b-c-d-e-f")),
            format!("has key <span class=\"print\">{print},</span> &lt;b&gt; a-b-c-d-e-f")
        );
        assert!(!is_fingerprint("flnr-7zix-uujm-gz2m-56fp-ctv") && !is_fingerprint(""));
    }

    #[test]
    fn what_comes_from_elsewhere_is_put_in_as_text() {
        let hostile = "<script>alert('{{name}}')</script>\"&\u{202e}";
        let person = Person {
            name: hostile.into(),
            fingerprint: Some(hostile.into()),
            verdict: "conflict",
            is_doubtful: true,
            reason: hostile.into(),
        };
        let authority = AuthorityView {
            name: hostile.into(),
            fingerprints: vec![hostile.into()],
            patterns: hostile.into(),
            list: hostile.into(),
        };
        let peer = PeerStatus {
            name: Some(hostile.into()),
            fingerprint: hostile.into(),
            path: hostile.into(),
            via: Some(hostile.into()),
            spare: Some(hostile.into()),
            rtt: 1.0,
            loss: 0.5,
            streams: 2,
        };
        let pages = [
            about_person(&person),
            about_authority(&authority),
            about_peer(&peer),
            alarms(&[hostile.into()]),
        ];
        for page in pages {
            assert!(page.contains("&lt;script&gt;alert(&#39;{{name}}&#39;)"), "{page}");
            assert!(!page.contains("<script") && !page.contains('\u{202e}'), "{page}");
        }
    }
}
