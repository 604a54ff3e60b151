//! The dashboard: for whoever runs the daemon and nobody else, with the words that everything else uses.

use std::fs;

use crate::scene::{Answer, Scene, path, request};
use testbed::people::{Program, run, text};

/// The daemon of somebody as a browser sees it.
struct Door<'a> {
    daemon: &'a Program,
}

impl Door<'_> {
    fn port(&self) -> &str {
        self.daemon.said("proxy").rsplit_once(':').unwrap().1
    }

    fn own_host(&self) -> String {
        format!("p2p.localhost:{}", self.port())
    }

    fn ask(&self, method: &str, host: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let url = format!("http://{}{path}", self.daemon.said("proxy"));
        request(method, &url, &[&[("Host", host), ("Accept", "text/html")], fields].concat(), "")
    }

    fn get(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask("GET", &self.own_host(), path, fields)
    }

    /// Comes in with an address that `p2p open` has printed; gives the path of the dashboard and the cookie.
    fn enter(&self, url: &str) -> (String, String) {
        let ticket = url.trim().strip_prefix(&format!("http://{}", self.own_host())).unwrap();
        let answer = self.get(ticket, &BROWSER);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let to = answer.fields["Refresh"].to_str().unwrap().strip_prefix("0; url=").unwrap();
        let cookie = answer.fields["Set-Cookie"].to_str().unwrap();
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(attributes, format!("Path={to}; HttpOnly; SameSite=Strict"));
        (to.to_owned(), pair.to_owned())
    }
}

const BROWSER: [(&str, &str); 3] =
    [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")];

fn locked(answer: &Answer) {
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert!(answer.body.contains("The dashboard is locked"), "{}", answer.body);
    assert!(answer.body.contains("<code>p2p open</code>"), "{}", answer.body);
    assert!(!answer.fields.contains_key("Set-Cookie"));
}

/// The words of a page.
fn words(page: &str) -> String {
    let mut words = String::new();
    for piece in page.split('<') {
        words.push_str(piece.split_once('>').map_or(piece, |(_, text)| text));
    }
    let entities = [("&#39;", "'"), ("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    entities.iter().fold(words, |words, (entity, meant)| words.replace(entity, meant))
}

#[test]
fn it_opens_with_a_ticket_once_and_nobody_else_comes_in() {
    let scene = Scene::set();
    scene.init("bob", "bob@example.com");
    let (code, told) = scene.fails("bob", &["open"]);
    assert_eq!(code, 1);
    assert_eq!(
        told,
        "p2p: error: no daemon runs for this home\n\
         hint: p2p proxy lets browsers in; p2p open TARGET prints an address\n"
    );
    let evil = scene.home("bob").with_extension("<b>evil&\"'");
    fs::create_dir(&evil).unwrap();
    let overlay = scene.overlay();
    let serve = ["serve", path(&evil), "--port", "1000", "--udp", "127.0.0.1:0"];
    let served =
        Program::start(&scene.home("bob"), &[&serve[..], &["--overlay", &overlay]].concat());
    let (code, told) = scene.fails("bob", &["open"]);
    assert_eq!(code, 1);
    assert!(told.starts_with("p2p: error: no browser has a way to this daemon\nhint: p2p proxy "));
    let bob = scene.proxy("bob");
    let door = Door { daemon: &bob };

    // those who have nothing, or the wrong thing
    for path in ["/", "/enter/", "/enter/a", "/dashboard/", "/dashboard/a/", "/dashboard/a/b/"] {
        locked(&door.get(path, &BROWSER));
        locked(&door.get(path, &[("Cookie", "p2p-dashboard=a")]));
    }
    let text_form = request(
        "GET",
        &format!("http://{}/", bob.said("proxy")),
        &[("Host", &door.own_host()), ("Accept", "text/plain")],
        "",
    );
    assert!(text_form.body.starts_with("the dashboard is locked\n"), "{}", text_form.body);

    let url = scene.done("bob", &["open"]);
    let ticket = &url.trim()[url.find("/enter/").unwrap()..];
    // a look ahead and a look at the head do not use it up, a wrong host does not see it
    locked(&door.get(ticket, &[&BROWSER[..], &[("Sec-Purpose", "prefetch;prerender")]].concat()));
    assert_eq!(door.ask("HEAD", &door.own_host(), ticket, &[]).status, 403);
    let local = format!("localhost:{}", door.port());
    assert_eq!(door.ask("GET", &local, ticket, &BROWSER).status, 404);
    let (page, cookie) = door.enter(&url);
    locked(&door.get(ticket, &BROWSER));

    let cookie = [("Cookie", cookie.as_str())];
    let with = |fields: &[(&str, &str)]| door.get(&page, &[&cookie[..], fields].concat());
    let shown = with(&BROWSER);
    assert_eq!(shown.status, 200, "{}", shown.body);
    for (name, value) in [
        ("X-Frame-Options", "DENY"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ] {
        assert_eq!(shown.fields[name], value, "{name}");
    }
    let policy = shown.fields["Content-Security-Policy"].to_str().unwrap();
    for directive in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'none'"] {
        assert!(policy.contains(directive), "{policy}");
    }
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
    // what others have named stays text, and no secret is on the page
    assert!(!shown.body.contains("<b>evil") && words(&shown.body).contains("<b>evil&\"'"));
    let secrets = [cookie[0].1.split_once('=').unwrap().1, page.split('/').nth(2).unwrap(), ticket];
    let token = fs::read_to_string(scene.home("bob").join("token")).unwrap();
    for secret in secrets.iter().copied().chain([token.trim()]) {
        assert!(secret.len() > 20 && !shown.body.contains(secret), "{secret}");
    }
    assert!(!shown.body.contains("<script"));

    // another session's cookie, a neighbour's, two of the same name
    let (other_page, other_cookie) = door.enter(&scene.done("bob", &["open"]));
    locked(&door.get(&page, &[("Cookie", &other_cookie)]));
    locked(&door.get(&other_page, &cookie));
    locked(&door.get(&page, &[]));
    let tossed = format!("p2p-dashboard=x; {}", cookie[0].1);
    assert_eq!(door.get(&page, &[("Cookie", &tossed)]).status, 200);

    // pages of other sites, whatever the browser sends with them
    let foreign = [
        [
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Mode", "no-cors"),
            ("Sec-Fetch-Dest", "image"),
        ],
        [("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")],
        [
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Mode", "navigate"),
            ("Sec-Fetch-Dest", "iframe"),
        ],
    ];
    for fields in foreign {
        let answer = with(&fields);
        assert_eq!(answer.status, 403, "{fields:?}");
        assert!(answer.body.contains("A web page reached for something"), "{}", answer.body);
    }
    let origin = format!("http://1000-alice-at-example-com.localhost:{}", door.port());
    for origin in [origin.as_str(), "http://evil.example", "null"] {
        assert_eq!(with(&[("Origin", origin)]).status, 403, "{origin}");
    }
    // DNS rebinding, and every origin that is another than its own
    for host in ["evil.example", "evil.example:5050", "p2p.localhost.evil.example"] {
        let answer = door.ask("GET", host, &page, &cookie);
        assert_eq!(answer.status, 403, "{host}");
        assert!(answer.body.contains("This address does not belong here"), "{}", answer.body);
    }
    for host in [local.as_str(), "127.0.0.1", "[::1]"] {
        assert_eq!(door.ask("GET", host, &page, &cookie).status, 404, "{host}");
    }
    // nothing is changed here, and the cookie opens nothing else
    let own = format!("http://{}", door.own_host());
    for method in ["POST", "PUT", "DELETE"] {
        for fields in [&[("Sec-Fetch-Site", "same-origin")][..], &[("Origin", &own)], &[]] {
            let fields = [&cookie[..], fields].concat();
            let answer = door.ask(method, &door.own_host(), &page, &fields);
            assert_eq!(
                (answer.status, &answer.fields["Allow"]),
                (405, &"GET, HEAD".parse().unwrap())
            );
        }
        let crossed = [&cookie[..], &[("Sec-Fetch-Site", "cross-site")]].concat();
        assert_eq!(door.ask(method, &door.own_host(), &page, &crossed).status, 403);
    }
    for path in ["/api/status", "/api/contacts", &format!("{page}api/status")] {
        let status = door.get(path, &cookie).status;
        assert!([401, 403].contains(&status), "{path}: {status}");
    }
    // who may use the control interface gets a ticket there, and nobody else does
    let ask =
        |fields: &[(&str, &str)]| door.ask("POST", &door.own_host(), "/api/dashboard", fields);
    assert_eq!(ask(&cookie).status, 401);
    let bearer = format!("Bearer {}", token.trim());
    let bearer = ("Authorization", bearer.as_str());
    assert_eq!(ask(&[bearer, ("Origin", "http://evil.example")]).status, 403);
    let answer = ask(&[bearer]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    door.enter(answer.body.split('"').nth(3).unwrap());

    // the front page leads to the door, and gives nothing away
    let front = door.ask("GET", &local, "/", &cookie);
    assert!(front.body.contains(&format!("href=\"{own}/\"")), "{}", front.body);
    assert!(!front.body.contains("/enter/") && !front.body.contains("/dashboard/"));
    drop(served);
}

/// Pinned, certified, vouched for by the domain, first use, conflict, refused: the error page, `p2p why` and the
/// dashboard say the same, word for word.
#[test]
fn reasons_are_the_same_everywhere() {
    let scene = Scene::set();
    let key = |home: &str| {
        let status = scene.done(home, &["contact", "show", "--json"]);
        let part = |name: &str| {
            status
                .split(&format!("\"{name}\":\""))
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap()
                .to_owned()
        };
        (part("key"), part("fingerprint"))
    };
    let who = ["pia", "dora", "fay", "carl", "kim", "mallory", "rita", "sam"];
    let name = |home: &str| match home {
        "mallory" => "kim@example.com".to_owned(),
        home => format!("{home}@example.com"),
    };
    for home in who {
        scene.init(home, &name(home));
    }
    // an authority certifies carl and rita, and takes back what it said of rita
    scene.done("club", &["ca", "init", "club", "--for", "example.com", "--no-passphrase"]);
    for home in ["carl", "rita"] {
        let (public, cert) = (scene.home(home).join("identity.pub"), scene.home("cert"));
        let sign = ["ca", "sign", path(&public), "--name", &name(home), "--days", "90"];
        scene.done("club", &[&sign[..], &["--out", path(&cert)]].concat());
        scene.done(home, &["certificate", "add", path(&cert)]);
    }
    scene.done("club", &["ca", "revoke", &name("rita")]);
    let authority = scene.home("club").join("ca/club.authority");
    scene.done("bob", &["authority", "add", path(&authority)]);
    scene.done("bob", &["authority", "add", path(&scene.home("club").join("ca/revocations"))]);
    scene.configure("bob", "first-use = \"refuse\"\nwell-known = \"off\"\n");
    let book = scene.home("book");
    let line = |home: &str, binding: &str| {
        format!("{} {} {binding} 2026-11-01T12:00:00Z\n", name(home), key(home).0)
    };
    let known = [("pia", "pinned"), ("dora", "domain"), ("fay", "first-use"), ("kim", "pinned")];
    fs::write(&book, known.map(|(home, binding)| line(home, binding)).concat()).unwrap();
    scene.done("bob", &["contact", "import", path(&book)]);
    let served = who.iter().filter(|home| **home != "kim");
    let _served: Vec<Program> = served.map(|home| scene.serve(home, "hello", &[])).collect();
    let bob = scene.proxy("bob");
    let door = Door { daemon: &bob };
    assert_eq!(crate::scene::get(&bob, &name("carl")).body, "hello");

    let since = "is a contact since 2026-11-01T12:00:00Z:";
    let print = |home: &str| key(home).1;
    let overlay = scene.overlay();
    let expected = [
        ("pia", format!("{} {since} you pinned key {}", name("pia"), print("pia"))),
        (
            "dora",
            format!(
                "{} {since} the domain's web site vouched for key {}",
                name("dora"),
                print("dora")
            ),
        ),
        (
            "fay",
            format!("{} {since} the first key to claim the name was {}", name("fay"), print("fay")),
        ),
        ("carl", "the authority club certifies until ".to_owned()),
        (
            "kim",
            format!(
                "{} is known with key {}, but the name is now claimed by {} (from {overlay})",
                name("kim"),
                print("kim"),
                print("mallory")
            ),
        ),
        (
            "rita",
            format!(
                "{} has key {}, which is refused: club has revoked the certificate (serial 2, list 1)",
                name("rita"),
                print("rita")
            ),
        ),
        (
            "sam",
            format!(
                "{} is no contact, and strangers are refused; the key is {}",
                name("sam"),
                print("sam")
            ),
        ),
    ];
    let mut reasons = Vec::new();
    for (home, wanted) in &expected {
        let url = format!("http://{}/{}/2000/", bob.said("proxy"), name(home));
        let told = request("GET", &url, &[("Accept", "text/plain")], "").body;
        let page = request("GET", &url, &[("Accept", "text/html")], "").body;
        let why = run(&scene.home("bob"), &["why", &format!("{}:2000", name(home))]);
        let why = text(&why.stdout[..]) + &text(&why.stderr[..]);
        let trust = told.lines().find_map(|line| line.strip_prefix("trust: "));
        // where the key is not believed this is what the failure is about
        let reason = trust.map_or(wanted.clone(), str::to_owned);
        assert!(reason.contains(wanted.as_str()), "{home}: {told}");
        assert!(trust.is_some() != ["kim", "rita", "sam"].contains(home), "{home}: {told}");
        assert!(told.contains(&reason), "{home}: {told}");
        assert!(words(&page).contains(&reason), "{home}: {page}");
        assert!(why.contains(&reason), "{home}: {why}");
        reasons.push(reason);
    }
    let (dashboard, cookie) = door.enter(&scene.done("bob", &["open"]));
    let page = words(&door.get(&dashboard, &[("Cookie", &cookie)]).body);
    for reason in &reasons {
        assert!(page.contains(reason), "{reason} is not in {page}");
    }
    let [known, strange] =
        ["Contacts", "Looked for, no contacts"].map(|part| page.find(part).unwrap());
    assert!(known < strange && page[strange..].contains(&reasons[6]), "{page}");
    let alarms = &page[page.find("Look at this").unwrap()..page.find("Fingerprint").unwrap()];
    for reason in &reasons[4..] {
        assert!(alarms.contains(reason), "{reason} is not in {alarms}");
    }
    assert!(!alarms.contains(&reasons[0]), "{alarms}");
}
